"""A task of the user's own: model, data and loss in a file of Python, for both frameworks.

`_task.py` is the task, `_code.py` finds the user's object and holds it to its contract,
`_prepared.py` has the arrays, `_predictor.py` predicts by a saved folder.
"""

from dualtrain.tasks.module._config import ModuleConfig as ModuleConfig
from dualtrain.tasks.module._task import ModuleTask as ModuleTask
