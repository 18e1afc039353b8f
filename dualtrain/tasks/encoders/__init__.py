"""Encoders of known families, fresh or from a Hugging Face checkpoint: what tasks on texts share.

`_task.py` is the base of those tasks, `_words.py` the words for their model, `_config.py` what that
is built from, `_initial.py` what its weights are at first. `_reading.py` cuts texts into tokens,
`_prepared.py` has what both frameworks see of them. A checkpoint has three rooms: `checkpoint/`
reads what its folder says of the model, `tokenizer/` how it cuts texts, and `saved/` writes such a
folder.
"""

from dualtrain.tasks.encoders._config import EncoderConfig as EncoderConfig
from dualtrain.tasks.encoders._prepared import PreparedTexts as PreparedTexts
from dualtrain.tasks.encoders._prepared import TextSplit as TextSplit
from dualtrain.tasks.encoders._prepared import Tokens as Tokens
from dualtrain.tasks.encoders._prepared import collate as collate
from dualtrain.tasks.encoders._reading import Reading as Reading
from dualtrain.tasks.encoders._reading import reading_of as reading_of
from dualtrain.tasks.encoders._task import EncoderTask as EncoderTask
from dualtrain.tasks.encoders._words import AnyModel as AnyModel
from dualtrain.tasks.encoders._words import CheckpointModel as CheckpointModel
from dualtrain.tasks.encoders._words import FreshModel as FreshModel
from dualtrain.tasks.encoders.checkpoint import PADDLENLP_NAMES as PADDLENLP_NAMES
