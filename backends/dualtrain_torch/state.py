"""What of a run's state only torch can give and take: its optimizers', buffers, random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dualtrain.backend import NamedTensor, copied, master_of
from dualtrain.state import Arrays, TensorState
from dualtrain_torch.arrays import to_array
from dualtrain_torch.optimizers import ByRule
from dualtrain_torch.parts import alike
from dualtrain_torch.step import held

__all__ = [
    "dump_optimizer",
    "load_optimizer",
    "random_states",
    "saved_buffers",
    "set_random_states",
]

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
    "RMSprop": {"square_avg": "second_moment", "momentum_buffer": "velocity"},
    "Rprop": {"prev": "last_gradient", "step_size": "step_size"},
}
"""Class of the optimizer -> torch's name of a state -> the neutral one.

`step` stands where a bias is corrected by it; the other rules count for nothing.
"""


def dump_optimizer(
    optimizer: Any, parameters: Sequence[NamedTensor]
) -> tuple[dict[str, Arrays], Arrays]:
    """Canonical name -> what the rule keeps of a parameter; what only torch can read: nothing."""
    states = {f.name: _neutral(optimizer, master_of(f.tensor)) for f in parameters}
    return {name: state for name, state in states.items() if state}, {}


@torch.no_grad()
def load_optimizer(optimizer: Any, parameters: Sequence[NamedTensor], state: TensorState) -> None:
    """Let the optimizer have what the state says of it, and no more."""
    names = {id(master_of(f.tensor)): f.name for f in parameters}
    moved = held(optimizer)
    native = {
        index: _native(optimizer, parameter, state.optimizer[names[id(parameter)]])
        for index, parameter in enumerate(moved)
        if names[id(parameter)] in state.optimizer
    }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": native, "param_groups": groups})
    _load_numbers(optimizer, {moved[index]: kept for index, kept in native.items()})
    if isinstance(optimizer, torch.optim.Adagrad):  # it begins with a state
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                start = torch.full_like(parameter, group["initial_accumulator_value"])
                optimizer.state.setdefault(parameter, {"step": torch.tensor(0.0), "sum": start})


def saved_buffers(model: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    """Structured name -> buffer, for those that are kept with the model."""
    kept = model.state_dict(keep_vars=True)
    return ((name, buffer) for name, buffer in model.named_buffers() if name in kept)


def random_states(model: torch.nn.Module) -> dict[str, NDArray[Any]]:
    """torch's random state, of the CPU and of the model's CUDA device."""
    states = {"cpu": torch.get_rng_state()}
    if (device := _cuda_device(model)) is not None:
        states["cuda"] = torch.cuda.get_rng_state(device)
    return {name: copied(to_array(state)) for name, state in states.items()}


def set_random_states(model: torch.nn.Module, states: Arrays) -> None:
    """Go on from random states, where they are there."""
    if "cpu" in states:
        torch.set_rng_state(torch.tensor(states["cpu"]))
    device = _cuda_device(model)
    if device is not None and "cuda" in states:
        torch.cuda.set_rng_state(torch.tensor(states["cuda"]), device)


def _neutral(optimizer: Any, parameter: Any) -> dict[str, NDArray[Any]]:
    """A parameter's state by neutral name; nothing before its first update."""
    kept = optimizer.state.get(parameter) or {}
    if kept.get("step", 1) == 0:  # Adagrad begins with a state
        return {}
    names = _names(optimizer)
    arrays = {names[n]: copied(to_array(kept[n])) for n in names if kept.get(n) is not None}
    if "step" in arrays:
        arrays["step"] = arrays["step"].astype(np.int64)
    return arrays


def _names(optimizer: Any) -> Mapping[str, str]:
    """Name of a state of this optimizer -> the neutral one."""
    if isinstance(optimizer, ByRule):
        return {name: name for name in optimizer.rule.kept}
    return _STATES[type(optimizer).__name__]


def _native(optimizer: Any, parameter: Any, state: Arrays) -> dict[str, Any]:
    """A parameter's state as torch has it; a count that nothing depends on is 1: not none."""
    names = {neutral: n for n, neutral in _names(optimizer).items()}
    found: dict[str, Any] = {
        names[n]: alike(torch.tensor(a), parameter) if a.ndim else torch.tensor(a)
        for n, a in state.items()
    }
    if isinstance(optimizer, ByRule):
        found["step"] = int(state.get("step", 1))
    elif not isinstance(optimizer, torch.optim.SGD):
        found["step"] = torch.tensor(float(state.get("step", 1)))
    return found


def _load_numbers(optimizer: Any, states: Mapping[Any, Mapping[str, Any]]) -> None:
    """What torch keeps on the host, as it makes it: it loads it like a tensor of the parameter."""
    dtype = torch.promote_types(torch.get_default_dtype(), torch.float32)
    for parameter, kept in states.items():
        if "mu_product" in kept:
            optimizer.state[parameter]["mu_product"] = kept["mu_product"].to(dtype)


def _cuda_device(model: torch.nn.Module) -> Any:
    """None of another framework's model too."""
    found = (p for p in model.parameters() if isinstance(p, torch.Tensor) and p.is_cuda)
    return next((p.device for p in found), None)
