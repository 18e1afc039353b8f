"""What is called in torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.kernels._case import Array
from dualtrain.ledger import Ledger
from dualtrain_torch import cross_entropy_sum, freeze, use_batch_norm
from dualtrain_torch import versions as installed
from dualtrain_torch.clip import global_norm

__all__ = ["CALLS", "NAME", "array", "backward", "constant", "leaf", "versions"]

NAME: str = "torch"


def leaf(array: Array, dtype: str, trains: bool) -> Any:
    """A parameter of that type, which gets a gradient or stands still."""
    return nn.Parameter(constant(array, dtype), requires_grad=trains)


def constant(array: Array, dtype: str | None) -> Any:
    """A tensor without gradient; whole numbers and masks as they are."""
    tensor = torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape).copy())
    return tensor if dtype is None else tensor.to(getattr(torch, dtype))


def backward(outputs: Sequence[Any], upstream: Sequence[Any]) -> None:
    """Give every leaf that trains its gradient."""
    pairs = [(o, u.to(o.dtype)) for o, u in zip(outputs, upstream, strict=True)]
    torch.autograd.backward([o for o, _ in pairs], [u for _, u in pairs])


def array(tensor: Any) -> Array:
    """A tensor as float64."""
    found: Array = tensor.detach().double().numpy()
    return found


def versions() -> str:
    """Package and version."""
    return f"torch {installed()['torch'].partition('+')[0]}"


def _holding(layer: Any, **parameters: Any) -> Any:
    """The layer with these parameters in the place of its own."""
    for name, parameter in parameters.items():
        setattr(layer, name, parameter)
    return layer


def _wired(layer: Any) -> Any:
    """The layer as `build_optimizer` leaves it, whatever stands still."""
    use_batch_norm(layer, "paddle")
    freeze(layer, Ledger(rows=(), batch_stats="train"))
    return layer


def _layer_norm(weight: Any, bias: Any, epsilon: float) -> Any:
    return _holding(nn.LayerNorm(weight.shape, epsilon), weight=weight, bias=bias)


def _batch_norm_layer(
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any = None,
    variance: Any = None,
    *,
    epsilon: float,
) -> Any:
    """In training; with statistics in evaluation."""
    kinds = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
    layer = _holding(kinds[x.ndim](x.shape[1], epsilon, dtype=x.dtype), weight=weight, bias=bias)
    if mean is not None:
        layer.eval()
        layer.running_mean, layer.running_var = mean, variance
    return _wired(layer)(x)


def _rms_norm(x: Any, weight: Any, epsilon: float) -> Any:
    """As transformers' LLaMA and T5 have it: in float32."""
    wide = x.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)
    return weight * wide.to(x.dtype)


def _batch_norm(x: Any, weight: Any, bias: Any, epsilon: float) -> Any:
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=epsilon)


def _batch_norm_eval(
    x: Any, weight: Any, bias: Any, mean: Any, variance: Any, epsilon: float
) -> Any:
    return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=epsilon)


def _running(x: Any, mean: Any, variance: Any) -> Any:
    """The layer's, as `batch_norm: paddle` has it."""
    kinds = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
    layer = kinds[x.ndim](x.shape[1], dtype=x.dtype)
    layer.running_mean, layer.running_var = mean.clone(), variance.clone()
    use_batch_norm(layer, "paddle")
    layer(x)
    return layer.running_mean, layer.running_var


