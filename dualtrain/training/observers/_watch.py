"""What a run says by itself, since nobody may look at its numbers: that it trains nothing.

All of it is found in numbers that are read anyway, and in one reading of the weights: at the first
number that is none, or at the end.
"""

from __future__ import annotations

import math
import warnings

from dualtrain.errors import TrainingWarning
from dualtrain.trace import Update
from dualtrain.training.run._observer import Observer
from dualtrain.training.run._run import Run

__all__ = ["Watch"]


class Watch(Observer):
    """Warns once of the first number that is none, and at the end of updates that were not made.

    Of a run that goes on from weights that are none it says so, and no more.

    A run that diverges is no error: its trace may be what somebody wants to compare.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._updates = 0
        self._finite = True
        if run.attempts and not self._weights_are_finite():
            self._finite = False
            _warn(
                f"the run goes on after {run.attempts} updates from weights that are no longer "
                "numbers: go on from an older checkpoint, by removing those behind it"
            )

    def updated(self, update: Update, total: int) -> None:
        """Look at an update; a skipped one has done no harm."""
        self._updates += 1
        if self._finite and not update.skipped:
            named = {"loss": update.loss, "gradient norm": update.grad_norm}
            for name, value in named.items():
                if value is not None and not math.isfinite(value):
                    self._warn_of(f"the {name} of update {update.t} is {value}")
                    return

    def ended(self) -> None:
        """Look at what the run has come to."""
        skipped = self._run.skipped
        if skipped and skipped == self._run.attempts:
            _warn(
                f"no update was made: all {skipped} were skipped, for the gradients were never "
                f"finite in {self._dtype}, at the last with a loss scale of {self._scale:g}. "
                "Look at the data, the rate, amp.loss_scale, or use bfloat16"
            )
        elif self._finite and self._updates and not self._weights_are_finite():
            self._warn_of("the last gradients were not finite")

    @property
    def _dtype(self) -> str:
        amp = self._run.plan.spec.amp
        return "float32" if amp is None else amp.dtype

    @property
    def _scale(self) -> float:
        return 1.0 if self._run.scaling is None else self._run.scaling.scale

    def _weights_are_finite(self) -> bool:
        backend = self._run.backend
        sums = [backend.scaled(p, 1.0).sum() for p in self._run.model.parameters()]
        return all(map(math.isfinite, backend.numbers(sums)))

    def _warn_of(self, what: str) -> None:
        """An infinite loss alone, a sum that overflowed, may leave gradients and weights finite."""
        self._finite = False
        harm = "the weights are no longer numbers"
        if self._weights_are_finite():
            harm = "the run has numbers that are none, though its weights are finite as yet"
        _warn(
            f"{harm}: {what}, and in {self._dtype} nothing skips such an update. Look at the data "
            "of that update, the rate, and clip"
        )


def _warn(text: str) -> None:
    warnings.warn(text, TrainingWarning, stacklevel=4)
