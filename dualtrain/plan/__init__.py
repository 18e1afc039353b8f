"""Room 2, the plan: everything a framework could round its own way, decided once.

`_plan.py` has the whole numbers, `_fit.py` what they leave no room for, `_curves.py` the schedule
over them, whose formula is its own record's, `_plateau.py` the one that looks at a metric,
`_monitor.py` what early stopping and the best model remember,
`_loss_scale.py` the state machine of float16's loss scaling, `_notes.py` what a plan will not do
though its spec says so. Pure Python and numpy.
"""

from dualtrain.plan._averages import decay_at as decay_at
from dualtrain.plan._averages import start_left as start_left
from dualtrain.plan._clock import clock_of as clock_of
from dualtrain.plan._curves import Curve as Curve
from dualtrain.plan._loss_scale import Scaling as Scaling
from dualtrain.plan._monitor import STOPPED_EARLY as STOPPED_EARLY
from dualtrain.plan._monitor import Monitor as Monitor
from dualtrain.plan._notes import decay_note as decay_note
from dualtrain.plan._notes import warmup_note as warmup_note
from dualtrain.plan._plan import Plan as Plan
from dualtrain.plan._plan import round_product as round_product
from dualtrain.plan._plateau import Plateau as Plateau
from dualtrain.plan._warmup import Rise as Rise
