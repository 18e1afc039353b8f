"""Training: the backend's verbs driven by one core, written once for both frameworks.

`_run.py` is one run and its clock, `_loop.py` the loop over micro-batches, `_objective.py` the loss
of one, `_task.py` a whole task from its data to its evaluation; `_before.py` refuses what needs no
framework to be seen. `_header.py`, `_probe.py` and `_recorder.py` put down what happens, for the
trace; `_watch.py` warns of a run that trains nothing. `_native.py` gives the native objects alone.
"""

from dualtrain.training._before import check_before as check_before
from dualtrain.training._before import expected_ledger as expected_ledger
from dualtrain.training._before import parameters_of as parameters_of
from dualtrain.training._before import task_of as task_of
from dualtrain.training._loop import Batches as Batches
from dualtrain.training._loop import Metric as Metric
from dualtrain.training._loop import fit as fit
from dualtrain.training._native import build_optimizer as build_optimizer
from dualtrain.training._native import build_schedule as build_schedule
from dualtrain.training._objective import Batch as Batch
from dualtrain.training._objective import LossSum as LossSum
from dualtrain.training._run import Applied as Applied
from dualtrain.training._run import Run as Run
from dualtrain.training._run import start as start
from dualtrain.training._task import Observer as Observer
from dualtrain.training._task import ledger as ledger
from dualtrain.training._task import train as train
