"""A task of the user's own: model, data and loss in files of Python, for both frameworks.

`_task.py` is the task. `_code.py` finds the user's files, `_running.py` runs them, `_own.py` holds
the object to its contract. `_prepared.py` has the arrays, `_saved.py` the code in a trained model's
folder, `_predictor.py` predicts by that.
"""

from dualtrain.tasks.module._config import ModuleConfig as ModuleConfig
from dualtrain.tasks.module._task import ModuleTask as ModuleTask
