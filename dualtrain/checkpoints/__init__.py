"""Checkpoints: the whole state of a run in a folder, from which it goes on in either framework.

`_checkpoint.py` is one checkpoint and what it is as arrays and a JSON document; `_files.py` writes
and reads it, whole or not there; `_keeper.py` holds the folder for one run and keeps the latest;
`_changed.py` says in what two specs differ. safetensors and JSON; no pickle.
"""

from dualtrain.checkpoints._changed import changed as changed
from dualtrain.checkpoints._checkpoint import Checkpoint as Checkpoint
from dualtrain.checkpoints._files import newest as newest
from dualtrain.checkpoints._keeper import INITIAL as INITIAL
from dualtrain.checkpoints._keeper import Keeper as Keeper
from dualtrain.checkpoints._keeper import Listed as Listed
from dualtrain.checkpoints._keeper import keeping as keeping
