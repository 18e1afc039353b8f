"""Models, framework-free: their configuration, their initial weights, what fits and what does not.

A backend builds the model and lists its parameters; names and layouts here are canonical, which is
what transformers and torch have.
"""

from dualtrain.model._call import logits as logits
from dualtrain.model._checkpoint import read_weights as read_weights
from dualtrain.model._checkpoint_config import read_checkpoint_config as read_checkpoint_config
from dualtrain.model._checkpoint_notes import checkpoint_notes as checkpoint_notes
from dualtrain.model._config import ModelConfig as ModelConfig
from dualtrain.model._config import fresh_config as fresh_config
from dualtrain.model._freeze import freeze_tensors as freeze_tensors
from dualtrain.model._freeze import is_frozen as is_frozen
from dualtrain.model._head import class_order as class_order
from dualtrain.model._initial import initial_weights as initial_weights
from dualtrain.model._marks import marked_undecayed as marked_undecayed
from dualtrain.model._masters import check_full_precision as check_full_precision
from dualtrain.model._masters import check_held as check_held
from dualtrain.model._masters import master_of as master_of
from dualtrain.model._match import check_weights as check_weights
from dualtrain.model._modes import kept_modes as kept_modes
from dualtrain.model._modes import train_as_chosen as train_as_chosen
from dualtrain.model._named import NamedTensor as NamedTensor
from dualtrain.model._named import each_once as each_once
from dualtrain.model._named import unwrapped as unwrapped
from dualtrain.model._notes import notes_of as notes_of
from dualtrain.model._parameters import parameters_of as parameters_of
from dualtrain.model._save import save_config as save_config
from dualtrain.model._save import save_weights as save_weights
