"""The Paddle backend: a plan applied with paddlepaddle and paddlenlp.

File for file and name for name the mirror of `dualtrain_torch`. Quirks: the current device is
global to the process; AMP does nothing on the CPU, so it is refused there; decay goes through
`apply_decay_param_fun` and never through parameter groups.
"""

import dualtrain_paddle
from dualtrain.backend import BatchNorms, SharedVerbs
from dualtrain_paddle._compat import versions as versions
from dualtrain_paddle.amp import autocast as autocast
from dualtrain_paddle.amp import check_amp as check_amp
from dualtrain_paddle.amp import check_autocast as check_autocast
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
from dualtrain_paddle.batch_norm import NativeBatchNorms
from dualtrain_paddle.clip import StepClipper as StepClipper
from dualtrain_paddle.facts import facts_of as facts_of
from dualtrain_paddle.freeze import can_keep as can_keep
from dualtrain_paddle.freeze import mend_frozen as mend_frozen
from dualtrain_paddle.losses import cross_entropy as cross_entropy
from dualtrain_paddle.losses import log_softmax as log_softmax
from dualtrain_paddle.masters import lower as lower
from dualtrain_paddle.masters import replace_held as replace_held
from dualtrain_paddle.models import build_linear as build_linear
from dualtrain_paddle.models import build_model as build_model
from dualtrain_paddle.notes import own_notes as own_notes
from dualtrain_paddle.notes import unsaved_buffers as unsaved_buffers
from dualtrain_paddle.optim import build_optimizer as build_optimizer
from dualtrain_paddle.optim import trial as trial
from dualtrain_paddle.processes import Spread as Spread
from dualtrain_paddle.processes import align as align
from dualtrain_paddle.processes import check_shard as check_shard
from dualtrain_paddle.processes import join as join
from dualtrain_paddle.processes import leave as leave
from dualtrain_paddle.processes import split as split
from dualtrain_paddle.processes import summed as summed
from dualtrain_paddle.processes import told as told
from dualtrain_paddle.scalars import scalars as scalars
from dualtrain_paddle.schedule import LinearDecayWithWarmup as LinearDecayWithWarmup
from dualtrain_paddle.schedule import build_schedule as build_schedule
from dualtrain_paddle.settings import settings as settings
from dualtrain_paddle.state import dump_optimizer as dump_optimizer
from dualtrain_paddle.state import load_optimizer as load_optimizer
from dualtrain_paddle.state import random_states as random_states
from dualtrain_paddle.state import saved_buffers as saved_buffers
from dualtrain_paddle.state import set_random_states as set_random_states
from dualtrain_paddle.step import clear_gradients as clear_gradients
from dualtrain_paddle.step import held as held
from dualtrain_paddle.step import learning_rate as learning_rate
from dualtrain_paddle.step import momentum as momentum
from dualtrain_paddle.step import set_momentum as set_momentum
from dualtrain_paddle.step import skip_step as skip_step
from dualtrain_paddle.tensors import modules as modules
from dualtrain_paddle.tensors import named_tensors as named_tensors
from dualtrain_paddle.verbs import added as added
from dualtrain_paddle.verbs import assign as assign
from dualtrain_paddle.verbs import cast as cast
from dualtrain_paddle.verbs import drop_gradient as drop_gradient
from dualtrain_paddle.verbs import is_at_hand as is_at_hand
from dualtrain_paddle.verbs import is_sparse as is_sparse
from dualtrain_paddle.verbs import lerp as lerp
from dualtrain_paddle.verbs import set_array as set_array
from dualtrain_paddle.verbs import set_trains as set_trains
from dualtrain_paddle.verbs import take_written as take_written
from dualtrain_paddle.wide import in_float64 as in_float64
from dualtrain_paddle.wide import widened as widened

NAME: str = "paddle"
AMP_DEVICES: tuple[str, ...] = ("cuda",)
batch_norms: BatchNorms = NativeBatchNorms()

_shared = SharedVerbs(dualtrain_paddle)

build_averages = _shared.build_averages
build_clip = _shared.build_clip
build_masters = _shared.build_masters
check_gradients = _shared.check_gradients
clipped_gradients = _shared.clipped_gradients
cross_entropy_sum = _shared.cross_entropy_sum
dump_gradients = _shared.dump_gradients
dump_state = _shared.dump_state
dump_statistics = _shared.dump_statistics
dump_weights = _shared.dump_weights
effective_decay = _shared.effective_decay
effective_lr_multiplier = _shared.effective_lr_multiplier
freeze = _shared.freeze
load_gradients = _shared.load_gradients
load_state = _shared.load_state
load_weights = _shared.load_weights
notes = _shared.notes
parameters = _shared.parameters
scaled = _shared.scaled
share_batch_norm = _shared.share_batch_norm
use_batch_norm = _shared.use_batch_norm
