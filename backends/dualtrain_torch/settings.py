"""What is set in the process, or by default, that changes the numbers of a run without a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

__all__ = ["settings"]


def settings(device: Any) -> list[str]:
    """One sentence for each setting by which a run would not be the plain one, for its trace.

    Not among them: reduced-precision reductions in float16 and bfloat16 products, which are on by
    default and within what AMP rounds; the choice of kernels (`cudnn.benchmark`).
    """
    return [*_types(), *_rounding(), *(_tf32() if device.type == "cuda" else [])]


def _types() -> Iterator[str]:
    if torch.get_default_dtype() != torch.float32:
        yield f"torch.get_default_dtype() is {torch.get_default_dtype()}"


def _rounding() -> Iterator[str]:
    precision = torch.get_float32_matmul_precision()
    if precision != "highest":
        yield (
            f"torch.get_float32_matmul_precision() is {precision!r}: products of float32 may be "
            "rounded to TF32 or bfloat16"
        )
    if torch.are_deterministic_algorithms_enabled():
        yield "torch.use_deterministic_algorithms is on: other kernels may run"
    if (torch.tensor(1e-40, dtype=torch.float32) * 1.0).item() == 0.0:
        yield "the processor flushes denormal numbers: those below 1.2e-38 are 0"


def _tf32() -> Iterator[str]:
    if torch.backends.cudnn.allow_tf32:
        yield (
            "torch.backends.cudnn.allow_tf32 is on, torch's default: convolutions of float32 are "
            "rounded to TF32"
        )
