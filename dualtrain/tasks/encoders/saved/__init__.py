"""A trained model as a Hugging Face checkpoint folder: what `{path: ...}` of a spec reads.

`_folder.py` writes it, all but the weights. `_tokenizer_config.py` says how tokenizer.json is to be
read, `_tokenizer_files.py` has the files for classes that do not read it.
"""

from dualtrain.tasks.encoders.saved._folder import save_config as save_config
from dualtrain.tasks.encoders.saved._tokenizer_config import (
    tokenizer_config as tokenizer_config,
)
from dualtrain.tasks.encoders.saved._tokenizer_files import FAST_ALONE as FAST_ALONE
from dualtrain.tasks.encoders.saved._tokenizer_files import (
    has_slow_class as has_slow_class,
)
