"""What a trace says of a model that the numbers in it do not show."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dualtrain.model import notes_of
from dualtrain_torch.tensors import modules, named_tensors

__all__ = ["notes"]


def notes(model: nn.Module) -> list[str]:
    """Sentences about dropout, and about what training changes without a trace of it."""
    found = notes_of(modules(model), _left_out(model))
    if any(f.tensor.dtype == torch.float64 for f in named_tensors(model)):
        found.append("weights in float64 are compared and saved in float32")
    if any(type(m).get_extra_state is not nn.Module.get_extra_state for m in model.modules()):
        found.append("extra states of modules are neither compared nor saved")
    if any(isinstance(m, _BatchNorm) and m.track_running_stats for m in model.modules()):
        found.append("running variances of batch norms are of all n elements, not of n - 1")
    return found


def _left_out(model: nn.Module) -> list[str]:
    """The buffers of floats that the model saves and `named_tensors` does not give."""
    found = {id(f.tensor) for f in named_tensors(model)}
    return [
        name
        for path, module in model.named_modules()
        for name, tensor in module.named_buffers(prefix=path, recurse=False)
        if tensor.is_floating_point()
        and id(tensor) not in found
        and name.rpartition(".")[2] not in module._non_persistent_buffers_set
    ]
