"""The metric that the schedule reduce_on_plateau waits for, taken between two epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dualtrain.backend import kept_modes
from dualtrain.errors import MetricError
from dualtrain.spec import Spec
from dualtrain.training.run._run import Run
from dualtrain.training.turns._turn import Turn

__all__ = ["Metric", "PlateauMetric", "check_metric"]

Metric = Callable[[Any], float]
"""The model -> how well it does, a finite number that reduce_on_plateau judges by."""


class PlateauMetric(Turn):
    """Reports a metric of the model at the end of each epoch that another one follows."""

    def __init__(self, run: Run, metric: Metric) -> None:
        self._run, self._metric = run, metric

    def is_due(self) -> bool:
        """At the end of an epoch, but for the last."""
        run = self._run
        return not run.is_done and run.attempts % run.plan.updates_per_epoch == 0

    def take(self) -> None:
        """Take it with the averages in the model, if there are any, and leave the modes alone."""
        run = self._run
        modes = kept_modes(run.model, run.backend.modules(run.model))
        with run.averaged(), modes, run.autocast():
            value = self._metric(run.model)
        run.report(run.processes.told(value))


def check_metric(spec: Spec, metric: Metric | None) -> None:
    """A metric is there if, and only if, the schedule waits for one."""
    waits = spec.schedule.needs_metric
    if waits and metric is None:
        raise MetricError(
            "the schedule 'reduce_on_plateau' needs a metric: a function of the model. "
            "Received: none"
        )
    if metric is not None and not waits:
        raise MetricError(
            "a metric is for the schedule 'reduce_on_plateau' only. "
            f"Received: one, with the schedule {spec.schedule.name!r}"
        )
