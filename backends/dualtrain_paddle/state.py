"""What of a run's state only Paddle can give and take: its optimizers', buffers, random numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import paddle
from numpy.typing import NDArray
from paddle.base.layer_helper import LayerHelper

from dualtrain.backend import NamedTensor, copied, type_of
from dualtrain.state import Arrays, TensorState
from dualtrain_paddle.arrays import named_states, to_array
from dualtrain_paddle.optimizers import ByRule
from dualtrain_paddle.owners import gathered, held_by, is_own
from dualtrain_paddle.step import held
from dualtrain_paddle.verbs import set_array

__all__ = [
    "dump_optimizer",
    "load_optimizer",
    "random_states",
    "saved_buffers",
    "set_random_states",
]

_MOMENTS = {"moment1": "first_moment", "moment2": "second_moment"}
_ADAM = {**_MOMENTS, "moment2_max": "largest_second_moment"}

_STATES: Mapping[str, Mapping[str, str]] = {
    "SGD": {},
    "Momentum": {"velocity": "velocity"},
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "Lamb": _MOMENTS,
    "LarsMomentumOptimizer": {"velocity": "velocity"},
    "Adagrad": {"moment": "sum_of_squares"},
    "Adadelta": {
        "_avg_squared_grad": "second_moment",
        "_avg_squared_update": "second_moment_of_updates",
    },
    "Adamax": {"moment": "first_moment", "inf_norm": "largest_gradient"},
    "NAdam": {**_MOMENTS, "mu_product": "momentum_product"},
    "RAdam": _MOMENTS,
    "RMSProp": {
        "mean_square": "second_moment",
        "mean_grad": "first_moment",
        "momentum": "velocity",
    },
    "Rprop": {"prevs": "last_gradient", "learning_rates": "step_size"},
}
"""Class of the optimizer -> Paddle's name of a state -> the neutral one."""


class _Power(NamedTuple):
    """A product that Paddle goes on with in each update, rounding it: base^(k + ahead) after k."""

    base: str | float
    """The number, or the optimizer's attribute."""
    ahead: int = 0

    def base_of(self, optimizer: Any) -> float:
        return getattr(optimizer, self.base) if isinstance(self.base, str) else self.base

    def rounded(self, optimizer: Any, dtype: Any) -> float:
        """The base as Paddle computes with it: RAdam takes differences in which that tells."""
        return float(dtype.type(self.base_of(optimizer)))

    def after(self, k: int, optimizer: Any, dtype: Any) -> float:
        return self.rounded(optimizer, dtype) ** (k + self.ahead)

    def updates(self, power: float, optimizer: Any, dtype: Any) -> int:
        """k. Of a power that has run out, the k at which it did: no bias is left by then.

        For as long as the power is large enough to correct a bias, its roundings come to less than
        half an update.
        """
        base = self.rounded(optimizer, dtype)
        least = float(np.finfo(dtype).smallest_subnormal)
        if base == 0.0:
            return 1
        return round(math.log(max(power, least)) / math.log(base)) - self.ahead


_BETAS = {"beta1_pow_acc": _Power("_beta1", 1), "beta2_pow_acc": _Power("_beta2", 1)}

_POWERS: Mapping[str, Mapping[str, _Power]] = {
    "Adam": _BETAS,
    "AdamW": _BETAS,
    "Lamb": _BETAS,
    "Adamax": {"beta1_pow_acc": _Power("_beta1", 1)},
    "NAdam": {"momentum_decay_pow": _Power(0.96), "beta2_pow": _Power("_beta2")},
    "RAdam": {"beta1_pow": _Power("_beta1"), "beta2_pow": _Power("_beta2")},
}
"""What Paddle keeps in place of the number of updates.

Kept exactly in `own`; computed from `step` where another framework gave the state.
"""


def dump_optimizer(
    optimizer: Any, parameters: Sequence[NamedTensor]
) -> tuple[dict[str, Arrays], Arrays]:
    """Canonical name -> what the rule keeps of a parameter; what only Paddle can read: the powers.

    Of these `step` is the whole number.
    """
    states: dict[str, Arrays] = {}
    powers: dict[str, NDArray[Any]] = {}
    kept = gathered(optimizer, [f.tensor.name for f in parameters])
    for f, (tensors, updates) in zip(parameters, kept, strict=True):
        if tensors:
            states[f.name] = _neutral(optimizer, f, tensors, updates)
        for native in (*_powers(optimizer), "rho"):
            if native in tensors:
                powers[f"power/{native}/{f.name}"] = _one(tensors[native])
    return states, powers


@paddle.no_grad()
def load_optimizer(optimizer: Any, parameters: Sequence[NamedTensor], state: TensorState) -> None:
    """Let the optimizer have what the state says of it, and no more."""
    _created(optimizer).clear()
    optimizer._accumulators.clear()
    optimizer._accumulators_holder = {}
    if isinstance(optimizer, ByRule):
        optimizer.steps.clear()
    moved = {p.name: p for p in held(optimizer)}
    block = paddle.static.default_main_program().global_block()
    optimizer.helper = LayerHelper(type(optimizer).__name__)  # Paddle 2.6 makes states with it
    found = [
        f for f in parameters if f.name in state.optimizer and is_own(optimizer, f.tensor.name)
    ]
    optimizer._create_accumulators(block, [moved[f.tensor.name] for f in found])
    for f in found:
        given = _native(optimizer, f, state.optimizer[f.name])
        if isinstance(optimizer, ByRule):
            optimizer.steps[f.tensor.name] = int(state.optimizer[f.name].get("step", 1))
        for native, tensor in held_by(optimizer, f.tensor.name).items():
            exact = state.own.get(f"power/{native}/{f.name}")
            if exact is not None or native in given:
                _fill(tensor, given[native] if exact is None else exact)


