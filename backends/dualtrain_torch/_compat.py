"""What depends on the installed versions: every version check of this backend lives here."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import torch

from dualtrain.backend import installed
from dualtrain.errors import BackendError

__all__ = [
    "fused_classes",
    "native_models",
    "native_schedules",
    "supports_fused",
    "versions",
]


def versions() -> dict[str, str]:
    """Installed versions of the framework and the packages that change its numbers."""
    return {"torch": str(torch.__version__), **installed("transformers", "numpy")}


def fused_classes() -> tuple[Any, ...]:
    """The optimizers whose fused kernel is used: the tests hold it against the rule."""
    return (torch.optim.Adam, torch.optim.AdamW)


def supports_fused(parameters: list[Any]) -> bool:
    """Whether a fused kernel takes these parameters: float, on the CPU or on CUDA.

    torch has it on CUDA since 2.0 and on the CPU since 2.4, our lowest version.
    """
    return all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)


def native_models() -> Any:
    """The package `transformers`. Raises `BackendError` where it is missing or broken."""
    try:
        import transformers
    except Exception as error:
        raise BackendError(
            "models of the torch backend come from transformers, which must be importable: "
            f"pip install 'dualtrain[torch]'. Received: {type(error).__name__}: {error}"
        ) from error
    return transformers


@cache
def native_schedules() -> Any:
    """The module `transformers.optimization`, or None (said once) where it is missing or broken.

    transformers 4 refuses to be imported beside packages outside its bounds; the schedules then
    come from the plan, with the same numbers.
    """
    try:
        from transformers import optimization
    except Exception as error:
        warnings.warn(
            f"transformers cannot be imported ({type(error).__name__}: {error}); "
            "schedules come from dualtrain, with the same numbers",
            stacklevel=2,
        )
        return None
    return optimization
