"""A script: calls Paddle's operators under autocast, its place check faked, beside Paddle's log.

Writes a line "@ name [black list]" to stderr before each call; run with GLOG_v=6.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle.incubate.nn import functional as fused

from dualtrain.spec import Amp
from dualtrain_paddle.amp import autocast

__all__ = ["CALLS"]

Y = paddle.arange(4)
RNN = paddle.nn.SimpleRNN(4, 4)
CALLS: dict[str, list[Any]] = {
    "cross_entropy": [
        lambda x: F.cross_entropy(x, Y, reduction="none"),
        lambda x: F.nll_loss(x, Y),
    ],
    "exp": [paddle.exp],
    "gelu": [F.gelu],
    "layer_norm": [
        lambda x: F.layer_norm(x, 4),
        lambda x: fused.fused_layer_norm(x, x[0], x[0], 1e-5),
    ],
    "log": [paddle.log],
    "log_softmax": [F.log_softmax],
    "matmul": [
        lambda x: x @ x,
        lambda x: F.linear(x, x),
        lambda x: paddle.mm(x, x),
        lambda x: paddle.bmm(x[None], x[None]),
        lambda x: paddle.addmm(x, x, x),
        lambda x: paddle.einsum("ij,jk->ik", x, x),
        lambda x: paddle.dot(x, x),
        lambda x: paddle.mv(x, x[0]),
        lambda x: paddle.inner(x, x),
        lambda x: paddle.tensordot(x, x, 1),
        lambda x: paddle.linalg.multi_dot([x, x, x]),
        lambda x: paddle.linalg.matrix_power(x, 2),
        lambda x: F.bilinear(x, x, x[None]),
        lambda x: fused.fused_linear(x, x),
        lambda x: paddle.baddbmm(x[None], x[None], x[None]),
        lambda x: RNN(x[None]),
        lambda x: attention(x, "flash_attn"),
        lambda x: attention(x, "fused_dot_product_attention"),
    ],
    "mean": [paddle.mean, lambda x: x.mean(0)],
    "pow": [lambda x: x**2, lambda x: x**x],
    "softmax": [
        F.softmax,
        lambda x: F.softmax(x, -1, "bfloat16"),
        F.gumbel_softmax,
        lambda x: paddle.incubate.softmax_mask_fuse(x[None, None], x[None, None]),
        lambda x: attention(x, "flash_attn"),
    ],
    "sum": [paddle.sum, lambda x: x.sum(0)],
}
"""Neutral name -> the forms in which the operator is called."""


def attention(x: Any, name: str) -> None:
    """Attention in one operator: none has a kernel for the CPU, but its type is asked before."""
    operators: Any = importlib.import_module("paddle._C_ops")
    q = x[None, :, None]
    if name == "flash_attn":
        arguments: tuple[Any, ...] = (None, None, 0.0, False, False, False, "")
        call = operators.flash_attn
    else:
        call, arguments = fused.fused_dot_product_attention, (None,)
    try:
        call(q, q, q, *arguments)
    except RuntimeError as error:
        if "is not registered" not in str(error):
            raise


class Gpu:
    """What the CPU pretends to be."""

    def is_gpu_place(self) -> bool:
        return True

    def is_xpu_place(self) -> bool:
        return False

    is_custom_place = is_xpu_place


class Tracer:
    """Paddle's own tracer, in another place."""

    def __init__(self, real: Any) -> None:
        self.__dict__["real"] = real

    def __getattr__(self, name: str) -> Any:
        return Gpu() if name == "_expected_place" else getattr(self.real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.real, name, value)


def main() -> None:
    """Call every operator in every form."""
    context: Any = importlib.import_module("paddle.amp.auto_cast")
    real = context._dygraph_tracer()
    context._dygraph_tracer = lambda: Tracer(real)
    context._is_gpu_bfloat16_supported = lambda: True
    x = paddle.ones([4, 4], "bfloat16")
    for name, calls in CALLS.items():
        amp: Any = {"dtype": "bfloat16", "level": "O2", "float32_operators": [name]}
        for call in calls:
            with autocast(Amp(**amp), None):
                os.write(2, f"@ {name} {sorted(real._get_amp_op_list()[1])}\n".encode())
                call(x)
    os.write(2, b"@ end []\n")


if __name__ == "__main__":
    main()
