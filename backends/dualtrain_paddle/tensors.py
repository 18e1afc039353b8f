"""What a Paddle layer consists of: its parameters, for the ledger, under canonical names.

In paddlenlp's models the canonical names are those of transformers, by the tables of `names.py`;
everywhere else they are the layer's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from paddle import nn

from dualtrain.backend import NamedTensor, each_once, unwrapped, wrapped_at
from dualtrain.errors import BackendError
from dualtrain_paddle.facts import WRAPPERS
from dualtrain_paddle.kinds import kind_in
from dualtrain_paddle.names import Base, base_of, canonical, interleaved_heads, is_transposed

__all__ = ["STATISTICS", "modules", "named_tensors"]

STATISTICS = {"_mean": "running_mean", "_variance": "running_var"}
"""Paddle's running statistics -> torch's."""


def named_tensors(model: nn.Layer) -> Iterator[NamedTensor]:
    """Parameters and running statistics, each once, in the order of the layers."""
    yield from each_once(_visits(model))


def _visits(model: nn.Layer) -> Iterator[NamedTensor]:
    """Every place at which a tensor is held."""
    bases: list[Base] = []
    wrapped: list[str] = []
    for place, layer in _walk(model):
        path = unwrapped(place, wrapped)
        inner = wrapped_at(place, layer, WRAPPERS)
        wrapped += [inner] if inner is not None else []
        found = base_of(path, layer)
        bases += [found] if found is not None else []
        base = next((base for base in bases if base.holds(path)), None)
        for attribute, tensor in layer._parameters.items():
            if tensor is None:
                continue
            structured = f"{place}.{attribute}".removeprefix(".")
            if not tensor._is_initialized():
                raise BackendError(
                    "every parameter must have its values: build the model outside LazyGuard, or "
                    f"call its parameters' initialize(). Received: {structured!r} without values"
                )
            kind = kind_in(layer, attribute)
            is_statistic = attribute in STATISTICS and kind == "norm"
            called = STATISTICS[attribute] if is_statistic else attribute
            transposed = is_transposed(layer, attribute, base)
            shape = tuple(tensor.shape)
            yield NamedTensor(
                name=canonical(f"{path}.{called}".removeprefix("."), base),
                structured=structured,
                native=tensor.name,
                owner=layer,
                tensor=tensor,
                shape=shape[::-1] if transposed else shape,
                is_parameter=not is_statistic,
                trains=not tensor.stop_gradient,
                is_transposed=transposed,
                kind=kind,
                interleaved_heads=interleaved_heads(structured, base),
            )


def modules(model: nn.Layer) -> dict[str, nn.Layer]:
    """Path -> layer, for the model (its path is empty) and every layer in it, each once."""
    return dict(model.named_sublayers(include_self=True))


def _walk(layer: nn.Layer, path: str = "") -> Iterator[tuple[str, nn.Layer]]:
    """(path, layer) for each place, a shared layer's further ones too."""
    yield path, layer
    for name, child in layer._sub_layers.items():
        if child is not None:
            yield from _walk(child, f"{path}.{name}".removeprefix("."))
