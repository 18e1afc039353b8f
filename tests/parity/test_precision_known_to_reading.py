"""Parameters that reading knows by position, against the libraries' own."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from typing import Any

import pytest

from dualtrain.recipes.loops._amp import CASTS
from dualtrain.recipes.loops._batches import POSITIONS, SEEDS
from dualtrain.recipes.loops._hapi import FIT, PREPARE
from dualtrain.recipes.loops._scaler import SCALERS


def resolved(path: str) -> Any:
    """What a path names in the installed release; None where the release has it no more."""
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
            for name in parts[cut:]:
                found = getattr(found, name)
        except (ImportError, AttributeError):
            continue
        return found
    return None


def parameters(of: Any) -> list[str]:
    """Its parameters in their order, without the receiver."""
    called = of.__init__ if inspect.isclass(of) else of
    return [name for name in inspect.signature(called).parameters if name != "self"]


PRESENT = {
    path: (names, of)
    for path, names in {**CASTS, **SCALERS}.items()
    if (of := resolved(path)) is not None
}


def test_both_libraries_are_among_those_compared() -> None:
    assert {"paddle.amp.auto_cast", "paddle.amp.GradScaler", "torch.autocast"} <= set(PRESENT)
    assert {"torch.cuda.amp.autocast", "torch.cuda.amp.GradScaler", "torch.amp.GradScaler"} <= set(
        PRESENT
    )


@pytest.mark.parametrize("path", sorted(PRESENT))
def test_precision_is_given_by_these_positions(path: str) -> None:
    names, of = PRESENT[path]
    assert parameters(of)[: len(names)] == list(names)


@pytest.mark.parametrize("path", sorted(set(POSITIONS) - {"paddle.batch"}))
def test_the_batch_size_stands_there(path: str) -> None:
    of = resolved(path)
    assert of is not None
    assert parameters(of)[POSITIONS[path]] == "batch_size"


@pytest.mark.parametrize(("method", "names"), [("fit", FIT), ("prepare", PREPARE)])
def test_a_paddle_model_takes_these(method: str, names: Sequence[str]) -> None:
    of = resolved(f"paddle.Model.{method}")
    assert parameters(of)[: len(names)] == list(names)


@pytest.mark.parametrize(
    "path",
    [
        "paddle.seed",
        "torch.manual_seed",
        "torch.random.manual_seed",
        "transformers.set_seed",
        "transformers.trainer_utils.set_seed",
    ],
)
def test_a_seed_is_the_first_argument(path: str) -> None:
    assert path in SEEDS
    assert parameters(resolved(path))[0] in ("seed", "seed_value")
