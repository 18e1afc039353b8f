"""What a checkpoint's folder says of the model; `tokenizer/` has what it says of texts.

`_config.py` reads config.json by the table in `_fields.py`; `_tokenizer_fields.py` has the table
of the tokenizer's files. `_safetensors.py` opens the files of weights, and `_weights.py` makes the
model's of them: `_prefix.py` and `_paddlenlp_names.py` know what else a tensor is called.
`_head.py` decides on the classification head, `_notes.py` tells what became of all this.
`_files.py` has what both rooms do with a file: open it, and refuse it.
"""

from dualtrain.tasks.encoders.checkpoint._config import (
    read_checkpoint_config as read_checkpoint_config,
)
from dualtrain.tasks.encoders.checkpoint._files import refusal as refusal
from dualtrain.tasks.encoders.checkpoint._head import class_order as class_order
from dualtrain.tasks.encoders.checkpoint._head import stored_classes as stored_classes
from dualtrain.tasks.encoders.checkpoint._notes import (
    checkpoint_notes as checkpoint_notes,
)
from dualtrain.tasks.encoders.checkpoint._paddlenlp_names import (
    PADDLENLP_NAMES as PADDLENLP_NAMES,
)
from dualtrain.tasks.encoders.checkpoint._weights import read_weights as read_weights
