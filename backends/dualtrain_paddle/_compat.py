"""What depends on the installed versions: every version check of this backend lives here."""

from __future__ import annotations

import logging
import warnings
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any

# paddlepaddle 2.6.2 carries a zlib with which scipy 1.17 (paddlenlp needs it) fails when it is
# imported after paddle; before, both work. 3.x does not mind either order.
with suppress(ImportError):
    import scipy.sparse  # noqa: F401

# paddlepaddle 3.3.1 asks for a compiler's cache that nothing here uses.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "No ccache found", UserWarning)
    import paddle

from dualtrain.backend import installed
from dualtrain.errors import BackendError
from dualtrain.native import Refusal
from dualtrain.native.optimizers import arguments_for, driving_row, words_of
from dualtrain.optimizers import UpdateRule

__all__ = ["check_fleet", "native_call", "native_models", "native_schedules", "versions"]


def versions() -> dict[str, str]:
    """Installed versions of the framework and the packages that change its numbers."""
    return {"paddlepaddle": str(paddle.__version__), **installed("paddlenlp", "numpy")}


def check_fleet(strategy: Any) -> None:
    """`BackendError` where fleet cannot read its own settings: Paddle 2.6 with protobuf 7."""
    try:
        strategy.hybrid_configs  # noqa: B018
    except AttributeError as error:
        found = ", ".join(f"{n} {v}" for n, v in {**versions(), **installed("protobuf")}.items())
        raise BackendError(
            "to split an optimizer's state this Paddle needs an older protobuf: "
            f"pip install 'protobuf<7'. Received: {found}"
        ) from error


def native_call(rule: UpdateRule, decay: float | None) -> tuple[Any, dict[str, Any]] | None:
    """The class of Paddle that computes a rule, and the arguments that say it.

    None where the installed Paddle has none that does: NAdam, RAdam, Rprop and amsgrad came with
    Paddle 3.
    """
    row = driving_row("paddle", rule)
    if row is None:
        return None
    module, _, name = row.name.rpartition(".")
    native = getattr(import_module(module), name, None)
    if native is not None:
        with suppress(Refusal):  # an argument that the class came without
            return native, arguments_for(native, row, words_of(rule, decay))
    return None


def native_models() -> Any:
    """The package `paddlenlp.transformers`. Raises `BackendError` where it is missing or broken."""
    try:
        return _import_paddlenlp()
    except Exception as error:  # each unfit dependency breaks it in its own way
        raise BackendError(
            "models of the Paddle backend come from paddlenlp 2.8.1, which must be importable: "
            f"pip install 'dualtrain[paddle]'. Received: {type(error).__name__}: {error}"
        ) from error


@cache
def native_schedules() -> Any:
    """The package `paddlenlp.transformers`, or None (said once) where it is missing or broken.

    paddlenlp 2.8.1 fails at import with aistudio-sdk 0.3, datasets 4 and others, each in its own
    way; the schedules then come from the plan, with the same numbers.
    """
    try:
        return _import_paddlenlp()
    except Exception as error:
        warnings.warn(
            f"paddlenlp cannot be imported ({type(error).__name__}: {error}); "
            "schedules come from dualtrain, with the same numbers",
            stacklevel=2,
        )
        return None


def _import_paddlenlp() -> Any:
    """Import paddlenlp without what its dependencies warn of and log."""
    disabled = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from paddlenlp import transformers
    finally:
        logging.disable(disabled)
    return transformers
