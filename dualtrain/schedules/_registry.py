"""Every schedule, in the order in which an error lists the names.

A new one is a record in one of the files beside, and its line here.
"""

from __future__ import annotations

from dualtrain.schedules import _cycles, _decays, _one_cycle, _stable_decay, _steps, _table
from dualtrain.schedules._record import ScheduleRecord

__all__ = ["PHASES"]

PHASES: tuple[type[ScheduleRecord], ...] = (
    _decays.Constant,
    _decays.Linear,
    _decays.Cosine,
    _decays.CosineWithRestarts,
    _decays.Polynomial,
    _steps.InverseSqrt,
    _steps.Step,
    _steps.MultiStep,
    _steps.Piecewise,
    _steps.Exponential,
    _steps.NaturalExp,
    _steps.InverseTime,
    _steps.Noam,
    _decays.CosineWithMinLr,
    _decays.LinearAnnealing,
    _decays.CosineAnnealing,
    _stable_decay.WarmupStableDecay,
    _one_cycle.OneCycle,
    _cycles.Cyclic,
    _cycles.CosineAnnealingWarmRestarts,
    _table.Table,
)
"""Those that can be a phase of a sequence: their rate follows from the clock alone."""
