"""Random specs in lockstep, torch against Paddle: an honest pair is silent, whatever the spec.

    python -m tests.oracle.lockstep --count 200
    python -m tests.oracle.lockstep --seed 0 --first 127 --count 1    # one case again

Prints each case at which lockstep objects, as YAML, and how near each quantity came to its bar.
Cases with AMP are left out, which Paddle has not on the CPU. Exit status: 0 if it never objects,
else 1.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from dualtrain import Spec
from dualtrain.backend import backend_of
from dualtrain.lockstep import Lockstep, Reading
from dualtrain.testing import assert_lockstep
from tests.oracle.drive import native
from tests.oracle.model import initial
from tests.oracle.specs import Case, draw

__all__ = ["in_lockstep", "main", "nearest"]

BACKENDS = ("torch", "paddle")


def in_lockstep(case: Case) -> Lockstep | None:
    """The case, judged; None of one with AMP. Raises `AssertionError` where lockstep objects."""
    spec = Spec(**case.spec)
    if spec.amp is not None:
        return None
    weights = initial(case.architecture, np.random.default_rng([case.seed, case.index, 0]))
    models = []
    for backend in BACKENDS:
        own = native(backend)
        models.append(own.build(case.architecture, weights, case.dtype))
        for name in case.still:
            own.hold(models[-1], name)
    readings: list[float] = []

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return native(backend_of(model).NAME).own_loss(model, tensors)

    def metric(model: Any) -> float:
        readings.append(case.metric(len(readings)))
        return readings[-1]

    return assert_lockstep(
        spec,
        models,
        case.batches,
        loss=loss if case.own_loss else None,
        metric=metric if spec.schedule.needs_metric else None,
    )


def nearest(lockstep: Lockstep) -> dict[str, Reading]:
    """Quantity -> what came nearest to its bar, of all that agrees."""
    found: dict[str, Reading] = {}
    for update in lockstep.updates:
        for reading in update.readings:
            before = found.setdefault(reading.what, reading)
            if reading.outcome == "agrees" and reading.times > before.times:
                found[reading.what] = reading
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.lockstep", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--count", type=int, default=100, help="cases (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the cases (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    given = parser.parse_args(arguments)
    if given.count < 1 or given.first < 0 or given.seed < 0:
        parser.error("count must be >= 1, first and seed >= 0")
    judged, objected, worst = 0, 0, dict[str, tuple[float, int]]()
    for index in range(given.first, given.first + given.count):
        case = draw(given.seed, index)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the frameworks' own, of every forward pass
                lockstep = in_lockstep(case)
        except AssertionError as error:
            objected += 1
            print(f"{error}\n{case.text()}", flush=True)
            continue
        if lockstep is not None:
            judged += 1
            for what, reading in nearest(lockstep).items():
                worst[what] = max(worst.get(what, (0.0, 0)), (reading.times, index))
    print(f"{judged} cases agree, {objected} do not")
    for what, (times, index) in sorted(worst.items(), key=lambda held: -held[1][0]):
        print(f"  {what:<24} {times:.3f} of its bar ({index})")
    return int(objected > 0)


if __name__ == "__main__":
    sys.exit(main())
