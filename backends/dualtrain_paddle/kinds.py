"""What a Paddle layer is: by its class, by what it holds, and by trial."""

from __future__ import annotations

import copy
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import paddle
from paddle import nn

from dualtrain.ledger import Kind, Native, Owner, kind_of, normalises, undisturbed

__all__ = ["kind_in"]

_NATIVE = Native(
    packages=("paddle.nn.", "paddle.incubate.nn.", "paddle.sparse.", "paddle.distributed."),
    plain=("paddle.nn.layer.layers.", "paddle.nn.layer.container."),
    norms=frozenset(  # not SpectralNorm, which normalises a weight
        {
            "paddle.nn.layer.norm.BatchNorm",
            "paddle.nn.layer.norm.GroupNorm",
            "paddle.nn.layer.norm.LayerNorm",
            "paddle.nn.layer.norm._BatchNormBase",
            "paddle.nn.layer.norm._InstanceNormBase",
        }
    ),
    embeddings=frozenset(
        {
            "paddle.nn.layer.common.Embedding",
            "paddle.distributed.fleet.layers.mpu.mp_layers.VocabParallelEmbedding",
        }
    ),
)

_tried: WeakKeyDictionary[nn.Layer, bool | None] = WeakKeyDictionary()


def kind_in(module: nn.Layer, attribute: str) -> Kind:
    """What a layer is as the owner of one of its parameters."""
    own = {name: tuple(p.shape) for name, p in module._parameters.items() if p is not None}
    inner = (p for child in module.children() for p in child.parameters())
    names = [base.__name__ for base in type(module).__mro__ if base not in (nn.Layer, object)]
    owner = Owner(
        names=tuple(names),
        native=_NATIVE.kind(type(module)),
        own=own,
        is_leaf=next(inner, None) is None,
        normalises=lambda: _normalises(module),
    )
    return kind_of(attribute, owner)


def _normalises(layer: nn.Layer) -> bool | None:
    """Whether it does, in training or in evaluation mode, by a copy of it: see `normalises`.

    Neither the layer, its buffers, hooks and mode nor any generator notices, nor do the names that
    Paddle counts.
    """
    if layer not in _tried:
        states = paddle.get_rng_state()
        alone = paddle.amp.auto_cast(enable=False)  # of the caller's, which would round
        with undisturbed(), paddle.utils.unique_name.guard(), paddle.no_grad(), alone:
            _tried[layer] = _try(layer)
        paddle.set_rng_state(states)
    return _tried[layer]


def _try(layer: nn.Layer) -> bool | None:
    try:
        copied = copy.deepcopy(layer).float()
    except Exception:  # whatever a layer of the user's own may hold
        return None
    if any(parameter.dtype != paddle.float32 for parameter in copied.parameters()):
        return None  # complex numbers stay such
    features = 6  # where it has one number for all of them
    for parameter in copied.parameters():
        size = int(np.prod(parameter.shape))
        ramp = np.linspace(1.0, 1.5, size, dtype=np.float32)  # its own may be 0, and hide the input
        parameter.set_value(ramp.reshape(parameter.shape))
        features = size if size > 1 else features

    def run(array: Any, training: bool) -> Any:
        if training:
            copied.train()
        else:
            copied.eval()
        return copied.forward(paddle.to_tensor(array)).numpy()

    return normalises(run, features)
