"""What is looked at while a run goes on, and what follows: evaluation, early stop, best model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dualtrain.fields import LARGEST_COUNT, Count, Part

__all__ = ["Best", "Checkpointing", "EarlyStopping", "Evaluation", "Every", "Measured", "Mode"]

Mode = Literal["min", "max"]
"""Whether lower or higher is better."""


_BETTER: Mapping[str, Mode] = {
    **dict.fromkeys(("loss", "perplexity", "mae", "mse", "rmse"), "min"),
    **dict.fromkeys(("accuracy", "precision", "recall", "f1", "r2"), "max"),
}
"""What is better of metrics that everybody knows by these names."""


class Every(Part):
    """From one time to the next: so many updates, skipped ones too, or so many whole epochs."""

    updates: Count | None = None
    """Updates made or skipped, counted from the run's begin."""
    epochs: Count | None = None
    """Epochs, at their end."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Every:
        if (self.updates is None) == (self.epochs is None):
            raise ValueError("give either updates or epochs")
        return self

    def is_due(self, made: int, updates_per_epoch: int) -> bool:
        """Whether it is time after so many updates.

        >>> [Every(epochs=2).is_due(made, 3) for made in (3, 5, 6, 12)]
        [False, False, True, True]
        """
        count = self.updates if self.epochs is None else self.epochs * updates_per_epoch
        assert count is not None, "one of the two is given"
        return made > 0 and made % count == 0


class Evaluation(Part):
    """On the held-out split, while the run goes on. It changes no number of the training."""

    every: Every = Every(epochs=1)
    """The end of the run is always evaluated, too."""


class Measured(Part):
    """A metric of the evaluations, and what is better."""

    metric: Annotated[str, Field(min_length=1)] = "loss"
    """`loss`, the mean over the held-out split, or another that the task measures."""
    mode: Mode | None = None
    """`min`: lower is better, `max`: higher. May be absent for loss, perplexity, mae, mse and rmse
    (`min`), accuracy, precision, recall, f1 and r2 (`max`)."""

    @model_validator(mode="after")
    def _something_is_better(self) -> Measured:
        if self.mode is None and self.metric not in _BETTER:
            raise ValueError(
                f"mode must say what is better of the metric {self.metric!r}: write mode: min or "
                "mode: max. Received: nothing"
            )
        return self

    @property
    def better(self) -> Mode:
        """`mode`, or what follows from the metric's name."""
        return self.mode or _BETTER[self.metric]


class EarlyStopping(Measured):
    """The run ends after an evaluation when a metric has stopped improving.

    With best = inf (mode `max`: -inf) and bad = 0 at first, for each evaluation's m:

        m < best - threshold  (mode `max`: m > best + threshold):  best = m, bad = 0
        else:                                                      bad += 1, ends if bad = patience

    A metric that is no number is no better. Of both sides of a parity run: within rounding of the
    threshold one may stop where the other goes on.
    """

    patience: Count
    """Evaluations in a row that were no better."""
    threshold: Annotated[float, Field(ge=0, le=1e300)] = 0.0
    """How much better is better."""


class Best(Measured):
    """The weights of the best evaluation are kept, with `ema` the averages, which it looks at.

    The first of several that are equally good.
    """


class Checkpointing(Part):
    """When the whole state of a run is written, for a run that has a folder for it."""

    every: Every = Every(epochs=1)
    """The end of the run is always written, too, and where a signal ends it."""
    keep: Annotated[int, Field(ge=1, le=LARGEST_COUNT)] = 2
    """The latest so many; older ones are removed once a new one is whole, but for the newest whose
    weights are numbers. With 1 nothing is left if the only one is damaged."""
