"""Room 4, the trace: what happened in one run, as a JSON Lines file; facts, and where there was one
the plan.

The first line is the header, then one line an update or evaluation, as they happen, then one end.
Without an end the run was cut, and its trace is read up to there. `_header.py` and `_records.py`
have the lines' fields, `_values.py` their types; `_lines.py` takes lines for records and refuses
others, `_write.py` and `_read.py` write and read files, `_mark.py` says up to where one is written;
`_version_2.py` reads those of before.
`_consistency.py` holds the header against itself, `_sequence.py` the other lines against each other
and against it, `_own_loop.py` says what only a loop of one's own may do; `_digest.py` has the
digests of weights. No pickle; floats round-trip exactly.
"""

from dualtrain.trace._digest import differing_files as differing_files
from dualtrain.trace._digest import weight_digest as weight_digest
from dualtrain.trace._digest import weights_digest as weights_digest
from dualtrain.trace._header import Computation as Computation
from dualtrain.trace._header import Decision as Decision
from dualtrain.trace._header import Header as Header
from dualtrain.trace._header import ParameterFacts as ParameterFacts
from dualtrain.trace._header import PlanFacts as PlanFacts
from dualtrain.trace._lines import header_from_json as header_from_json
from dualtrain.trace._lines import header_to_json as header_to_json
from dualtrain.trace._mark import TraceMark as TraceMark
from dualtrain.trace._mark import header_of_rows as header_of_rows
from dualtrain.trace._own_loop import begins_epoch as begins_epoch
from dualtrain.trace._own_loop import leaves_epochs as leaves_epochs
from dualtrain.trace._own_loop import sizes_of_groups as sizes_of_groups
from dualtrain.trace._read import read_trace as read_trace
from dualtrain.trace._records import DONE as DONE
from dualtrain.trace._records import End as End
from dualtrain.trace._records import Evaluation as Evaluation
from dualtrain.trace._records import Trace as Trace
from dualtrain.trace._records import Update as Update
from dualtrain.trace._write import TraceWriter as TraceWriter
from dualtrain.trace._write import check_trace_file as check_trace_file