def saved_buffers(model: paddle.nn.Layer) -> Iterator[tuple[str, Any]]:
    """Structured name -> buffer, for those that are kept with the model and have values."""
    kept = model.state_dict()
    return ((n, b) for n, b in model.named_buffers() if n in kept and b._is_initialized())


def random_states(model: paddle.nn.Layer) -> dict[str, NDArray[Any]]:
    """Paddle's random states, of the CPU and of the current CUDA device, those with names too."""
    return {name: _engine(generator) for name, generator in _in_place()}


def set_random_states(model: paddle.nn.Layer, states: Arrays) -> None:
    """Go on from random states, where they are there."""
    for name, generator in _in_place():
        if name in states:
            _set_engine(generator, states[name])


def _neutral(optimizer: Any, found: NamedTensor, kept: Mapping[str, Any], updates: int) -> Arrays:
    """A parameter's state by neutral name."""
    names = _names(optimizer)
    arrays = {
        names[native]: _one(tensor)
        if names[native] == "momentum_product"
        else _canonical(found, tensor)
        for native, tensor in kept.items()
        if native in names and (native != "mean_grad" or optimizer._centered)
    }
    if "step" in names:
        arrays["step"] = np.array(updates, np.int64)
    if _powers(optimizer):
        arrays["step"] = np.array(_step(optimizer, kept), np.int64)
    return arrays


def _names(optimizer: Any) -> Mapping[str, str]:
    """Name of a state of this optimizer -> the neutral one."""
    if isinstance(optimizer, ByRule):
        return {name: name for name in optimizer.rule.kept}
    return _STATES[type(optimizer).__name__]


def _step(optimizer: Any, kept: Mapping[str, Any]) -> int:
    """The number of updates, from the power that falls most slowly."""
    powers = _powers(optimizer)
    native = max(powers, key=lambda name: powers[name].base_of(optimizer))
    array = copied(to_array(kept[native]))
    return powers[native].updates(float(array.flat[0]), optimizer, array.dtype)


def _native(optimizer: Any, found: NamedTensor, state: Arrays) -> dict[str, NDArray[Any]]:
    """A parameter's state as Paddle has it, its powers computed from the number of updates."""
    names = {neutral: n for n, neutral in _names(optimizer).items()}
    arrays = {
        names[neutral]: array if array.ndim == 0 else found.to_native(array)
        for neutral, array in state.items()
        if neutral != "step"
    }
    dtype = np.dtype("float64" if type_of(found.tensor) == "float64" else "float32")
    for native, power in _powers(optimizer).items():
        arrays[native] = np.array(power.after(int(state["step"]), optimizer, dtype))
    if type(optimizer).__name__ == "RAdam":
        k, left = int(state["step"]), float(arrays["beta2_pow"])
        arrays["rho"] = np.array(k * left / (1.0 - left))
    return arrays


def _powers(optimizer: Any) -> Mapping[str, _Power]:
    return _POWERS.get(type(optimizer).__name__, {})


def _created(optimizer: Any) -> set[str]:
    """The parameters that have a state; Paddle 2.6 spells it in another way."""
    names = ("_already_create_accumulator", "_already_create_accumulater")
    found: set[str] = next(getattr(optimizer, name) for name in names if hasattr(optimizer, name))
    return found


def _generators() -> dict[str, Any]:
    """What random numbers come from: the CPU's generator, and the current CUDA device's.

    None of Paddle 2.6: there the engine of a generator is no part of what can be read of it.
    """
    core = paddle.framework.core
    found = {"cpu": core.default_cpu_generator()}
    kind, _, index = paddle.device.get_device().partition(":")
    if kind == "gpu":
        found["cuda"] = core.default_cuda_generator(int(index))
    states = {name: generator.get_state().__getstate__() for name, generator in found.items()}
    return {name: found[name] for name, state in states.items() if isinstance(state[-1], list)}


def _in_place() -> Iterator[tuple[str, Any]]:
    """The name of each random state, and the generator that has it meanwhile."""
    generators = _generators()
    yield from generators.items()
    for name in named_states() if generators else ():
        for device, generator in generators.items():
            yield f"{device}/{name}", generator


def _engine(generator: Any) -> NDArray[np.uint8]:
    """A generator's state: device, seed, offset and the engine's own text."""
    *numbers, text = generator.get_state().__getstate__()
    head = " ".join(map(str, numbers)).encode()
    return np.frombuffer(head + b"\n" + bytes(text), np.uint8)


def _set_engine(generator: Any, state: NDArray[Any]) -> None:
    head, _, text = state.tobytes().partition(b"\n")
    kind: Any = type(generator.get_state())
    given = kind.__new__(kind)  # only a new one takes values
    given.__setstate__((*map(int, head.split()), list(text)))
    generator.set_state(given)


def _fill(tensor: Any, array: NDArray[Any]) -> None:
    """Set a tensor's values, one number for all of them if the array is one."""
    set_array(tensor, np.ascontiguousarray(np.broadcast_to(array, tuple(tensor.shape))))


def _canonical(found: NamedTensor, tensor: Any) -> NDArray[Any]:
    return np.array(found.to_canonical(copied(to_array(tensor))), order="C")


def _one(tensor: Any) -> NDArray[Any]:
    """The number that all entries of a tensor are; Paddle keeps some numbers entry by entry."""
    array = copied(to_array(tensor))
    return array.reshape(-1)[0].reshape(()) if (array == array.flat[0]).all() else array
