"""Random specs against the rules in plain numpy, on every backend: the tests' long form.

    python -m tests.oracle --count 5000
    python -m tests.oracle --seed 3 --first 127 --count 1 --backend paddle    # one case again

Prints how many cases and updates were judged, the largest distance of each quantity as a share of
what rounding allows, and each case that differs as YAML. Exit status: 0 if none does, 1 if one
does, or if a backend raised what is no refusal.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from dualtrain.backend import backend_names
from tests.oracle.check import Outcome, check
from tests.oracle.specs import Case, draw

__all__ = ["Tally", "main", "run"]


@dataclass
class Tally:
    """What a backend came to."""

    cases: int = 0
    updates: int = 0
    skipped: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """What the backend said -> cases."""
    compared: Counter[str] = field(default_factory=Counter)
    """Quantity -> numbers."""
    worst: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Quantity -> the largest share of what is allowed, and the case that has it."""
    troubles: list[str] = field(default_factory=list)
    """What differs, each with its case."""

    def take(self, index: int, outcome: Outcome) -> None:
        """Count one case."""
        if outcome.refused is not None:
            self.refused[outcome.refused] += 1
            return
        self.cases += 1
        self.updates += outcome.verdict.updates
        self.skipped += outcome.verdict.skipped
        self.compared.update(outcome.verdict.compared)
        for quantity, share in outcome.verdict.worst.items():
            if share > self.worst.get(quantity, (-1.0, 0))[0]:
                self.worst[quantity] = (share, index)


def run(seed: int, first: int, count: int, backends: Sequence[str]) -> dict[str, Tally]:
    """Judge `count` cases on each backend; tells of a difference as soon as it is found."""
    tallies = {name: Tally() for name in backends}
    told = time.monotonic()
    for index in range(first, first + count):
        case = draw(seed, index)
        for name, tally in tallies.items():
            trouble = _one(case, name, tally)
            if trouble is not None:
                tally.troubles.append(trouble)
                print(trouble, flush=True)
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(f"... {index + 1 - first} of {count} cases", flush=True)
    return tallies


def _one(case: Case, backend: str, tally: Tally) -> str | None:
    try:
        outcome = check(case, backend)
    except Exception:
        return f"{backend}: raised\n{traceback.format_exc()}{case.text()}"
    tally.take(case.index, outcome)
    return outcome.trouble(case, backend)


def report(tallies: dict[str, Tally]) -> None:
    """Print the counts and the largest distances."""
    for name, tally in tallies.items():
        print(
            f"\n{name}: {tally.cases} cases, {tally.updates} updates of which {tally.skipped} were "
            f"skipped, {sum(tally.compared.values())} numbers; {len(tally.troubles)} cases differ"
        )
        for reason, cases in tally.refused.most_common():
            print(f"  refused: {cases} cases, {reason}")
        print(f"  {'quantity':<16} {'numbers':>10}  largest distance / allowed (case)")
        for quantity, (share, index) in sorted(tally.worst.items()):
            print(f"  {quantity:<16} {tally.compared[quantity]:>10}  {share:.4f} ({index})")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--count", type=int, default=100, help="cases (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the cases (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument(
        "--backend", action="append", choices=backend_names(), help="may be repeated; else all"
    )
    given = parser.parse_args(arguments)
    if given.count < 1 or given.first < 0 or given.seed < 0:
        parser.error("count must be >= 1, first and seed >= 0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the frameworks' own, of every forward pass
        tallies = run(given.seed, given.first, given.count, given.backend or backend_names())
    report(tallies)
    return int(any(tally.troubles for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
