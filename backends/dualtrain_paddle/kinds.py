"""What a Paddle layer is: by its class, by what it holds, and by trial."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import paddle
from paddle import nn

from dualtrain.backend import Kinds
from dualtrain.ledger import Kind, NativeLayers

__all__ = ["kind_in"]

_NATIVE = NativeLayers(
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


@contextmanager
def _aside() -> Iterator[None]:
    """A trial moves no generator and no count of names; an autocast of the caller's would round."""
    states = paddle.get_rng_state()
    alone = paddle.amp.auto_cast(enable=False)
    with paddle.utils.unique_name.guard(), paddle.no_grad(), alone:
        try:
            yield
        finally:
            paddle.set_rng_state(states)


_KINDS = Kinds(
    native=_NATIVE,
    base=nn.Layer,
    aside=_aside,
    plain=lambda layer: layer.float(),
    fill=lambda parameter, array: parameter.set_value(array),
    tensor=paddle.to_tensor,
)


def kind_in(module: nn.Layer, attribute: str) -> Kind:
    """What a layer is as the owner of one of its parameters."""
    return _KINDS.kind_in(module, attribute)
