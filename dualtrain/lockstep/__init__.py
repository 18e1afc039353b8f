"""Lockstep: one update judged from one state, in two halves, by numpy alone.

`_record.py` is what a side shows of one update, `_reading.py` what is said of it; `_files.py` has
both ends of the files; `_told.py` says a reading in words. `_judge.py` judges an update, and a run
of them.

Half (a): `_gradients.py` holds the gradients, the losses and the running statistics of two sides
against each other (`_quantities.py`, `_fused.py`), if `_doubts.py` finds that they can be;
`_nudges.py` finds out what rounding does to them, in units of `_units.py`; `_knobs.py` says where
to look.

Half (b): `_rule.py` holds what a side makes of given gradients against the rule: `_rule_clock.py`
its counts and rates, `_rule_clip.py` its norm and clip, `_rule_parameter.py` each weight and state,
in units of the roundings (`_rule_held.py`) that `_rounded.py` counts while `_rule_step.py` runs the
rule's own text over it, and `_rule_slope.py` what is off alike in a whole tensor. `_probe.py` makes
up a state in which more is seen.
"""

from dualtrain.lockstep._files import FILES as FILES
from dualtrain.lockstep._files import States as States
from dualtrain.lockstep._files import led_attempts as led_attempts
from dualtrain.lockstep._files import led_file as led_file
from dualtrain.lockstep._files import read_led as read_led
from dualtrain.lockstep._files import read_shown as read_shown
from dualtrain.lockstep._files import read_states as read_states
from dualtrain.lockstep._files import write_led as write_led
from dualtrain.lockstep._files import write_shown as write_shown
from dualtrain.lockstep._files import write_states as write_states
from dualtrain.lockstep._fused import by_part as by_part
from dualtrain.lockstep._gradients import judge_gradients as judge_gradients
from dualtrain.lockstep._judge import judge as judge
from dualtrain.lockstep._judge import judge_folder as judge_folder
from dualtrain.lockstep._judge import settled as settled
from dualtrain.lockstep._nudged import nudged as nudged
from dualtrain.lockstep._nudges import explore as explore
from dualtrain.lockstep._probe import probe_state as probe_state
from dualtrain.lockstep._reading import Judged as Judged
from dualtrain.lockstep._reading import Lockstep as Lockstep
from dualtrain.lockstep._reading import Outcome as Outcome
from dualtrain.lockstep._reading import Reading as Reading
from dualtrain.lockstep._record import Led as Led
from dualtrain.lockstep._record import Move as Move
from dualtrain.lockstep._record import Pass as Pass
from dualtrain.lockstep._record import Scalars as Scalars
from dualtrain.lockstep._record import Shown as Shown
from dualtrain.lockstep._rule import judge_rule as judge_rule
from dualtrain.lockstep._told import told as told
from dualtrain.lockstep._units import TYPES as TYPES
from dualtrain.lockstep._units import unit_of as unit_of
