"""What is called in Paddle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from benchmarks.kernels._case import Array
from dualtrain.ledger import Ledger
from dualtrain_paddle import cross_entropy_sum, freeze, use_batch_norm
from dualtrain_paddle import versions as installed
from dualtrain_paddle.clip import global_norm

__all__ = ["CALLS", "NAME", "array", "backward", "constant", "leaf", "versions"]

NAME: str = "paddle"


def leaf(array: Array, dtype: str, trains: bool) -> Any:
    """A parameter of that type, which gets a gradient or stands still."""
    made = paddle.base.framework.EagerParamBase.from_tensor(constant(array, dtype))
    made.stop_gradient = not trains
    return made


def constant(array: Array, dtype: str | None) -> Any:
    """A tensor without gradient; whole numbers and masks as they are."""
    if dtype is None:
        return paddle.to_tensor(array)
    tensor: Any = paddle.to_tensor(array.astype("float32"))
    return tensor.astype(dtype)


def backward(outputs: Sequence[Any], upstream: Sequence[Any]) -> None:
    """Give every leaf that trains its gradient."""
    pairs = [(o, u.astype(o.dtype)) for o, u in zip(outputs, upstream, strict=True)]
    paddle.autograd.backward([o for o, _ in pairs], [u for _, u in pairs])


def array(tensor: Any) -> Array:
    """A tensor as float64."""
    found: Array = tensor.detach().astype("float32").numpy().astype(np.float64)
    return found


def versions() -> str:
    """Package and version."""
    return f"paddlepaddle {installed()['paddlepaddle']}"


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
    kinds = {2: nn.BatchNorm1D, 3: nn.BatchNorm1D, 4: nn.BatchNorm2D}
    layer = _holding(kinds[x.ndim](x.shape[1], epsilon=epsilon), weight=weight, bias=bias)
    if mean is not None:
        layer.eval()
        layer._mean.set_value(mean)
        layer._variance.set_value(variance)
    return _wired(layer)(x)


def _rms_norm(x: Any, weight: Any, epsilon: float) -> Any:
    """As paddlenlp's LLaMA and T5 have it: in float32."""
    wide = x.astype("float32")
    wide = paddle.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon) * wide
    return wide.astype(x.dtype) * weight


def _statistics(x: Any) -> tuple[Any, Any]:
    return paddle.zeros([x.shape[1]], "float32"), paddle.ones([x.shape[1]], "float32")


def _batch_norm(x: Any, weight: Any, bias: Any, epsilon: float) -> Any:
    return F.batch_norm(x, *_statistics(x), weight, bias, training=True, epsilon=epsilon)


def _batch_norm_eval(
    x: Any, weight: Any, bias: Any, mean: Any, variance: Any, epsilon: float
) -> Any:
    return F.batch_norm(x, mean, variance, weight, bias, training=False, epsilon=epsilon)


def _running(x: Any, mean: Any, variance: Any) -> Any:
    F.batch_norm(x, mean, variance, *_statistics(x)[::-1], training=True)
    return mean, variance


