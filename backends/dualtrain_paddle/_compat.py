"""What depends on the installed versions: every version check of this backend lives here."""

from __future__ import annotations

import warnings
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import paddle

__all__ = ["paddlenlp_schedules", "versions"]


def versions() -> dict[str, str]:
    """Installed versions of the framework and the packages that change its numbers."""
    found = {"paddlepaddle": str(paddle.__version__)}
    for package in ("paddlenlp", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def paddlenlp_schedules() -> Any:
    """The module `paddlenlp.transformers.optimization`, or None (said once) where it is broken.

    paddlenlp 2.8.1 fails at import with aistudio-sdk 0.3, datasets 4 and others, each in its own
    way; the schedules then come from the plan, with the same numbers.
    """
    try:
        from paddlenlp.transformers import optimization
    except Exception as error:
        warnings.warn(
            f"paddlenlp cannot be imported ({type(error).__name__}: {error}); "
            "schedules come from dualtrain, with the same numbers",
            stacklevel=2,
        )
        return None
    return optimization
