"""Text classification with an encoder of a known family, fresh or from a Hugging Face checkpoint.

`_task.py` is the task, `_words.py` the words for its model, `_config.py` what that is built from.
`_texts.py` and `_classes.py` read the rows, `_wordpiece.py` and `_checkpoint_tokenizer.py` (with
`_tokenizer_settings.py`) make tokenizers, `_prepare.py` and `_prepared.py` put data together.
`_checkpoint_config.py` (with `_checkpoint_fields.py`), `_head.py`, `_checkpoint_notes.py` and
`_checkpoint.py` read a checkpoint, the last with `_checkpoint_files.py` (the safetensors files),
`_checkpoint_prefix.py` and `_paddlenlp_names.py` (what its tensors are called); `_initial.py` gives
weights; `_save.py` with `_tokenizer_config.py` writes a checkpoint.
"""

from dualtrain.tasks.text_classification._config import EncoderConfig as EncoderConfig
from dualtrain.tasks.text_classification._paddlenlp_names import (
    PADDLENLP_NAMES as PADDLENLP_NAMES,
)
from dualtrain.tasks.text_classification._task import TextClassification as TextClassification
from dualtrain.tasks.text_classification._words import CheckpointModel as CheckpointModel
from dualtrain.tasks.text_classification._words import FreshModel as FreshModel
