"""Random clean specs in lockstep, torch beside Paddle: none may be called different.

    python -m tests.oracle.silent --count 200
    python -m tests.oracle.silent --seed 3 --first 127 --count 1    # one case again

Prints for each quantity how near its bar the nearest honest reading came, and each case that is not
silent as YAML. Exit status: 0 if all are, 1 if one is not.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from dualtrain import Spec
from dualtrain.backend import backend_of
from dualtrain.errors import BackendError
from dualtrain.lockstep import Lockstep
from dualtrain.testing import assert_lockstep
from tests.oracle.drive import native
from tests.oracle.model import initial
from tests.oracle.specs import Case, draw

__all__ = ["BACKENDS", "Tally", "main", "silent"]

BACKENDS = ("torch", "paddle")


@dataclass
class Tally:
    """What the cases came to."""

    cases: Counter[str] = field(default_factory=Counter)
    """Optimizer -> cases that were judged."""
    updates: int = 0
    nearest: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Half and quantity -> the largest share of its bar, and the case that has it."""
    told: Counter[str] = field(default_factory=Counter)
    """What was told beside agreement -> updates."""
    refused: Counter[str] = field(default_factory=Counter)
    """What a backend said it cannot do -> cases."""
    troubles: list[str] = field(default_factory=list)
    """What is not silent, each with its case."""

    def take(self, case: Case, lockstep: Lockstep) -> None:
        """Count one case."""
        self.cases[case.spec["optimizer"]["name"]] += 1
        self.updates += len(lockstep.updates)
        for update in lockstep.updates:
            for reading in update.readings:
                what = f"{reading.half}, {reading.what}"
                if reading.outcome == "told":
                    self.told[what] += 1
                elif reading.times > self.nearest.get(what, (-1.0, 0))[0]:
                    self.nearest[what] = (reading.times, case.index)


def silent(case: Case) -> Lockstep:
    """Train and judge it; raises what `assert_lockstep` raises."""
    weights = initial(case.architecture, np.random.default_rng([case.seed, case.index, 0]))
    names = BACKENDS if "amp" not in case.spec else BACKENDS[:1] * 2  # Paddle's needs a GPU
    models = []
    for name in names:
        model = native(name).build(case.architecture, weights, case.dtype)
        for parameter in case.still:
            native(name).hold(model, parameter)
        models.append(model)
    spec = Spec(**case.spec)
    reading = count()
    return assert_lockstep(
        spec,
        models,
        case.batches,
        loss=_own_loss if case.own_loss else None,
        metric=(lambda model: case.metric(next(reading))) if spec.schedule.needs_metric else None,
    )


def _own_loss(model: Any, batch: Any) -> Any:
    return native(backend_of(model).NAME).own_loss(model, batch)


def run(seed: int, first: int, cases: int) -> Tally:
    """Judge so many cases; tells of one that is not silent as soon as it is found."""
    tally, told = Tally(), time.monotonic()
    for index in range(first, first + cases):
        case = draw(seed, index)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the frameworks' own, and of updates skipped
                tally.take(case, silent(case))
        except BackendError as error:
            tally.refused[str(error)] += 1
        except AssertionError as error:
            tally.troubles.append(f"{error}\n{case.text()}")
            print(tally.troubles[-1], flush=True)
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(f"... {index + 1 - first} of {cases} cases", flush=True)
    return tally


def report(tally: Tally) -> None:
    """Print the counts, and what came nearest to its bar."""
    print(
        f"\n{tally.cases.total()} cases, {tally.updates} updates, each optimizer "
        f"{min(tally.cases.values(), default=0)} times or more; "
        f"{len(tally.troubles)} cases are not silent"
    )
    for reason, cases in tally.refused.most_common():
        print(f"  refused: {cases} cases, {reason}")
    for what, updates in sorted(tally.told.items()):
        print(f"  told: {what}: {updates} readings")
    print(f"  {'quantity':<40} largest / bar (case)")
    for what, (share, index) in sorted(tally.nearest.items()):
        print(f"  {what:<40} {share:.3f} ({index})")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.silent", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--count", type=int, default=200, help="cases (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the cases (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    given = parser.parse_args(arguments)
    tally = run(given.seed, given.first, given.count)
    report(tally)
    return int(bool(tally.troubles))


if __name__ == "__main__":
    sys.exit(main())
