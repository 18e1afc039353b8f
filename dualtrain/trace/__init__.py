"""Room 4, the trace: what happened at each update of one run, as a JSON Lines file.

The first line is the header, then one line per update, then one end line; without it the run did
not finish. `_records.py` has the lines' fields, `_file.py` writes and reads, `_digest.py` has
the digests of weights. No pickle; floats
round-trip exactly.
"""

from dualtrain.trace._digest import weight_digest as weight_digest
from dualtrain.trace._digest import weights_digest as weights_digest
from dualtrain.trace._file import Trace as Trace
from dualtrain.trace._file import TraceWriter as TraceWriter
from dualtrain.trace._file import check_regular as check_regular
from dualtrain.trace._file import header_from_json as header_from_json
from dualtrain.trace._file import header_to_json as header_to_json
from dualtrain.trace._file import read_trace as read_trace
from dualtrain.trace._records import End as End
from dualtrain.trace._records import Header as Header
from dualtrain.trace._records import LedgerEntry as LedgerEntry
from dualtrain.trace._records import Update as Update
