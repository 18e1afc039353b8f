"""Packages that dualtrain can do without until something needs them: what the extras install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dualtrain.errors import ExtraError

__all__ = ["EXTRAS", "needed_for"]

EXTRAS = {"matplotlib": "plot", "seqeval": "tags", "tokenizers": "text"}
"""Package -> the extra that installs it."""


@contextmanager
def needed_for(what: str) -> Iterator[None]:
    """A block that imports one of `EXTRAS`, or what does.

    what: what needs it, with its verb: "a plot needs".

    Raises `ExtraError` where the package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise  # not the extra: a fault of dualtrain's own
        raise ExtraError(
            f"{what} the package {package!r}, which the extra {EXTRAS[package]!r} brings: "
            f"pip install 'dualtrain[{EXTRAS[package]}]'. Received: no module named {package!r}"
        ) from None
