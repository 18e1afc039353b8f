"""What a Paddle layer consists of: its parameters, for the ledger, under canonical names.

In paddlenlp's models the canonical names are those of transformers, by the tables of `names.py`;
everywhere else they are the layer's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from paddle import nn

from dualtrain.ledger import Parameter, kind_of
from dualtrain.model import NamedTensor, is_frozen
from dualtrain_paddle.names import Base, base_of, canonical, interleaved_heads, is_transposed

__all__ = ["STATISTICS", "named_tensors", "parameters"]

STATISTICS = {"_mean": "running_mean", "_variance": "running_var"}
"""Paddle's running statistics -> torch's."""


def parameters(model: nn.Layer) -> list[Parameter]:
    """Every parameter of the model once, a tied one under the first of its names.

    Running statistics are none; Paddle lists them as parameters, torch as buffers.
    """
    return [
        Parameter(
            name=found.name,
            structured=found.structured,
            native=found.tensor.name,
            shape=found.shape,
            kind=kind_of(type(found.owner)),
            trainable=not found.tensor.stop_gradient or is_frozen(found.tensor),
        )
        for found in named_tensors(model)
        if found.is_parameter
    ]


def named_tensors(model: nn.Layer) -> Iterator[NamedTensor]:
    """Parameters and running statistics, each once, in the order of the layers."""
    seen: set[int] = set()
    bases: list[Base] = []
    for path, layer in model.named_sublayers(include_self=True):
        found = base_of(path, layer)
        bases += [found] if found is not None else []
        base = next((base for base in bases if base.holds(path)), None)
        for structured, tensor in layer.named_parameters(prefix=path, include_sublayers=False):
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            head, dot, attribute = structured.rpartition(".")
            is_statistic = attribute in STATISTICS and kind_of(type(layer)) == "norm"
            name = head + dot + STATISTICS[attribute] if is_statistic else structured
            transposed = is_transposed(layer, attribute, base)
            shape = tuple(tensor.shape)
            yield NamedTensor(
                name=canonical(name, base),
                structured=structured,
                owner=layer,
                tensor=tensor,
                shape=shape[::-1] if transposed else shape,
                is_parameter=not is_statistic,
                is_transposed=transposed,
                interleaved_heads=interleaved_heads(structured, base),
            )
