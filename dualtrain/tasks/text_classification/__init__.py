"""Text classification with an encoder of a known family, fresh or from a Hugging Face checkpoint.

`_task.py` is the task, `_words.py` the words for its model, `_config.py` what that is built from,
`_initial.py` what its weights are at first. `_texts.py` and `_classes.py` read the rows;
`_prepare.py` makes data of them, which `_prepared.py` describes; `_predictor.py` predicts by a
saved folder. A checkpoint has three rooms:
`checkpoint/` reads what its folder says of the model, `tokenizer/` how it cuts texts, and `saved/`
writes such a folder.
"""

from dualtrain.tasks.text_classification._config import EncoderConfig as EncoderConfig
from dualtrain.tasks.text_classification._task import TextClassification as TextClassification
from dualtrain.tasks.text_classification._words import CheckpointModel as CheckpointModel
from dualtrain.tasks.text_classification._words import FreshModel as FreshModel
from dualtrain.tasks.text_classification.checkpoint import PADDLENLP_NAMES as PADDLENLP_NAMES
