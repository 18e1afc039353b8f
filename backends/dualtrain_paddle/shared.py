"""The verbs that are the same in every framework, over Paddle's."""

from __future__ import annotations

import dualtrain_paddle
from dualtrain.backend import Shared

__all__ = [
    "build_averages",
    "build_clip",
    "build_masters",
    "check_gradients",
    "cross_entropy_sum",
    "dump_weights",
    "freeze",
    "load_weights",
    "notes",
    "parameters",
    "scaled",
    "use_batch_norm",
]

_shared = Shared(dualtrain_paddle)

build_averages = _shared.build_averages
build_clip = _shared.build_clip
build_masters = _shared.build_masters
check_gradients = _shared.check_gradients
cross_entropy_sum = _shared.cross_entropy_sum
dump_weights = _shared.dump_weights
freeze = _shared.freeze
load_weights = _shared.load_weights
notes = _shared.notes
parameters = _shared.parameters
scaled = _shared.scaled
use_batch_norm = _shared.use_batch_norm
