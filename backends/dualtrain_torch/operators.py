"""What keeps `amp.float32_operators` in float32, for torch's autocast has no list of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from dualtrain.errors import BackendError
from dualtrain.native.operators import HIDDEN, OPERATORS

__all__ = ["HIDDEN", "SPELLINGS", "KeepFloat32"]

SPELLINGS = OPERATORS["torch"]

_LOW = (torch.float16, torch.bfloat16)


class KeepFloat32(TorchFunctionMode):
    """Runs the named operators without autocast, their float16 and bfloat16 inputs cast.

    In a backward pass too, for gradient checkpointing computes there once more: a mode is left
    while one of torch's functions runs, so that `backward` is taken to the engine itself.

    recomputing: only where an autocast is open, as it is where a forward pass is made again.
    """

    def __init__(
        self, names: Sequence[str], device_type: str, *, recomputing: bool = False
    ) -> None:
        super().__init__()
        self._names = frozenset(names)
        self._kept = frozenset(own for name in names for own in SPELLINGS[name])
        self._device_type = device_type
        self._recomputing = recomputing

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in (Tensor.backward, torch.autograd.backward):
            return self._backward(*args, **kwargs)
        if self._recomputing and not torch.is_autocast_enabled(self._device_type):
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "").partition(".")[0]  # an overload's is softmax.int
        if name in self._kept or name.removesuffix("_") in self._kept:
            _check_result(name, args[0] if name not in self._kept else None, args, kwargs)
            with torch.autocast(self._device_type, enabled=False):
                return func(*tree_map(_float32, args), **tree_map(_float32, kwargs))
        hidden = self._names & HIDDEN.get(name, frozenset())
        if hidden:
            raise BackendError(
                "amp.float32_operators: each must be a call of its own, not inside a fused "
                "function (for attention in transformers: attn_implementation='eager'). "
                f"Received: {sorted(hidden)} in {name}"
            )
        return func(*args, **kwargs)

    def _backward(
        self,
        tensors: Any,
        grad_tensors: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        *_: Any,
        gradient: Any = None,
        inputs: Any = None,
    ) -> None:
        """`backward` as a tensor's method and as `torch.autograd.backward`, this mode still on."""
        roots = _several(tensors)
        given = _several(grad_tensors if gradient is None else gradient) or (None,) * len(roots)
        gradients = [
            torch.ones_like(root) if own is None else own
            for root, own in zip(roots, given, strict=True)
        ]
        engine: Any = torch.autograd.Variable._execution_engine
        with self:
            engine.run_backward(
                roots,
                tuple(gradients),
                create_graph if retain_graph is None else retain_graph,
                create_graph,
                _several(inputs),
                allow_unreachable=True,
                accumulate_grad=True,
            )


def _check_result(name: str, changed: Any, args: Any, kwargs: Any) -> None:
    """Refuse a result that is of a low type whatever computes it: in place, `out=`, `dtype=`."""
    asked = [getattr(x, "dtype", x) for x in (changed, *_several(kwargs.get("out")))]
    asked += [x for x in (*args, *kwargs.values()) if isinstance(x, torch.dtype)]
    for dtype in asked:
        if dtype in _LOW:
            raise BackendError(
                "amp.float32_operators: the result of each must be a new tensor of float32: not "
                f"in place, with out= or dtype= of a low type. Received: {name} into {dtype}"
            )


def _several(given: Any) -> tuple[Any, ...]:
    if given is None:
        return ()
    return tuple(given) if isinstance(given, Sequence) else (given,)


def _float32(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype in _LOW else value
