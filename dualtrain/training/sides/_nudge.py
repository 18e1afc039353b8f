"""A model whose weights are moved as little as they can be, to measure the chaos floor."""

from __future__ import annotations

from typing import Any

from dualtrain.backend import Backend
from dualtrain.lockstep import nudged
from dualtrain.spec import Spec

__all__ = ["nudge"]


def nudge(model: Any, backend: Backend, spec: Spec, *, seed: int) -> None:
    """Move every parameter's every weight by 1 ULP, up or down at random.

    It is the ULP of the type in which the spec computes: with AMP the forward pass would not see
    that of float32. Running statistics stay.
    """
    weights = backend.dump_weights(model)
    own = {name: weights[name] for name in (p.name for p in backend.parameters(model))}
    dtype = "float32" if spec.amp is None else spec.amp.dtype
    backend.load_weights(model, {**weights, **nudged(own, seed=seed, dtype=dtype)})
