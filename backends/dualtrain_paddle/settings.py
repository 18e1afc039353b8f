"""What is set in the process, or by default, that changes the numbers of a run without a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import paddle

__all__ = ["settings"]


def settings(device: Any) -> list[str]:
    """One sentence for each setting by which a run would not be the plain one, for its trace.

    Not among them: reduced-precision reductions in float16 and bfloat16 products, which are on by
    default and within what AMP rounds; the choice of kernels (`FLAGS_cudnn_exhaustive_search`).
    """
    on_cpu = isinstance(device, paddle.CPUPlace)
    return [*_types(), *_rounding(), *([] if on_cpu else _tf32())]


def _types() -> Iterator[str]:
    if paddle.get_default_dtype() != "float32":
        yield f"paddle.get_default_dtype() is {paddle.get_default_dtype()}"


def _rounding() -> Iterator[str]:
    for name in ("FLAGS_cudnn_deterministic", "FLAGS_embedding_deterministic"):
        try:
            value = paddle.get_flags(name)[name]
        except ValueError:  # builds for the CPU have no such flags
            continue
        if value:
            yield f"{name} is {value}: other kernels may run"
    if float(paddle.to_tensor(1e-40, dtype="float32", place=paddle.CPUPlace()) * 1.0) == 0.0:
        yield "the processor flushes denormal numbers: those below 1.2e-38 are 0"


def _tf32() -> Iterator[str]:
    core: Any = paddle.base.core
    for name, what in (("cublas", "products"), ("cudnn", "convolutions")):
        switch = getattr(core, f"get_{name}_switch", None)
        if switch is not None and switch():
            yield (f"Paddle's {name} switch for TF32 is on: {what} of float32 are rounded to TF32")
