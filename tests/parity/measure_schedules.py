"""A call of a native schedule, run on both sides: the live native object, and the plan.

Neither side is trusted: each rate is read from the optimizer or schedule that a user would have.
"""

from __future__ import annotations

import importlib
import random
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch

from dualtrain.native import Call, Equality, Meaning, nested
from dualtrain.native.schedules import NATIVE_SCHEDULES
from dualtrain.parity._numbers import relative, ulps
from dualtrain.plan import Plan, Plateau
from dualtrain.spec import Spec
from tests.native_schedules import UPDATES, Case, cases

__all__ = [
    "RATES",
    "REPORTS",
    "SERIES",
    "Measured",
    "around",
    "measure",
    "measure_case",
    "module_of",
    "read",
]

RATES = (0.1, 1e-3, 3e-4)
"""The base rates with which every case is measured; the largest distance counts."""

PAST_THE_END = 12
"""Updates past T that are looked at too."""

ROUNDING = 1e-9
"""Rates that are further apart than this, relatively, do not differ by rounding alone."""

SERIES, REPORTS = 300, 60
"""For a schedule that is driven by a metric: random series, and metrics in each."""

Setting = tuple[float, float | None]
"""The rate and, where it is cycled, the momentum of one update."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What became of one case with all base rates."""

    case: Case
    """With the first of them."""
    reading: Meaning
    """What the table says of it."""
    found: Equality
    ulps: float = 0.0
    """The largest distance in float64 steps."""
    t: int = 0
    """The update at which it is, and the base rate with which."""
    lr: float = 0.0
    float32: int = 0
    """Of how many updates, with all base rates, the rates differ after rounding to float32."""
    past: bool = False
    """Whether it leaves the spec, or raises, past the end."""
    series: int = 0
    """Series of metrics after which the rates differ."""


def measure() -> list[Measured]:
    """Every case."""
    tables = ([(case, read(case)) for case in cases(lr)] for lr in RATES)
    return [measure_case(same) for same in zip(*tables, strict=True)]


def read(case: Case) -> Meaning:
    """What the table says of the call."""
    return NATIVE_SCHEDULES.read(case.call, around(case))


def around(case: Case) -> dict[str, Any]:
    """What a script says beside the call."""
    optimizer: dict[str, Any] = {"optimizer.name": "adamw"}
    if case.momentum is not None:
        optimizer = {"optimizer.name": "momentum", "optimizer.momentum": case.momentum}
    return {**optimizer, "optimizer.lr": case.lr, "duration.updates": UPDATES}


def measure_case(same: Sequence[tuple[Case, Meaning]]) -> Measured:
    """One case, with all base rates."""
    case, reading = same[0]
    if reading.row.equal == "refused":
        return Measured(case=case, reading=reading, found="refused")
    if reading.words["schedule.name"] == "reduce_on_plateau":
        count = sum(_differing_series(*one) for one in same)
        found: Equality = "different" if count else "exact"
        return Measured(case=case, reading=reading, found=found, series=count)
    compared = [_compared(*one) for one in same]
    worst = max(compared, key=lambda m: (m.found == "different", m.ulps))
    return replace(worst, case=case, reading=reading, float32=sum(m.float32 for m in compared))


def _compared(case: Case, reading: Meaning) -> Measured:
    native = list(native_settings(case, UPDATES + PAST_THE_END))
    plan = plan_of(reading)
    ours = [(plan.lr_at(t), plan.momentum_at(t)) for t in range(UPDATES + PAST_THE_END)]
    past = len(native) < len(ours) or any(
        not _close(a, b) for a, b in zip(native[UPDATES:], ours[UPDATES:], strict=True)
    )
    until = UPDATES if past else len(ours)
    pairs = list(zip(native[:until], ours[:until], strict=True))
    apart = [_apart(a, b) for a, b in pairs]
    largest, close = max(apart), all(_close(a, b) for a, b in pairs)
    return Measured(
        case=case,
        reading=reading,
        found="exact" if largest == 0 else "rounded" if close else "different",
        ulps=largest,
        t=apart.index(largest),
        lr=case.lr,
        float32=sum(np.float32(a) != np.float32(b) for (a, _), (b, _) in pairs),
        past=past,
    )


