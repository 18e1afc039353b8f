"""Models of a task, framework-free: their configuration and their initial weights.

A backend builds the model and lists its parameters; names and layouts here are canonical, which is
what transformers and torch have.
"""

from dualtrain.model._checkpoint import read_weights as read_weights
from dualtrain.model._checkpoint_config import read_checkpoint_config as read_checkpoint_config
from dualtrain.model._checkpoint_notes import checkpoint_notes as checkpoint_notes
from dualtrain.model._config import ModelConfig as ModelConfig
from dualtrain.model._config import fresh_config as fresh_config
from dualtrain.model._head import class_order as class_order
from dualtrain.model._initial import initial_weights as initial_weights
from dualtrain.model._parameters import parameters_of as parameters_of
from dualtrain.model._save import save_config as save_config
from dualtrain.model._save import save_weights as save_weights
