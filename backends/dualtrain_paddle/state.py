"""What a run's tensors hold, given and taken: weights, the optimizer's state, Paddle's own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import paddle
from numpy.typing import NDArray

import dualtrain_paddle
from dualtrain.backend import NamedTensor, check_weights, master_of, read_masters, type_of
from dualtrain.state import Arrays, TensorState
from dualtrain_paddle.tensors import named_tensors

__all__ = ["dump_state", "load_state"]

_MOMENTS = {"moment1": "first_moment", "moment2": "second_moment"}
_ADAM = {**_MOMENTS, "moment2_max": "largest_second_moment"}

_STATES: Mapping[str, Mapping[str, str]] = {
    "SGD": {},
    "Momentum": {"velocity": "velocity"},
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "Lamb": _MOMENTS,
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


def dump_state(model: paddle.nn.Layer, optimizer: Any = None) -> TensorState:
    """Copies of all that the next update depends on; without an optimizer, of the weights alone.

    `own`: Paddle's random state, of the CPU and of the current CUDA device; the model's buffers
    that are kept with it; the powers of the betas, of which `step` is the whole number.
    """
    parameters = list(named_tensors(model))
    read_masters(dualtrain_paddle, [f.tensor for f in parameters])
    weights = {f.name: _canonical(f, master_of(f.tensor)) for f in parameters}
    if optimizer is None:
        return TensorState(weights=weights)
    accumulators = {f.name: _held(optimizer, f.tensor.name) for f in parameters if f.is_parameter}
    powers = {
        f"power/{native}/{name}": _one(tensors[native])
        for name, tensors in accumulators.items()
        for native in (*_powers(optimizer), "rho")
        if native in tensors
    }
    buffers = {f"buffer/{name}": _array(buffer) for name, buffer in _buffers(model)}
    random = {f"random/{name}": _engine(generator) for name, generator in _generators().items()}
    return TensorState(
        weights=weights,
        optimizer={
            f.name: _neutral(optimizer, f, accumulators[f.name])
            for f in parameters
            if accumulators.get(f.name)
        },
        own={**powers, **buffers, **random},
    )


@paddle.no_grad()
def load_state(model: paddle.nn.Layer, optimizer: Any, state: TensorState) -> None:
    """Take a state: the optimizer, if not None, has then what the state says of it, and no more.

    Raises `CheckpointError` naming every weight that does not fit, before anything is changed.
    """
    tensors = list(named_tensors(model))
    check_weights({f.name: f.shape for f in tensors}, state.weights, or_float64=True)
    for f in tensors:
        for tensor in (f.tensor, master_of(f.tensor)):
            _set(tensor, f.to_native(state.weights[f.name]))
    if optimizer is None:
        return
    _load_optimizer(optimizer, [f for f in tensors if f.name in state.optimizer], state)
    for name, buffer in _buffers(model):
        if f"buffer/{name}" in state.own:
            _set(buffer, state.own[f"buffer/{name}"])
    for name, generator in _generators().items():
        if f"random/{name}" in state.own:
            _set_engine(generator, state.own[f"random/{name}"])


def _neutral(optimizer: Any, found: NamedTensor, held: Mapping[str, Any]) -> Arrays:
    """A parameter's state by neutral name."""
    names = _STATES[type(optimizer).__name__]
    arrays = {
        names[native]: _one(tensor) if native == "mu_product" else _canonical(found, tensor)
        for native, tensor in held.items()
        if native in names and (native != "mean_grad" or optimizer._centered)
    }
    if _powers(optimizer):
        arrays["step"] = np.array(_step(optimizer, held), np.int64)
    return arrays


def _step(optimizer: Any, held: Mapping[str, Any]) -> int:
    """The number of updates, from the power that falls most slowly."""
    powers = _powers(optimizer)
    native = max(powers, key=lambda name: powers[name].base_of(optimizer))
    array = _array(held[native])
    return powers[native].updates(float(array.flat[0]), optimizer, array.dtype)


def _load_optimizer(optimizer: Any, found: list[NamedTensor], state: TensorState) -> None:
    """Begin the optimizer's state anew, for the parameters that have one."""
    _created(optimizer).clear()
    optimizer._accumulators.clear()
    optimizer._accumulators_holder = {}
    held = {p.name: p for p in optimizer._parameter_list}
    block = paddle.static.default_main_program().global_block()
    optimizer._create_accumulators(block, [held[f.tensor.name] for f in found])
    for f in found:
        given = _native(optimizer, f, state.optimizer[f.name])
        for native, tensor in _held(optimizer, f.tensor.name).items():
            exact = state.own.get(f"power/{native}/{f.name}")
            if exact is not None or native in given:
                _set(tensor, given[native] if exact is None else exact)


def _native(optimizer: Any, found: NamedTensor, state: Arrays) -> dict[str, NDArray[Any]]:
    """A parameter's state as Paddle has it, its powers computed from the number of updates."""
    names = {neutral: n for n, neutral in _STATES[type(optimizer).__name__].items()}
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


def _held(optimizer: Any, native: str) -> dict[str, Any]:
    """Paddle's name of a state -> the parameter's tensor of it."""
    states = optimizer._accumulators.items()
    return {name: tensors[native] for name, tensors in states if native in tensors}


def _powers(optimizer: Any) -> Mapping[str, _Power]:
    return _POWERS.get(type(optimizer).__name__, {})


def _created(optimizer: Any) -> set[str]:
    """The parameters that have a state; Paddle 2.6 spells it in another way."""
    names = ("_already_create_accumulator", "_already_create_accumulater")
    found: set[str] = next(getattr(optimizer, name) for name in names if hasattr(optimizer, name))
    return found


def _buffers(model: paddle.nn.Layer) -> Iterator[tuple[str, Any]]:
    """Structured name -> buffer, for those that are kept with the model and have values."""
    kept = model.state_dict()
    for name, buffer in model.named_buffers():
        if name in kept and buffer._is_initialized():
            yield name, buffer


def _generators() -> dict[str, Any]:
    """What random numbers come from: the CPU's generator, and the current CUDA device's."""
    place, core = paddle.framework._current_expected_place(), paddle.framework.core
    found = {"cpu": core.default_cpu_generator()}
    if place.is_gpu_place():
        found["cuda"] = core.default_cuda_generator(place.gpu_device_id())
    return found


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


def _set(tensor: Any, array: NDArray[Any]) -> None:
    """Set a tensor's values, one number for all of them if the array is one."""
    array = np.broadcast_to(array, tuple(tensor.shape))
    tensor.set_value(paddle.to_tensor(np.ascontiguousarray(array), dtype=tensor.dtype))


def _canonical(found: NamedTensor, tensor: Any) -> NDArray[Any]:
    return np.array(found.to_canonical(_array(tensor)), order="C")


def _one(tensor: Any) -> NDArray[Any]:
    """The number that all entries of a tensor are; Paddle keeps some numbers entry by entry."""
    array = _array(tensor)
    return array.reshape(-1)[0].reshape(()) if (array == array.flat[0]).all() else array


def _array(tensor: Any) -> NDArray[Any]:
    """A copy in numpy; of bfloat16, which numpy has not, as float32, which holds it."""
    tensor = tensor.detach()
    low = tensor.dtype in (paddle.float16, paddle.bfloat16)
    array: NDArray[Any] = (tensor.astype("float32") if low else tensor).numpy()
    return array.copy()
