"""What became of a recipe that was ported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dualtrain.porting._stated import heir_of
from dualtrain.reading import Made
from dualtrain.recipes import Entry, Recipe, Untold, entries
from dualtrain.recipes.schedules._driving import driving
from dualtrain.spec import Spec

__all__ = ["Ported"]


@dataclass(frozen=True, slots=True)
class Ported:
    """What became of a recipe."""

    recipe: Recipe
    to: str
    spec: Spec | None = None
    """None where what is unknown has to be told first."""
    missing: str = ""
    """What is to be told, where there is no spec or no script."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """What the caller told of it."""
    stated: Sequence[float] = ()
    """Rates of the native objects that the recipe states, by update."""
    written: Sequence[float] = ()
    """Those of the script that was written."""
    micro_batches: int = 0
    """In an epoch, for which the rates are compared."""
    no_proof: str = ""
    """Why the two were not compared; empty where they were."""

    @property
    def heir(self) -> str:
        """What stood for the recipe's own schedule, which is of a release that is not installed."""
        held = driving(self.recipe.training) if self.recipe.training and self.stated else None
        return (heir_of(held.path) or "") if isinstance(held, Made) else ""

    @property
    def source(self) -> str:
        """The framework of the recipe."""
        return self.recipe.framework or ("paddle" if self.to == "torch" else "torch")

    @property
    def entries(self) -> list[Entry]:
        """The fields that were taken across."""
        return [one for one in entries(self.recipe) if isinstance(one, Entry)]

    @property
    def untold(self) -> list[Untold]:
        """Those that were not, in the order of the recipe's lines."""
        found = [one for one in entries(self.recipe) if isinstance(one, Untold)]
        told = [one for one in found if not self._answered(".".join(one.path))]

        def line(one: Untold) -> tuple[str, int]:
            place = one.found.place if one.found is not None else None
            return (place.file, place.line) if place is not None else ("", 0)

        return sorted(told, key=line)

    def _answered(self, name: str) -> bool:
        """Whether the caller tells a field, or what is inside it."""
        return any(one == name or one.startswith(f"{name}.") for one in self.told)

    @property
    def asked(self) -> list[str]:
        """Names of the fields that are to be told before a script can be written: the size of a
        micro-batch is not among them, for the batches are the user's own."""
        return [name for one in self.untold if (name := ".".join(one.path)) != "batch.size"]

    @property
    def largest(self) -> float | None:
        """The largest difference of the rates, in ULP of float64; None where none were compared."""
        if not self.written or not self.stated:
            return None
        a, b = np.asarray(self.stated), np.asarray(self.written)
        gap = np.abs(a - b) / np.spacing(np.maximum(np.abs(a), np.abs(b)))
        return float(gap.max()) if len(a) == len(b) else float("inf")
