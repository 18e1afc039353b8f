"""What a trace says of a model that the numbers in it do not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dualtrain.backend._batch_norm import running_variances
from dualtrain.backend._named import type_of
from dualtrain.backend._verbs import Verbs
from dualtrain.listing import listed

__all__ = ["dropping", "notes_of"]


def notes_of(verbs: Verbs, model: Any) -> list[str]:
    """Sentences about dropout, buffers that are left out, types, rules that are not its own."""
    return list(_notes(verbs, model))


def dropping(modules: Mapping[str, Any]) -> list[str]:
    """The paths of those layers that draw masks when they train."""
    return [path or "the model" for path, module in modules.items() if _rate(module) > 0.0]


def _notes(verbs: Verbs, model: Any) -> Iterator[str]:
    modules, tensors = verbs.modules(model), [f.tensor for f in verbs.named_tensors(model)]
    if layers := dropping(modules):
        yield f"dropout is on, in {listed(layers)}: masks cannot match across frameworks"
    known = {id(tensor) for tensor in tensors}
    buffers = [
        f"{path}.{name}".removeprefix(".")
        for path, module in modules.items()
        for name, tensor in module._buffers.items()
        if tensor is not None
        and tensor.is_floating_point()
        and id(tensor) not in known
        and name not in verbs.unsaved_buffers(module)
    ]
    if buffers:
        yield f"buffers are neither compared nor saved: {listed(buffers)}"
    if any(type_of(tensor) == "float64" for tensor in tensors):
        yield "weights in float64 are compared and saved in float32"
    yield from verbs.own_notes(model)
    yield from running_variances(modules.values())


def _rate(module: Any) -> float:
    """The dropout rate of a layer; attention and recurrent layers hold one as `dropout`."""
    is_dropout = any("Dropout" in base.__name__ for base in type(module).__mro__)
    rate = getattr(module, "p" if is_dropout else "dropout", 0.0)
    return float(rate) if isinstance(rate, (int, float)) else 0.0