def _attention(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    scores = torch.matmul(q, k.transpose(-1, -2)) / q.shape[-1] ** 0.5
    return torch.matmul(torch.softmax(scores if mask is None else scores + mask, -1), v)


def _multi_head(x: Any, *parameters: Any, heads: int) -> Any:
    """The layer's function, on the parts that the layer keeps in one."""
    weights, biases = parameters[::2], parameters[1::2]
    inputs = x.transpose(0, 1)
    outputs, _ = F.multi_head_attention_forward(
        inputs,
        inputs,
        inputs,
        x.shape[-1],
        heads,
        torch.cat(weights[:3]),
        torch.cat(biases[:3]),
        None,
        None,
        False,
        0.0,
        weights[3],
        biases[3],
        need_weights=False,
    )
    return outputs.transpose(0, 1)


def _recurrent(cell: Any, finish: Callable[[Any], Any] = lambda layer: layer) -> Callable[..., Any]:
    def call(x: Any, *parameters: Any) -> Any:
        layer = cell(x.shape[-1], parameters[1].shape[1], batch_first=True, dtype=x.dtype)
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        return finish(_holding(layer, **dict(zip(names, parameters, strict=True))))(x)[0]

    return call


def _sums(loss: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: loss(x, y, reduction="sum")


def _cross_entropy(logits: Any, labels: Any, smoothing: float = 0.0, reduction: str = "sum") -> Any:
    flat = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
    return F.cross_entropy(*flat, label_smoothing=smoothing, reduction=reduction)


def _soft_cross_entropy(logits: Any, q: Any) -> Any:
    classes = logits.shape[-1]
    return F.cross_entropy(logits.reshape(-1, classes), q.reshape(-1, classes), reduction="sum")


CALLS: Mapping[str, Callable[..., Any]] = {
    # Products and tables
    "linear": F.linear,
    "matmul": torch.matmul,
    "bmm": torch.bmm,
    "einsum": lambda x, y: torch.einsum("bhqd,bkhd->bhqk", x, y),
    "embedding": F.embedding,
    "embedding, padding_idx": lambda ids, weight, padding_idx: F.embedding(
        ids, weight, padding_idx=padding_idx
    ),
    # Activations
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.01),
    "elu": F.elu,
    "gelu": F.gelu,
    "gelu, tanh form": lambda x: F.gelu(x, approximate="tanh"),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": F.logsigmoid,
    "silu": F.silu,
    "swiglu": lambda x, gate: F.silu(gate) * x,
    "softplus": F.softplus,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "square": torch.square,
    "abs": torch.abs,
    "clip": lambda x: torch.clamp(x, -1.0, 1.0),
    "softmax": lambda x: torch.softmax(x, -1),
    "softmax, axis 1": lambda x: torch.softmax(x, 1),
    "softmax, masked": lambda x, mask: torch.softmax(x + mask, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "logsumexp": lambda x: torch.logsumexp(x, -1),
    # Normalisation
    "layer_norm": lambda x, weight, bias, epsilon: F.layer_norm(
        x, tuple(weight.shape), weight, bias, epsilon
    ),
    "LayerNorm": lambda x, weight, bias, epsilon: _layer_norm(weight, bias, epsilon)(x),
    "LayerNorm, dualtrain": lambda x, weight, bias, epsilon: _wired(
        _layer_norm(weight, bias, epsilon)
    )(x),
    "layer_norm without weight and bias": lambda x, epsilon: F.layer_norm(
        x, (x.shape[-1],), eps=epsilon
    ),
    "rms_norm": lambda x, weight, epsilon: F.rms_norm(x, (x.shape[-1],), weight, epsilon),
    "rms_norm, operator by operator": _rms_norm,
    "batch_norm": _batch_norm,
    "BatchNorm, dualtrain": _batch_norm_layer,
    "BatchNorm in eval, dualtrain": _batch_norm_layer,
    "batch_norm, eval": _batch_norm_eval,
    "batch_norm, running statistics": _running,
    "instance_norm": lambda x, weight, bias, epsilon: F.instance_norm(
        x, weight=weight, bias=bias, eps=epsilon
    ),
    "group_norm": lambda x, weight, bias, groups, epsilon: F.group_norm(
        x, groups, weight, bias, epsilon
    ),
    # Attention
    "attention, operator by operator": _attention,
    "attention, operator by operator, masked": _attention,
    "scaled_dot_product_attention": F.scaled_dot_product_attention,
    "scaled_dot_product_attention, added mask": F.scaled_dot_product_attention,
    "scaled_dot_product_attention, boolean mask": lambda q, k, v, keep: (
        F.scaled_dot_product_attention(q, k, v, keep)
    ),
    "scaled_dot_product_attention, causal": lambda q, k, v: F.scaled_dot_product_attention(
        q, k, v, is_causal=True
    ),
    "MultiHeadAttention": _multi_head,
    # Losses
    "cross_entropy": _cross_entropy,
    "cross_entropy, smoothed": _cross_entropy,
    "cross_entropy, mean, ignored": lambda logits, labels: _cross_entropy(
        logits, labels, reduction="mean"
    ),
    "cross_entropy, soft": _soft_cross_entropy,
    "cross_entropy_sum": lambda logits, labels, smoothing=0.0: cross_entropy_sum(
        logits, labels, label_smoothing=smoothing
    ),
    "cross_entropy_sum, soft": lambda logits, q, smoothing=0.0: cross_entropy_sum(
        logits, q, label_smoothing=smoothing
    ),
    "mse_loss": _sums(F.mse_loss),
    "l1_loss": _sums(F.l1_loss),
    "smooth_l1_loss": _sums(F.smooth_l1_loss),
    "binary_cross_entropy_with_logits": _sums(F.binary_cross_entropy_with_logits),
    # Convolutions and pooling
    "conv1d": F.conv1d,
    "conv2d": F.conv2d,
    "conv1d_transpose": F.conv_transpose1d,
    "conv2d_transpose": F.conv_transpose2d,
    "max_pool1d": lambda x, size, stride: F.max_pool1d(x, size, stride),
    "max_pool2d": lambda x, size, stride, padding=0: F.max_pool2d(x, size, stride, padding),
    "avg_pool2d": lambda x, size, stride: F.avg_pool2d(x, size, stride),
    "adaptive_avg_pool2d": lambda x, size: F.adaptive_avg_pool2d(x, size),
    "adaptive_max_pool2d": lambda x, size: F.adaptive_max_pool2d(x, size),
    "pad, reflected": lambda x: F.pad(x, (2, 2, 2, 2), mode="reflect"),
    "interpolate, nearest": lambda x: F.interpolate(x, scale_factor=2),
    "interpolate, bilinear": lambda x, scale: F.interpolate(x, scale_factor=scale, mode="bilinear"),
    # Recurrence
    "LSTM": _recurrent(nn.LSTM),
    "GRU": _recurrent(nn.GRU),
    "LSTM, dualtrain": _recurrent(nn.LSTM, _wired),
    "GRU, dualtrain": _recurrent(nn.GRU, _wired),
    # Reductions, choices, what optimizers use
    "sum": torch.sum,
    "mean": torch.mean,
    "sum of an axis": lambda x: x.sum(-1),
    "mean of an axis": lambda x: x.mean(-1),
    "variance": lambda x: x.var(-1),
    "standard deviation": lambda x: x.std(-1),
    "norm": torch.linalg.norm,
    "norm of an axis": lambda x: torch.linalg.norm(x, dim=-1),
    "normalize": lambda x: F.normalize(x, dim=-1),
    "max of an axis": lambda x: x.max(-1).values,
    "maximum": torch.maximum,
    "cumsum": lambda x: x.cumsum(-1),
    "prod": lambda x: x.prod(-1),
    "where": lambda x, y, mask: torch.where(mask, x, y),
    "masked_fill": lambda x, y, mask: x.masked_fill(mask, -1e4) * y,
    "index_select": lambda x, ids: torch.index_select(x, 0, ids),
    "gather": lambda x, ids: x.gather(1, ids[:, None]),
    "concat, split, stack": lambda x, y: torch.stack(torch.cat([x, y], 1).chunk(2, 1), 0),
    "transpose, reshape": lambda x: x.transpose(1, 2).reshape(2, -1),
    "dropout, eval": lambda x: F.dropout(x, 0.5, training=False),
    "lerp": lambda x, y: torch._foreach_lerp([x], [y], 0.001)[0],
    "global_norm": lambda x, y: global_norm([x, y]),
}
