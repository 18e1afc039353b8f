"""Data: what all tasks share between a file and a micro-batch, in numpy, for both frameworks.

`_tables.py` reads files and `_columns.py` says what a cell may be, `_prepared.py` keeps what a task
made of them, `_order.py` and `_batches.py` turn that into micro-batches.
"""

from dualtrain.data._batches import EpochBatches as EpochBatches
from dualtrain.data._batches import batch_count as batch_count
from dualtrain.data._batches import batch_digest as batch_digest
from dualtrain.data._batches import batches_of_epoch as batches_of_epoch
from dualtrain.data._batches import held_out_batches as held_out_batches
from dualtrain.data._columns import Column as Column
from dualtrain.data._json_lines import json_objects as json_objects
from dualtrain.data._order import permutation as permutation
from dualtrain.data._prepared import MicroBatch as MicroBatch
from dualtrain.data._prepared import PreparedData as PreparedData
from dualtrain.data._prepared import Split as Split
from dualtrain.data._refusal import refusal as refusal
from dualtrain.data._tables import DataTable as DataTable
from dualtrain.data._tables import read_table as read_table
from dualtrain.data._tables import read_utf8 as read_utf8
from dualtrain.printable import shown as shown
