"""Automatic mixed precision: the autocast context, and loss scaling's two verbs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from dualtrain.errors import BackendError
from dualtrain.spec import Amp

__all__ = ["autocast", "check_amp", "scaled", "unscale"]


def check_amp(amp: Amp | None, device: Any) -> None:
    """Refuse what the device cannot do; torch autocasts on the CPU and on CUDA."""


def autocast(amp: Amp | None, device: Any) -> AbstractContextManager[Any]:
    """The context of a forward pass.

    `amp.float32_operators` are reached where Python calls them; torch has no list of its own.
    Raises `BackendError` where one of them is hidden in a fused function, such as torch's own
    attention.
    """
    if amp is None:
        return nullcontext()
    context: AbstractContextManager[Any] = torch.autocast(
        device.type, dtype=getattr(torch, amp.dtype)
    )
    if not amp.float32_operators:
        return context
    return _both(context, _KeepFloat32(amp.float32_operators, device.type))


def scaled(loss: Any, scale: float) -> Any:
    """loss x scale in float32: 65536, where scaling starts, is infinite in float16."""
    return loss.float() * scale


def unscale(optimizer: Any, scale: float) -> bool:
    """Divide the optimizer's gradients by the scale, in place; whether all of them were finite.

    By `GradScaler`'s own kernel, and like it with one wait for the device.
    """
    alike: dict[torch.dtype, list[Tensor]] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                alike.setdefault(parameter.grad.dtype, []).append(parameter.grad)
    found = []
    for gradients in alike.values():
        found.append(torch.zeros((), device=gradients[0].device))
        inverse = torch.full((), 1.0 / scale, device=gradients[0].device)
        torch._amp_foreach_non_finite_check_and_unscale_(gradients, found[-1], inverse)
    return not sum(found)


_FUNCTIONS: Mapping[str, Sequence[Callable[..., Any]]] = {
    "cross_entropy": (F.cross_entropy, F.nll_loss),
    "exp": (torch.exp, Tensor.exp),
    "gelu": (F.gelu,),
    "layer_norm": (F.layer_norm, torch.layer_norm),
    "log": (torch.log, Tensor.log),
    "log_softmax": (F.log_softmax, torch.log_softmax, Tensor.log_softmax),
    "matmul": (
        *(F.linear, torch.matmul, Tensor.matmul, Tensor.__matmul__, Tensor.__rmatmul__),
        *(torch.mm, Tensor.mm, torch.bmm, Tensor.bmm, torch.addmm, Tensor.addmm),
        *(torch.baddbmm, Tensor.baddbmm, torch.einsum),
    ),
    "mean": (torch.mean, Tensor.mean),
    "pow": (torch.pow, Tensor.pow, Tensor.__pow__, Tensor.__rpow__),
    "softmax": (F.softmax, torch.softmax, Tensor.softmax),
    "sum": (torch.sum, Tensor.sum),
}
"""Neutral name -> torch's functions of that name. In-place forms cannot change a tensor's type."""

_FUSED: Mapping[Callable[..., Any], frozenset[str]] = {
    F.scaled_dot_product_attention: frozenset({"matmul", "softmax"}),
    F.multi_head_attention_forward: frozenset({"matmul", "softmax"}),
    torch._native_multi_head_attention: frozenset({"matmul", "softmax"}),
    torch._transformer_encoder_layer_fwd: frozenset({"gelu", "layer_norm", "matmul", "softmax"}),
    torch.lstm: frozenset({"matmul"}),
    torch.gru: frozenset({"matmul"}),
    torch.rnn_tanh: frozenset({"matmul"}),
    torch.rnn_relu: frozenset({"matmul"}),
}
"""Functions in which operators are out of reach."""


class _KeepFloat32(TorchFunctionMode):
    """Runs the named operators without autocast, their float16 and bfloat16 inputs cast."""

    def __init__(self, names: Sequence[str], device_type: str) -> None:
        super().__init__()
        self._names = frozenset(names)
        self._functions = frozenset(f for name in names for f in _FUNCTIONS[name])
        self._device_type = device_type

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in self._functions:
            with torch.autocast(self._device_type, enabled=False):
                return func(*tree_map(_float32, args), **tree_map(_float32, kwargs))
        hidden = self._names & _FUSED.get(func, frozenset())
        if hidden:
            raise BackendError(
                "amp.float32_operators: each must be a call of its own, not inside a fused "
                "function (for attention in transformers: attn_implementation='eager'). "
                f"Received: {sorted(hidden)} in {func.__name__}"
            )
        return func(*args, **kwargs)


def _float32(value: Any) -> Any:
    low = isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16)
    return value.float() if low else value


@contextmanager
def _both(outer: AbstractContextManager[Any], inner: AbstractContextManager[Any]) -> Iterator[None]:
    with outer, inner:
        yield
