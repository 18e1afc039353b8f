"""Data: read, tokenized, shuffled and batched once, in numpy, for both frameworks.

`_tables.py` reads files, `_wordpiece.py` and `_checkpoint_tokenizer.py` make tokenizers,
`_prepare.py` puts them together, `_prepared.py` keeps the result, `_order.py` and `_batches.py`
turn it into micro-batches.
"""

from dualtrain.data._batches import Batch as Batch
from dualtrain.data._batches import EpochBatches as EpochBatches
from dualtrain.data._batches import batch_count as batch_count
from dualtrain.data._batches import batch_digest as batch_digest
from dualtrain.data._batches import batches_of_epoch as batches_of_epoch
from dualtrain.data._batches import collate as collate
from dualtrain.data._batches import held_out_batches as held_out_batches
from dualtrain.data._order import permutation as permutation
from dualtrain.data._prepare import prepare as prepare
from dualtrain.data._prepare import read_splits as read_splits
from dualtrain.data._prepared import Prepared as Prepared
from dualtrain.data._prepared import Split as Split
from dualtrain.data._tables import Table as Table
from dualtrain.data._tables import read_table as read_table
