"""Room 5, parity: two traces, stage by stage; who differs, where first, which knob.

Pure functions over data, no rendering (that is `dualtrain.report`). `_finding.py` says what a
result is, `_tolerances.py` has every bound with its reason. `_before.py` measures what is known
before training, `_during.py` what happens in it, `_after.py` what it arrived at, with `_weights.py`
for the final weights, which `_read_weights.py` reads; `_finite.py` finds where both sides left the
finite numbers, `_completeness.py` what should be recorded and is not, `_spec.py` what the specs
alone tell, `_numbers.py` has the distances. `_stages.py` makes findings of the measures,
`_floor.py` widens them to the chaos floor, `_lockstep.py` makes two of what was judged update by
update, `_first.py` says which of them decides, and `_compare.py` puts all in order, for two runs;
of a trace without a plan only what both record, by `_common.py`. `_against_plan.py` compares a run
with what its spec says. `_fields.py` tells of every field of a trace which stage compares it, or
why none does. The verdict is symmetric: a difference, else what is no proof, else agreement.
"""

from dualtrain.parity._against_plan import compare_with_plan as compare_with_plan
from dualtrain.parity._compare import compare as compare
from dualtrain.parity._compare import compare_files as compare_files
from dualtrain.parity._compare import compare_followed as compare_followed
from dualtrain.parity._compare import compare_headers as compare_headers
from dualtrain.parity._finding import Comparison as Comparison
from dualtrain.parity._finding import Finding as Finding
from dualtrain.parity._finding import ParityClass as ParityClass
from dualtrain.parity._finding import Series as Series
from dualtrain.parity._finding import Unit as Unit
from dualtrain.parity._finding import Verdict as Verdict
from dualtrain.parity._read_weights import read_weights as read_weights
from dualtrain.parity._tensors import ParameterDifference as ParameterDifference
from dualtrain.parity._weight_set import WeightSet as WeightSet
from dualtrain.parity._weights import Weights as Weights
