"""Training: the backend's verbs driven by one core, written once for both frameworks.

From the ground up; a room imports only from those before it:

- `processes/`: several processes share each micro-batch, and know of each other;
- `checks/`: what needs no framework to be refused;
- `run/`: one run and its clock, its state, and its numbers for whoever observes it;
- `turns/`: what is done between two updates: evaluations, a metric, checkpoints;
- `loop/`: the one loop over micro-batches, and its data;
- `observers/`: what else is done with a run: its trace and weights, a user's callbacks, warnings;
- `states/`: the states that a run leaves, and what another side makes of each;
- `sides/`: a task, a model of the user's, or a loop of the user's own, from start to end.
"""

from dualtrain.training.checks._before import check_before as check_before
from dualtrain.training.checks._before import expected_ledger as expected_ledger
from dualtrain.training.checks._before import model_config as model_config
from dualtrain.training.checks._before import parameters_of as parameters_of
from dualtrain.training.checks._before import task_of as task_of
from dualtrain.training.checks._outputs import inputs_of as inputs_of
from dualtrain.training.loop._epochs import Batches as Batches
from dualtrain.training.loop._objective import LossSum as LossSum
from dualtrain.training.observers._callbacks import Callback as Callback
from dualtrain.training.observers._save import weights_size as weights_size
from dualtrain.training.run._journal import AppliedUpdate as AppliedUpdate
from dualtrain.training.run._native import build_optimizer as build_optimizer
from dualtrain.training.run._native import build_schedule as build_schedule
from dualtrain.training.run._observer import Observer as Observer
from dualtrain.training.run._run import Run as Run
from dualtrain.training.sides._fit import fit as fit
from dualtrain.training.sides._follow import follow as follow
from dualtrain.training.sides._follow import follow_task as follow_task
from dualtrain.training.sides._nudge import nudge as nudge
from dualtrain.training.sides._predict import Weights as Weights
from dualtrain.training.sides._predict import predict as predict
from dualtrain.training.sides._start import resume as resume
from dualtrain.training.sides._start import start as start
from dualtrain.training.sides._task import task_ledger as task_ledger
from dualtrain.training.sides._task import train as train
from dualtrain.training.turns._plateau import Metric as Metric
