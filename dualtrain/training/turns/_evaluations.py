"""Evaluation while a run goes on, and at its end: it changes no number of the training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dualtrain.backend import kept_modes
from dualtrain.errors import MetricError
from dualtrain.plan import Plan
from dualtrain.spec import Every, Spec
from dualtrain.tasks import Score
from dualtrain.training.run._observer import Observer
from dualtrain.training.run._random import kept_random
from dualtrain.training.run._run import Run
from dualtrain.training.turns._turn import Turn

__all__ = ["Evaluate", "Evaluations", "Scoring", "check_evaluate", "may_end_after", "scoring_of"]

Evaluate = Callable[[Any], Mapping[str, float]]
"""The model -> metrics by name, numbers that `early_stopping` and `best` may go by."""

Scoring = Callable[[], Score | None]


class Evaluations(Turn):
    """Scores the model when the spec says so, and once the run is over.

    The model has its averages for weights then, with `spec.ema`. Modes and random states are what
    they were when it is done.
    """

    def __init__(self, run: Run, scoring: Scoring, observers: Sequence[Observer]) -> None:
        self._run, self._scoring, self._observers = run, scoring, observers
        self._every = every_of(run.plan.spec)
        self._made = run.attempts if self.is_due() else -1  # of a run that goes on from there
        self._latest: Score | None = None

    def is_due(self) -> bool:
        """By `evaluation.every`."""
        run = self._run
        return self._every is not None and self._every.is_due(
            run.attempts, run.plan.updates_per_epoch
        )

    def take(self) -> None:
        """Score, tell of it, and let early stopping and the best model know."""
        run = self._run
        self._latest = self._scored()
        self._made = run.attempts
        if self._latest is None:
            return
        run.evaluated(self._latest.measured())
        for observer in self._observers:
            observer.evaluated(self._latest)

    def last(self) -> Score | None:
        """The score of the run's end."""
        if self._made != self._run.attempts:
            self.take()
        elif self._latest is None:  # told by the process that the run went on from
            self._latest = self._scored()
        return self._latest

    def _scored(self) -> Score | None:
        run = self._run
        with kept_random(run), run.averaged():
            return run.processes.told(self._scoring())


def every_of(spec: Spec) -> Every | None:
    """When a run is evaluated while it goes on; None: at its end alone."""
    if spec.evaluation is not None:
        return spec.evaluation.every
    return Every(epochs=1) if spec.early_stopping or spec.best else None


def may_end_after(plan: Plan) -> Iterator[int]:
    """After how many updates `early_stopping` may end a run before its last."""
    every = every_of(plan.spec)
    if every is not None and plan.spec.early_stopping is not None:
        for made in range(1, plan.total_updates):
            if every.is_due(made, plan.updates_per_epoch):
                yield made


def scoring_of(run: Run, evaluate: Evaluate) -> Scoring:
    """A function of the user's own, called with the model in evaluation mode."""

    def score() -> Score:
        modes = kept_modes(run.model, run.backend.modules(run.model))
        with modes, run.backend.inference(), run.autocast():
            run.model.eval()
            given = evaluate(run.model)
        if not isinstance(given, Mapping) or not given:
            raise MetricError(
                "evaluate must return metrics by name, as {'loss': 0.3}. "
                f"Received: {type(given).__name__}"
            )
        metrics = {str(name): float(value) for name, value in given.items()}
        return Score(loss=metrics.pop("loss", None), metrics=metrics)

    return score


def check_evaluate(spec: Spec, evaluate: Evaluate | None) -> None:
    """Raise `MetricError` where the spec goes by evaluations and there is nothing to evaluate."""
    if evaluate is not None:
        return
    for word in ("evaluation", "early_stopping", "best"):
        if getattr(spec, word) is not None:
            raise MetricError(
                f"{word} needs an evaluation: give evaluate, a function of the model that returns "
                "metrics by name. Received: none"
            )
