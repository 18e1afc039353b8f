"""How texts become token ids, by the package tokenizers: a door that needs it.

`_wordpiece.py` learns a tokenizer from texts. A checkpoint's is read in `_load.py`: from
tokenizer.json by `_tokenizer_json.py`, or from a vocabulary; `_settings.py` has what the files
beside say, and `_tokens.py` the tokens that they name.
"""

from dualtrain.tasks.encoders.tokenizer._load import load_tokenizer as load_tokenizer
from dualtrain.tasks.encoders.tokenizer._settings import read_settings as read_settings
from dualtrain.tasks.encoders.tokenizer._tokens import content as content
from dualtrain.tasks.encoders.tokenizer._tokens import refused as refused
from dualtrain.tasks.encoders.tokenizer._wordpiece import NAMES as NAMES
from dualtrain.tasks.encoders.tokenizer._wordpiece import PAD as PAD
from dualtrain.tasks.encoders.tokenizer._wordpiece import (
    train_wordpiece as train_wordpiece,
)