def _attention(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    scores = paddle.matmul(q, k, transpose_y=True) / q.shape[-1] ** 0.5
    return paddle.matmul(F.softmax(scores if mask is None else scores + mask, -1), v)


def _fused_attention(q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False) -> Any:
    """Its positions come before its heads."""
    parts = [part.transpose([0, 2, 1, 3]) for part in (q, k, v)]
    if mask is not None:
        mask = mask.expand([q.shape[0], q.shape[1], q.shape[2], k.shape[2]])
    found = F.scaled_dot_product_attention(*parts, attn_mask=mask, is_causal=causal)
    return found.transpose([0, 2, 1, 3])


def _multi_head(x: Any, *parameters: Any, heads: int) -> Any:
    """The layer's projections are replaced by what they do with these parameters."""
    layer = nn.MultiHeadAttention(x.shape[-1], heads)
    parts = zip(("q", "k", "v", "out"), parameters[::2], parameters[1::2], strict=True)
    for part, weight, bias in parts:
        delattr(layer, f"{part}_proj")
        setattr(layer, f"{part}_proj", lambda y, w=weight, b=bias: F.linear(y, w.t(), b))
    return layer(x)


def _recurrent(cell: Any, finish: Callable[[Any], Any] = lambda layer: layer) -> Callable[..., Any]:
    def call(x: Any, *parameters: Any) -> Any:
        layer = cell(x.shape[-1], parameters[1].shape[1])
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        layer = _holding(layer, **dict(zip(names, parameters, strict=True)))
        layer._all_weights = list(parameters)
        return finish(layer)(x)[0]

    return call


def _sums(loss: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: loss(x, y, reduction="sum")


def _cross_entropy(logits: Any, labels: Any, reduction: Literal["mean", "sum"] = "sum") -> Any:
    flat = logits.reshape([-1, logits.shape[-1]]), labels.reshape([-1])
    return F.cross_entropy(*flat, reduction=reduction)


def _smoothed(logits: Any, labels: Any, smoothing: float) -> Any:
    flat = logits.reshape([-1, logits.shape[-1]]), labels.reshape([-1])
    return F.cross_entropy(*flat, label_smoothing=smoothing, reduction="sum")


CALLS: Mapping[str, Callable[..., Any]] = {
    # Products and tables
    "linear": lambda x, weight, bias: F.linear(x, weight.t(), bias),
    "matmul": paddle.matmul,
    "bmm": paddle.bmm,
    "einsum": lambda x, y: paddle.einsum("bhqd,bkhd->bhqk", x, y),
    "embedding": F.embedding,
    "embedding, padding_idx": lambda ids, weight, padding_idx: F.embedding(
        ids, weight, padding_idx=padding_idx
    ),
    # Activations
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.01),
    "elu": F.elu,
    "gelu": F.gelu,
    "gelu, tanh form": lambda x: F.gelu(x, approximate=True),
    "tanh": paddle.tanh,
    "sigmoid": F.sigmoid,
    "log_sigmoid": F.log_sigmoid,
    "silu": F.silu,
    "swiglu": lambda x, gate: F.silu(gate) * x,
    "softplus": F.softplus,
    "hardswish": F.hardswish,
    "hardsigmoid": lambda x: F.hardsigmoid(x, slope=1 / 6),
    "exp": paddle.exp,
    "log": paddle.log,
    "sqrt": paddle.sqrt,
    "rsqrt": paddle.rsqrt,
    "square": paddle.square,
    "abs": paddle.abs,
    "clip": lambda x: paddle.clip(x, -1.0, 1.0),
    "softmax": lambda x: F.softmax(x, -1),
    "softmax, axis 1": lambda x: F.softmax(x, 1),
    "softmax, masked": lambda x, mask: F.softmax(x + mask, -1),
    "log_softmax": lambda x: F.log_softmax(x, -1),
    "logsumexp": lambda x: paddle.logsumexp(x, -1),
    # Normalisation
    "layer_norm": lambda x, weight, bias, epsilon: F.layer_norm(
        x, weight.shape, weight.flatten(), bias.flatten(), epsilon
    ),
    "LayerNorm": lambda x, weight, bias, epsilon: _layer_norm(weight, bias, epsilon)(x),
    "LayerNorm, dualtrain": lambda x, weight, bias, epsilon: _wired(
        _layer_norm(weight, bias, epsilon)
    )(x),
    "layer_norm without weight and bias": lambda x, epsilon: F.layer_norm(
        x, x.shape[-1:], epsilon=epsilon
    ),
    "rms_norm": lambda x, weight, epsilon: F.rms_norm(x, x.shape[-1:], weight, epsilon),
    "rms_norm, operator by operator": _rms_norm,
    "batch_norm": _batch_norm,
    "BatchNorm, dualtrain": _batch_norm_layer,
    "BatchNorm in eval, dualtrain": _batch_norm_layer,
    "batch_norm, eval": _batch_norm_eval,
    "batch_norm, running statistics": _running,
    "instance_norm": lambda x, weight, bias, epsilon: F.instance_norm(
        x, weight=weight, bias=bias, eps=epsilon
    ),
    "group_norm": lambda x, weight, bias, groups, epsilon: _holding(
        nn.GroupNorm(groups, x.shape[1], epsilon), weight=weight, bias=bias
    )(x),
    # Attention
    "attention, operator by operator": _attention,
    "attention, operator by operator, masked": _attention,
    "scaled_dot_product_attention": _fused_attention,
    "scaled_dot_product_attention, added mask": _fused_attention,
    "scaled_dot_product_attention, boolean mask": lambda q, k, v, keep: _fused_attention(
        q, k, v, keep
    ),
    "scaled_dot_product_attention, causal": lambda q, k, v: _fused_attention(q, k, v, causal=True),
    "MultiHeadAttention": _multi_head,
    # Losses
    "cross_entropy": _cross_entropy,
    "cross_entropy, smoothed": _smoothed,
    "cross_entropy, mean, ignored": lambda logits, labels: _cross_entropy(
        logits, labels, reduction="mean"
    ),
    "cross_entropy, soft": lambda logits, q: F.cross_entropy(
        logits, q, soft_label=True, reduction="sum"
    ),
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
    "conv1d_transpose": F.conv1d_transpose,
    "conv2d_transpose": F.conv2d_transpose,
    "max_pool1d": lambda x, size, stride: F.max_pool1d(x, size, stride),
    "max_pool2d": lambda x, size, stride, padding=0: F.max_pool2d(x, size, stride, padding),
    "avg_pool2d": lambda x, size, stride: F.avg_pool2d(x, size, stride),
    "adaptive_avg_pool2d": lambda x, size: F.adaptive_avg_pool2d(x, size),
    "adaptive_max_pool2d": lambda x, size: F.adaptive_max_pool2d(x, size),
    "pad, reflected": lambda x: F.pad(x, [2, 2, 2, 2], mode="reflect"),
    "interpolate, nearest": lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
    "interpolate, bilinear": lambda x, scale: F.interpolate(x, scale_factor=scale, mode="bilinear"),
    # Recurrence
    "LSTM": _recurrent(nn.LSTM),
    "GRU": _recurrent(nn.GRU),
    "LSTM, dualtrain": _recurrent(nn.LSTM, _wired),
    "GRU, dualtrain": _recurrent(nn.GRU, _wired),
    # Reductions, choices, what optimizers use
    "sum": paddle.sum,
    "mean": paddle.mean,
    "sum of an axis": lambda x: x.sum(-1),
    "mean of an axis": lambda x: x.mean(-1),
    "variance": lambda x: x.var(-1),
    "standard deviation": lambda x: x.std(-1),
    "norm": paddle.linalg.norm,
    "norm of an axis": lambda x: paddle.linalg.norm(x, axis=-1),
    "normalize": lambda x: F.normalize(x, axis=-1),
    "max of an axis": lambda x: paddle.max(x, -1),
    "maximum": paddle.maximum,
    "cumsum": lambda x: paddle.cumsum(x, -1),
    "prod": lambda x: paddle.prod(x, -1),
    "where": lambda x, y, mask: paddle.where(mask, x, y),
    "masked_fill": lambda x, y, mask: paddle.where(mask, paddle.full_like(x, -1e4), x) * y,
    "index_select": lambda x, ids: paddle.index_select(x, ids, 0),
    "gather": lambda x, ids: paddle.take_along_axis(x, ids[:, None], 1),
    "concat, split, stack": lambda x, y: paddle.stack(
        paddle.split(paddle.concat([x, y], 1), 2, 1), 0
    ),
    "transpose, reshape": lambda x: x.transpose([0, 2, 1]).reshape([2, -1]),
    "dropout, eval": lambda x: F.dropout(x, 0.5, training=False),
    "lerp": lambda x, y: x.lerp(y, paddle.full([], 0.001, x.dtype)),
    "global_norm": lambda x, y: global_norm([x, y]),
}
