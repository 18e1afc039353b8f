"""What is known of a live model, whatever its framework: how it is called, frozen, named."""

from dualtrain.model._call import logits as logits
from dualtrain.model._freeze import freeze_tensors as freeze_tensors
from dualtrain.model._freeze import is_frozen as is_frozen
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
