"""The torch backend: a plan applied with torch and transformers.

File for file and name for name the mirror of `dualtrain_paddle`. Quirks: autocast and loss scaling
work on the CPU too; clipping is a step pre-hook of the optimizer, so that `optimizer.step()` clips
as Paddle's does.
"""

import dualtrain_torch
from dualtrain.backend import BatchNorms, SharedVerbs
from dualtrain_torch._compat import versions as versions
from dualtrain_torch.amp import autocast as autocast
from dualtrain_torch.amp import check_amp as check_amp
from dualtrain_torch.amp import check_autocast as check_autocast
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
from dualtrain_torch.batch_norm import NativeBatchNorms
from dualtrain_torch.clip import StepClipper as StepClipper
from dualtrain_torch.facts import facts_of as facts_of
from dualtrain_torch.freeze import can_keep as can_keep
from dualtrain_torch.freeze import mend_frozen as mend_frozen
from dualtrain_torch.losses import cross_entropy as cross_entropy
from dualtrain_torch.losses import log_softmax as log_softmax
from dualtrain_torch.masters import lower as lower
from dualtrain_torch.masters import replace_held as replace_held
from dualtrain_torch.models import build_linear as build_linear
from dualtrain_torch.models import build_model as build_model
from dualtrain_torch.notes import own_notes as own_notes
from dualtrain_torch.notes import unsaved_buffers as unsaved_buffers
from dualtrain_torch.optim import build_optimizer as build_optimizer
from dualtrain_torch.optim import trial as trial
from dualtrain_torch.processes import Spread as Spread
from dualtrain_torch.processes import align as align
from dualtrain_torch.processes import check_shard as check_shard
from dualtrain_torch.processes import join as join
from dualtrain_torch.processes import leave as leave
from dualtrain_torch.processes import split as split
from dualtrain_torch.processes import summed as summed
from dualtrain_torch.processes import told as told
from dualtrain_torch.scalars import scalars as scalars
from dualtrain_torch.schedule import build_schedule as build_schedule
from dualtrain_torch.settings import settings as settings
from dualtrain_torch.state import dump_optimizer as dump_optimizer
from dualtrain_torch.state import load_optimizer as load_optimizer
from dualtrain_torch.state import random_states as random_states
from dualtrain_torch.state import saved_buffers as saved_buffers
from dualtrain_torch.state import set_random_states as set_random_states
from dualtrain_torch.step import clear_gradients as clear_gradients
from dualtrain_torch.step import held as held
from dualtrain_torch.step import learning_rate as learning_rate
from dualtrain_torch.step import momentum as momentum
from dualtrain_torch.step import set_momentum as set_momentum
from dualtrain_torch.step import skip_step as skip_step
from dualtrain_torch.tensors import modules as modules
from dualtrain_torch.tensors import named_tensors as named_tensors
from dualtrain_torch.verbs import added as added
from dualtrain_torch.verbs import assign as assign
from dualtrain_torch.verbs import cast as cast
from dualtrain_torch.verbs import drop_gradient as drop_gradient
from dualtrain_torch.verbs import is_at_hand as is_at_hand
from dualtrain_torch.verbs import is_sparse as is_sparse
from dualtrain_torch.verbs import lerp as lerp
from dualtrain_torch.verbs import set_array as set_array
from dualtrain_torch.verbs import set_trains as set_trains
from dualtrain_torch.verbs import take_written as take_written
from dualtrain_torch.wide import in_float64 as in_float64
from dualtrain_torch.wide import widened as widened

NAME: str = "torch"
AMP_DEVICES: tuple[str, ...] = ("cpu", "cuda")
batch_norms: BatchNorms = NativeBatchNorms()

_shared = SharedVerbs(dualtrain_torch)

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
