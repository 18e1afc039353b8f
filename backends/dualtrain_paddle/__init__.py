"""The Paddle backend: a plan applied with paddlepaddle and paddlenlp.

File for file and name for name the mirror of `dualtrain_torch`. Quirks: the current device is
global to the process; AMP does nothing on the CPU, so it is refused there; decay goes through
`apply_decay_param_fun` and never through parameter groups.
"""

from dualtrain_paddle._compat import versions as versions
from dualtrain_paddle.amp import autocast as autocast
from dualtrain_paddle.amp import check_amp as check_amp
from dualtrain_paddle.amp import check_autocast as check_autocast
from dualtrain_paddle.amp import scaled as scaled
from dualtrain_paddle.amp import unscale as unscale
from dualtrain_paddle.amp import updating as updating
from dualtrain_paddle.arrays import inference as inference
from dualtrain_paddle.arrays import numbers as numbers
from dualtrain_paddle.arrays import open_device as open_device
from dualtrain_paddle.arrays import place as place
from dualtrain_paddle.arrays import seed_everything as seed_everything
from dualtrain_paddle.arrays import to_array as to_array
from dualtrain_paddle.arrays import to_device as to_device
from dualtrain_paddle.arrays import to_numpy as to_numpy
from dualtrain_paddle.averages import build_averages as build_averages
from dualtrain_paddle.batch_norm import use_biased_variance as use_biased_variance
from dualtrain_paddle.clip import build_clip as build_clip
from dualtrain_paddle.facts import check_gradients as check_gradients
from dualtrain_paddle.freeze import freeze as freeze
from dualtrain_paddle.losses import cross_entropy_sum as cross_entropy_sum
from dualtrain_paddle.masters import build_masters as build_masters
from dualtrain_paddle.models import build_linear as build_linear
from dualtrain_paddle.models import build_model as build_model
from dualtrain_paddle.models import logits as logits
from dualtrain_paddle.notes import notes as notes
from dualtrain_paddle.optim import build_optimizer as build_optimizer
from dualtrain_paddle.optim import effective_decay as effective_decay
from dualtrain_paddle.optim import effective_lr_multiplier as effective_lr_multiplier
from dualtrain_paddle.schedule import LinearDecayWithWarmup as LinearDecayWithWarmup
from dualtrain_paddle.schedule import build_schedule as build_schedule
from dualtrain_paddle.settings import settings as settings
from dualtrain_paddle.state import dump_state as dump_state
from dualtrain_paddle.state import load_state as load_state
from dualtrain_paddle.step import clear_gradients as clear_gradients
from dualtrain_paddle.step import learning_rate as learning_rate
from dualtrain_paddle.step import momentum as momentum
from dualtrain_paddle.step import set_momentum as set_momentum
from dualtrain_paddle.step import skip_step as skip_step
from dualtrain_paddle.tensors import modules as modules
from dualtrain_paddle.tensors import parameters as parameters
from dualtrain_paddle.weights import dump_weights as dump_weights
from dualtrain_paddle.weights import load_weights as load_weights

NAME: str = "paddle"
AMP_DEVICES: tuple[str, ...] = ("cuda",)