def plan_of(reading: Meaning) -> Plan:
    """The plan of the spec that the table says is the same."""
    return Plan.of(Spec(**nested(reading.words)), micro_batches_per_epoch=1)


def _apart(a: Setting, b: Setting) -> float:
    """Float64 steps between two settings; cycled against not cycled is infinitely far."""
    if (a[1] is None) != (b[1] is None):
        return float("inf")
    return max(ulps(a[0], b[0]), ulps(a[1] or 0.0, b[1] or 0.0))


def _close(a: Setting, b: Setting) -> bool:
    return all(relative(x, y, floor=1e-30) < ROUNDING for x, y in zip(a, b, strict=True))


def native_settings(case: Case, updates: int) -> Iterator[Setting]:
    """What the live native object gives for t = 0, 1, ..., as long as it does not raise."""
    optimizer = _optimizer(case.lr, case.momentum)
    schedule = build(case.call, optimizer)
    for _ in range(updates):
        if _is_torch(case.call):
            group = optimizer.param_groups[0]
            yield group["lr"], group["momentum"] if "max_momentum" in group else None
            optimizer.step()
        else:
            yield schedule(), None
        try:
            schedule.step()
        except ValueError:
            return


@cache
def module_of(name: str) -> ModuleType:
    """A module with native schedules; paddlenlp's import warns of what its dependencies do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def build(call: Call, optimizer: Any) -> Any:
    """The native object; calls among the arguments are built too."""
    made = {name: _built(value, optimizer) for name, value in call.arguments.items()}
    module, _, name = call.name.rpartition(".")
    maker = getattr(module_of(module), name)
    return maker(optimizer=optimizer, **made) if _is_torch(call) else maker(**made)


def _built(value: Any, optimizer: Any) -> Any:
    if isinstance(value, list):
        return [_built(item, optimizer) for item in value]
    return build(value, optimizer) if isinstance(value, Call) else value


def _is_torch(call: Call) -> bool:
    return call.name.startswith(("torch", "transformers"))


def _optimizer(lr: float, momentum: float | None) -> torch.optim.Optimizer:
    parameters = [torch.nn.Parameter(torch.zeros(1))]
    if momentum is None:
        return torch.optim.AdamW(parameters, lr)
    return torch.optim.SGD(parameters, lr, momentum)


def _differing_series(case: Case, reading: Meaning) -> int:
    """In how many random series of metrics the native rates are not the core's."""
    plan = plan_of(reading)
    return sum(_native_rates(case, metrics) != _our_rates(plan, metrics) for metrics in _series())


def _our_rates(plan: Plan, metrics: Sequence[float]) -> list[float]:
    plateau = Plateau(plan)
    rates = []
    for t, metric in enumerate(metrics, start=1):
        plateau.report(metric, t)
        rates.append(plateau.rate_at(t))
    return rates


def _native_rates(case: Case, metrics: Sequence[float]) -> list[float]:
    optimizer = _optimizer(case.lr, None)
    schedule = build(case.call, optimizer)
    rates = []
    for metric in metrics:
        schedule.step(metric)
        rates.append(optimizer.param_groups[0]["lr"] if _is_torch(case.call) else schedule())
    return rates


def _series() -> Iterator[list[float]]:
    """Metrics that fall, with noise: long enough for several cuts."""
    for seed in range(SERIES):
        source = random.Random(seed)
        noise = source.choice([0.01, 0.1, 1.0])
        yield [2.0 / (1 + 0.2 * report) + source.gauss(0.0, noise) for report in range(REPORTS)]
