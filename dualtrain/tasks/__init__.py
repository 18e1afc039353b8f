"""Tasks: what is trained on what. Everything that depends on the kind of task is asked of it.

Beneath the spec, which is made of the tasks' words, as it is of schedules and optimizers: a task
imports neither specs nor backends, and is given what it needs of them. `_task.py` says what a task
is, `_model.py` what its model is built from, `_score.py` how a model does, `_classes.py` what all
classifiers make of logits; `_predictor.py` is what predicts with a saved model, `_record.py` how
its folder is read. Each task has a folder and a row in `_registry.py`; `encoders/` is what several
tasks on texts share.
"""

from dualtrain.tasks._model import ExpectedParameter as ExpectedParameter
from dualtrain.tasks._model import ModelConfig as ModelConfig
from dualtrain.tasks._predictor import Predictor as Predictor
from dualtrain.tasks._predictor import Samples as Samples
from dualtrain.tasks._record import read_record as read_record
from dualtrain.tasks._record import write_record as write_record
from dualtrain.tasks._registry import TASKS as TASKS
from dualtrain.tasks._registry import AnyTask as AnyTask
from dualtrain.tasks._score import Score as Score
from dualtrain.tasks._task import SampleLoss as SampleLoss
from dualtrain.tasks._task import Task as Task
