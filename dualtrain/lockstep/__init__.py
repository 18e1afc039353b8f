"""Lockstep: one update judged from one state, in two halves, by numpy alone.

`_record.py` is what a side shows of one update, `_reading.py` what is said of it; `_nudged.py`
moves weights by the least that rounding could.
"""

from dualtrain.lockstep._nudged import PLACES as PLACES
from dualtrain.lockstep._nudged import nudged as nudged
from dualtrain.lockstep._nudged import ulp as ulp
from dualtrain.lockstep._reading import Judged as Judged
from dualtrain.lockstep._reading import Lockstep as Lockstep
from dualtrain.lockstep._reading import Reading as Reading
from dualtrain.lockstep._record import Move as Move
from dualtrain.lockstep._record import Pass as Pass
from dualtrain.lockstep._record import Scalars as Scalars
from dualtrain.lockstep._record import Shown as Shown
