"""Regression on a table of numbers, with a multilayer perceptron: the smallest task there is.

`_task.py` is the task, `_words.py` the words for its model, `_config.py` what that is built from,
`_prepared.py` its data, `_saved.py` what a saved model computes, and predicts.
"""

from dualtrain.tasks.regression._config import MlpConfig as MlpConfig
from dualtrain.tasks.regression._task import Regression as Regression
from dualtrain.tasks.regression._words import Mlp as Mlp
