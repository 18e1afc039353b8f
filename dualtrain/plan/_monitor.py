"""What early stopping and the best model remember of the evaluations so far."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dualtrain.errors import MetricError
from dualtrain.spec import EarlyStopping, Measured, Spec
from dualtrain.state import MetricState

__all__ = ["STOPPED_EARLY", "Monitor"]

STOPPED_EARLY = "early stopping: "
"""What the reason of such an end begins with."""


class Monitor:
    """Looks at the metrics of each evaluation: whether it is the best, whether the run is to end.

    The rule is in `dualtrain.spec.EarlyStopping`; `best` has it with the threshold 0. Keras counts
    so; Hugging Face's callback takes an equal metric for no better, too, and PaddleNLP's is its
    copy. torch's plateau schedule has one more of patience.

    >>> from dualtrain import Spec
    >>> parts = {"optimizer": {"name": "adamw", "lr": 0.1}, "schedule": {"name": "constant"}}
    >>> stopping = {"patience": 2}
    >>> spec = Spec(**parts, duration={"epochs": 9}, early_stopping=stopping, best={})
    >>> monitor = Monitor(spec)
    >>> [monitor.report({"loss": loss}, made) for made, loss in ((5, 0.3), (10, 0.4), (15, 0.3))]
    [True, False, False]
    >>> monitor.reason
    'early stopping: loss no better for 2 evaluations; the best after 5 updates'
    """

    def __init__(self, spec: Spec) -> None:
        self._stopping = spec.early_stopping
        self._stops = None if spec.early_stopping is None else _Watched(spec.early_stopping)
        self._keeps = None if spec.best is None else _Watched(spec.best)

    def report(self, metrics: Mapping[str, float], made: int) -> bool:
        """Take an evaluation after so many updates; whether its weights are the best so far.

        Raises `MetricError` for metrics without the one that is waited for.
        """
        if self._stops is not None:
            self._stops.report(metrics, made)
        return self._keeps is not None and self._keeps.report(metrics, made)

    @property
    def reason(self) -> str | None:
        """Why the run is to end here; None while it is to go on."""
        stops = self._stops
        if self._stopping is None or stops is None or stops.bad < self._stopping.patience:
            return None
        best = "none was a number"
        if math.isfinite(stops.best):
            best = f"the best after {stops.at} updates"
        evaluations = "evaluation" if stops.bad == 1 else "evaluations"
        return (
            f"{STOPPED_EARLY}{self._stopping.metric} no better for {stops.bad} {evaluations}; "
            f"{best}"
        )

    def states(self) -> tuple[MetricState | None, MetricState | None]:
        """What early stopping remembers, and what the best model does."""
        stops, keeps = self._stops, self._keeps
        return (
            None if stops is None else stops.state(),
            None if keeps is None else keeps.state(),
        )

    def restore(self, stopping: MetricState | None, kept: MetricState | None) -> None:
        """Go on from states; a word that has none begins anew."""
        if self._stops is not None and stopping is not None:
            self._stops.restore(stopping)
        if self._keeps is not None and kept is not None:
            self._keeps.restore(kept)


class _Watched:
    """One metric: the best so far, when that was, and how many in a row were no better."""

    def __init__(self, word: Measured) -> None:
        self._metric, self._is_min = word.metric, word.better == "min"
        self._threshold = word.threshold if isinstance(word, EarlyStopping) else 0.0
        self.best, self.at, self.bad = self._worst, 0, 0

    @property
    def _worst(self) -> float:
        return math.inf if self._is_min else -math.inf

    def report(self, metrics: Mapping[str, float], made: int) -> bool:
        """Take a value; whether it is better."""
        if self._metric not in metrics:
            raise MetricError(
                f"an evaluation must give the metric {self._metric!r}, which early_stopping or "
                f"best goes by. Received: {', '.join(map(repr, metrics)) or 'none'}"
            )
        value = float(metrics[self._metric])
        if self._is_min:
            is_better = value < self.best - self._threshold
        else:
            is_better = value > self.best + self._threshold
        if is_better:
            self.best, self.at, self.bad = value, made, 0
        else:
            self.bad += 1
        return is_better

    def state(self) -> MetricState:
        return MetricState(
            best=self.best if math.isfinite(self.best) else None, at=self.at, bad=self.bad
        )

    def restore(self, state: MetricState) -> None:
        self.best = self._worst if state.best is None else state.best
        self.at, self.bad = state.at, state.bad
