"""Training: the backend's verbs driven by one core, written once for both frameworks.

`_run.py` is one run and its clock, `_state.py` its state, `_loss.py` what it takes for a loss;
`_loop.py` the one loop over micro-batches, whose updates `_update.py` makes; `_fit.py` gives it to
a model of the user's and `_task.py` to a whole task, which `_task_side.py` begins; `_start.py`
begins a loop of the user's own. `_batch.py` and `_epochs.py` take the data as users have them,
`_objective.py` makes a loss of them. `_drawn.py` draws them from where the run stands in the data,
with the random states of `_random.py`.

Between two updates turns are taken (`_turn.py`): `_evaluations.py` scores the model, `_plateau.py`
takes a metric, and what they find may end the run.

`processes/` shares each micro-batch among several processes, which know of each other.

`_states.py` leaves the states of a run, and `_follow.py` goes on from them, update by update, to
show what another side makes of each: by `_passes.py` in the run's own types and by `_wide.py` in
float64.

Whatever else is done with a run observes it (`_observer.py`), a user's callbacks (`_callbacks.py`)
too: `_journal.py` reads the numbers, `_recorder.py` writes them down behind what `_header.py` and
`_probe.py` describe, `_save.py` the weights; `_watch.py` warns of a run that trains nothing.
`_saved.py` leaves the task beside the weights, and `_predict.py` predicts by both. `_before.py`
refuses what needs no framework to be seen, `_memory.py` a model that is too large, `_outputs.py` a
place where a run must not write; `_native.py` gives the native objects alone, `_nudge.py` moves a
model's weights for the chaos floor.
"""

from dualtrain.training._before import check_before as check_before
from dualtrain.training._before import expected_ledger as expected_ledger
from dualtrain.training._before import model_config as model_config
from dualtrain.training._before import parameters_of as parameters_of
from dualtrain.training._before import task_of as task_of
from dualtrain.training._callbacks import Callback as Callback
from dualtrain.training._epochs import Batches as Batches
from dualtrain.training._fit import fit as fit
from dualtrain.training._follow import follow as follow
from dualtrain.training._follow import follow_task as follow_task
from dualtrain.training._journal import AppliedUpdate as AppliedUpdate
from dualtrain.training._native import build_optimizer as build_optimizer
from dualtrain.training._native import build_schedule as build_schedule
from dualtrain.training._nudge import nudge as nudge
from dualtrain.training._objective import LossSum as LossSum
from dualtrain.training._observer import Observer as Observer
from dualtrain.training._outputs import inputs_of as inputs_of
from dualtrain.training._plateau import Metric as Metric
from dualtrain.training._predict import Weights as Weights
from dualtrain.training._predict import predict as predict
from dualtrain.training._run import Run as Run
from dualtrain.training._save import weights_size as weights_size
from dualtrain.training._start import resume as resume
from dualtrain.training._start import start as start
from dualtrain.training._task import task_ledger as task_ledger
from dualtrain.training._task import train as train
