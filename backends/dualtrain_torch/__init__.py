"""The torch backend: a plan applied with torch and transformers.

File for file and name for name the mirror of `dualtrain_paddle`. Quirks: autocast and loss scaling
work on the CPU too; clipping is a step pre-hook of the optimizer, so that `optimizer.step()` clips
as Paddle's does.
"""

from dualtrain_torch._compat import versions as versions
from dualtrain_torch.amp import autocast as autocast
from dualtrain_torch.amp import check_amp as check_amp
from dualtrain_torch.amp import check_autocast as check_autocast
from dualtrain_torch.amp import scaled as scaled
from dualtrain_torch.amp import unscale as unscale
from dualtrain_torch.amp import updating as updating
from dualtrain_torch.arrays import inference as inference
from dualtrain_torch.arrays import numbers as numbers
from dualtrain_torch.arrays import open_device as open_device
from dualtrain_torch.arrays import place as place
from dualtrain_torch.arrays import seed_everything as seed_everything
from dualtrain_torch.arrays import to_array as to_array
from dualtrain_torch.arrays import to_device as to_device
from dualtrain_torch.arrays import to_numpy as to_numpy
from dualtrain_torch.averages import build_averages as build_averages
from dualtrain_torch.batch_norm import use_biased_variance as use_biased_variance
from dualtrain_torch.clip import build_clip as build_clip
from dualtrain_torch.facts import check_gradients as check_gradients
from dualtrain_torch.freeze import freeze as freeze
from dualtrain_torch.losses import cross_entropy_sum as cross_entropy_sum
from dualtrain_torch.masters import build_masters as build_masters
from dualtrain_torch.models import build_linear as build_linear
from dualtrain_torch.models import build_model as build_model
from dualtrain_torch.models import logits as logits
from dualtrain_torch.notes import notes as notes
from dualtrain_torch.optim import build_optimizer as build_optimizer
from dualtrain_torch.optim import effective_decay as effective_decay
from dualtrain_torch.optim import effective_lr_multiplier as effective_lr_multiplier
from dualtrain_torch.schedule import build_schedule as build_schedule
from dualtrain_torch.settings import settings as settings
from dualtrain_torch.state import dump_state as dump_state
from dualtrain_torch.state import load_state as load_state
from dualtrain_torch.step import clear_gradients as clear_gradients
from dualtrain_torch.step import learning_rate as learning_rate
from dualtrain_torch.step import momentum as momentum
from dualtrain_torch.step import set_momentum as set_momentum
from dualtrain_torch.step import skip_step as skip_step
from dualtrain_torch.tensors import modules as modules
from dualtrain_torch.tensors import parameters as parameters
from dualtrain_torch.weights import dump_weights as dump_weights
from dualtrain_torch.weights import load_weights as load_weights

NAME: str = "torch"
AMP_DEVICES: tuple[str, ...] = ("cpu", "cuda")
