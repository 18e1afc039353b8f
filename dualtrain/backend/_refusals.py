"""What every backend refuses alike, in one wording."""

from __future__ import annotations

from typing import Any

from dualtrain.errors import BackendError

__all__ = [
    "NO_SPARSE_TABLE",
    "WHOLE_TENSORS",
    "another_autocast",
    "check_real",
    "no_such_device",
    "real_numbers",
]

NO_SPARSE_TABLE = (
    "a run takes no sparse gradients, which no two frameworks update alike: build the Embedding "
    "without sparse=True. Received: sparse=True"
)

WHOLE_TENSORS = (
    "one process trains, with whole tensors: hand over the model before it is sharded. Received: "
)


def real_numbers(view: str, dtype: Any) -> str:
    """view: the framework's function that shows a complex tensor as a real one."""
    return (
        "parameters that train must be real numbers: hold the real and the imaginary part, "
        f"as {view} gives them. Received: {dtype}"
    )


def check_real(tensor: Any) -> None:
    """Refuse a tensor that float32 cannot hold."""
    if tensor.is_complex():
        raise BackendError(
            f"only real numbers can be compared and saved. Received: a tensor of {tensor.dtype}"
        )


def no_such_device(framework: str, count: int, name: str) -> BackendError:
    """count: of the CUDA devices that the framework sees."""
    return BackendError(f"device: {framework} sees {count} CUDA devices. Received: {name!r}")


def another_autocast(function: str, opened: str, asked: str) -> BackendError:
    """An autocast is open that is not the spec's.

    function: by which the framework opens one. opened, asked: what is open, what the spec has.
    """
    return BackendError(
        "no other autocast than the spec's may be open around a run: leave "
        f"{function} out, amp in the spec opens the right one. "
        f"Received: {function} {opened}, and {asked}"
    )
