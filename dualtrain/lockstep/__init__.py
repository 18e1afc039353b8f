"""Lockstep: one update judged from one state, in two halves, by numpy alone.

`_record.py` is what a side shows of one update, `_reading.py` what is said of it,
`_told.py` says that in words.
"""

from dualtrain.lockstep._reading import Judged as Judged
from dualtrain.lockstep._reading import Lockstep as Lockstep
from dualtrain.lockstep._reading import Outcome as Outcome
from dualtrain.lockstep._reading import Reading as Reading
from dualtrain.lockstep._record import Move as Move
from dualtrain.lockstep._record import Pass as Pass
from dualtrain.lockstep._record import Scalars as Scalars
from dualtrain.lockstep._record import Shown as Shown
from dualtrain.lockstep._told import told as told
