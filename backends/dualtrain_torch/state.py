"""What a run's tensors hold, given and taken: weights, the optimizer's state, torch's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import dualtrain_torch
from dualtrain.backend import NamedTensor, check_weights, master_of, read_masters
from dualtrain.state import Arrays, TensorState
from dualtrain_torch.optimizers import ByRule
from dualtrain_torch.tensors import named_tensors

__all__ = ["dump_state", "load_state"]

_MOMENTS = {"exp_avg": "first_moment", "exp_avg_sq": "second_moment"}
_ADAM = {"step": "step", **_MOMENTS, "max_exp_avg_sq": "largest_second_moment"}

_STATES: Mapping[str, Mapping[str, str]] = {
    "SGD": {"momentum_buffer": "velocity"},
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "Adagrad": {"sum": "sum_of_squares"},
    "Adadelta": {"square_avg": "second_moment", "acc_delta": "second_moment_of_updates"},
    "NAdam": {"step": "step", **_MOMENTS, "mu_product": "momentum_product"},
    "RAdam": {"step": "step", **_MOMENTS},
    "Rprop": {"prev": "last_gradient", "step_size": "step_size"},
}
"""Class of the optimizer -> torch's name of a state -> the neutral one.

`step` stands where a bias is corrected by it; the other rules count for nothing.
"""

_OWN: Mapping[str, tuple[str, ...]] = {
    "Lamb": ("step", "first_moment", "second_moment"),
    "Adamax": ("step", "first_moment", "largest_gradient"),
    "RMSProp": ("second_moment", "first_moment", "velocity"),
}
"""Rule of the core that torch is given -> its states, by neutral names already."""


def dump_state(model: torch.nn.Module, optimizer: Any = None) -> TensorState:
    """Copies of all that the next update depends on; without an optimizer, of the weights alone.

    `own`: torch's random state, of the CPU and of the model's CUDA device; the model's buffers that
    are no running statistics but are kept with it, `num_batches_tracked` among them.
    """
    tensors = list(named_tensors(model))
    read_masters(dualtrain_torch, [f.tensor for f in tensors])
    weights = {f.name: _array(master_of(f.tensor)) for f in tensors}
    if optimizer is None:
        return TensorState(weights=weights)
    states = {f.name: _neutral(optimizer, master_of(f.tensor)) for f in tensors if f.is_parameter}
    buffers = {f"buffer/{name}": _array(buffer) for name, buffer in _buffers(model, tensors)}
    random = {"random/cpu": torch.get_rng_state()}
    if (device := _cuda_device(model)) is not None:
        random["random/cuda"] = torch.cuda.get_rng_state(device)
    return TensorState(
        weights=weights,
        optimizer={name: state for name, state in states.items() if state},
        own={**buffers, **{name: _array(state) for name, state in random.items()}},
    )


@torch.no_grad()
def load_state(model: torch.nn.Module, optimizer: Any, state: TensorState) -> None:
    """Take a state: the optimizer, if not None, has then what the state says of it, and no more.

    Raises `CheckpointError` naming every weight that does not fit, before anything is changed.
    """
    tensors = list(named_tensors(model))
    check_weights({f.name: f.shape for f in tensors}, state.weights, or_float64=True)
    for f in tensors:
        for tensor in (f.tensor, master_of(f.tensor)):
            tensor.copy_(torch.tensor(state.weights[f.name]))
    torch.clear_autocast_cache()  # an open autocast may have cast the others
    if optimizer is None:
        return
    _load_optimizer(optimizer, {id(master_of(f.tensor)): f.name for f in tensors}, state)
    for name, buffer in _buffers(model, tensors):
        if f"buffer/{name}" in state.own:
            buffer.copy_(torch.tensor(state.own[f"buffer/{name}"]))
    if "random/cpu" in state.own:
        torch.set_rng_state(torch.tensor(state.own["random/cpu"]))
    device = _cuda_device(model)
    if device is not None and "random/cuda" in state.own:
        torch.cuda.set_rng_state(torch.tensor(state.own["random/cuda"]), device)


def _neutral(optimizer: Any, parameter: Any) -> dict[str, NDArray[Any]]:
    """A parameter's state by neutral name; nothing before its first update."""
    held = optimizer.state.get(parameter) or {}
    if held.get("step", 1) == 0:  # Adagrad begins with a state
        return {}
    names = _names(optimizer)
    arrays = {names[n]: _array(held[n]) for n in names if held.get(n) is not None}
    if "step" in arrays:
        arrays["step"] = arrays["step"].astype(np.int64)
    return arrays


def _names(optimizer: Any) -> Mapping[str, str]:
    """Name of a state of this optimizer -> the neutral one."""
    if isinstance(optimizer, ByRule):
        return {name: name for name in _OWN[type(optimizer.rule).__name__]}
    return _STATES[type(optimizer).__name__]


def _load_optimizer(optimizer: Any, names: Mapping[int, str], state: TensorState) -> None:
    held = [p for group in optimizer.param_groups for p in group["params"]]
    native = {
        index: _native(optimizer, state.optimizer[names[id(parameter)]])
        for index, parameter in enumerate(held)
        if names[id(parameter)] in state.optimizer
    }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": native, "param_groups": groups})
    if isinstance(optimizer, torch.optim.Adagrad):  # it begins with a state
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                start = torch.full_like(parameter, group["initial_accumulator_value"])
                optimizer.state.setdefault(parameter, {"step": torch.tensor(0.0), "sum": start})


def _native(optimizer: Any, state: Arrays) -> dict[str, Any]:
    """A parameter's state as torch has it; a count that nothing depends on is 1: not none."""
    names = {neutral: n for n, neutral in _names(optimizer).items()}
    found: dict[str, Any] = {names[n]: torch.tensor(array) for n, array in state.items()}
    if isinstance(optimizer, ByRule):
        found["step"] = int(state.get("step", 1))
    elif not isinstance(optimizer, torch.optim.SGD):
        found["step"] = torch.tensor(float(state.get("step", 1)))
    return found


def _buffers(model: torch.nn.Module, found: list[NamedTensor]) -> Iterator[tuple[str, Any]]:
    """Structured name -> buffer, for those that are kept with the model and not among `found`."""
    kept, known = model.state_dict(keep_vars=True), {id(f.tensor) for f in found}
    for name, buffer in model.named_buffers():
        if name in kept and id(buffer) not in known:
            yield name, buffer


def _cuda_device(model: torch.nn.Module) -> Any:
    return next((p.device for p in model.parameters() if p.is_cuda), None)


def _array(tensor: Any) -> NDArray[Any]:
    """A number, or a copy in numpy: of bfloat16, which numpy has not, as float32."""
    if not isinstance(tensor, torch.Tensor):
        return np.array(tensor)
    tensor = tensor.detach()
    low = tensor.dtype in (torch.float16, torch.bfloat16)
    array: NDArray[Any] = (tensor.float() if low else tensor).cpu().numpy()
    return array.copy()
