"""What a trace says of a model that the numbers in it do not show."""

from __future__ import annotations

import paddle
from paddle import nn

from dualtrain.model import notes_of
from dualtrain_paddle.tensors import modules, named_tensors

__all__ = ["notes"]


def notes(model: nn.Layer) -> list[str]:
    """Sentences about dropout, and about what training changes without a trace of it."""
    found = notes_of(modules(model), _left_out(model))
    if any(f.tensor.dtype == paddle.float64 for f in named_tensors(model)):
        found.append("weights in float64 are compared and saved in float32")
    layers = modules(model).values()
    if any(getattr(layer, "mode", "") == "downscale_in_infer" for layer in layers):
        found.append("dropout scales down in evaluation, which torch cannot: downscale_in_infer")
    return found


def _left_out(model: nn.Layer) -> list[str]:
    """The buffers of floats that the model saves and `named_tensors` does not give."""
    found = {id(f.tensor) for f in named_tensors(model)}
    return [
        name
        for path, module in model.named_sublayers(include_self=True)
        for name, tensor in module.named_buffers(prefix=path, include_sublayers=False)
        if tensor.is_floating_point()
        and id(tensor) not in found
        and name.rpartition(".")[2] not in module._non_persistable_buffer_names_set
    ]
