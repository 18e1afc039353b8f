"""Plant faults, one at a time, and see which test finds each.

python -m benchmarks.mutants                          # all, half an hour and more
python -m benchmarks.mutants clip --checks 1          # of some, the nearest tests alone
python -m benchmarks.mutants clip --tests "tests/conformance/test_clip.py -k norm"
python -m benchmarks.mutants --results known.jsonl --write     # go on; docs/mutants.md

Exit status 1 if a fault survives without a reason, or is found though there is one, or by a test
that fails without it.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ |= {"COLUMNS": "80", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

from benchmarks.mutants._checks import checks_of
from benchmarks.mutants._page import page
from benchmarks.mutants._pytest import load_frameworks
from benchmarks.mutants._results import Results, disowned, judged
from benchmarks.mutants._tree import ROOT, Tree
from benchmarks.mutants.faults import AREAS

PAGE = ROOT / "docs" / "mutants.md"

A_FEW = 4
"""Faults for which the frameworks are not loaded before: the tests of some need none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "only", nargs="*", metavar="TEXT", help="faults whose name has one of these"
    )
    parser.add_argument("--checks", type=int, help="runs of pytest a fault, at most")
    parser.add_argument("--tests", help="arguments of pytest, in place of the nearest tests")
    parser.add_argument(
        "--results", type=Path, help="file of results: what it has is not done again"
    )
    parser.add_argument("--write", action="store_true", help="write docs/mutants.md")
    told = parser.parse_args(arguments)
    mutants = [
        mutant
        for area in AREAS
        for mutant in area.mutants
        if not told.only or any(text in mutant.name for text in told.only)
    ]
    if not mutants:
        parser.error(f"no fault has {' or '.join(map(repr, told.only))} in its name")
    os.nice(5)
    if len(mutants) > A_FEW:
        load_frameworks()
    with Tree.copied() as tree:
        folder = tree.path.parent
        results = Results(told.results or folder / "results.jsonl")
        known = results.of(mutants)
        for number, mutant in enumerate(mutants, 1):
            if mutant.name not in known:
                checks = [shlex.split(told.tests)] if told.tests else checks_of(mutant.file)
                result = judged(mutant, tree, folder, checks[: told.checks])
                results.add(result)
                by = result.found_by or "SURVIVES"
                counted = f"{number} of {len(mutants)}, {result.seconds:.0f} s"
                print(f"{counted}: {mutant.name}: {by}", flush=True)
        known = results.of(mutants)
        false = disowned(known.values(), tree, folder)
    if told.write:
        PAGE.write_text(page(AREAS, known), encoding="utf-8")
    wrong = [
        *(f"survives: {m.name}" for m in mutants if not (known[m.name].found_by or m.survives)),
        *(
            f"is found after all: {m.name}"
            for m in mutants
            if known[m.name].found_by and m.survives
        ),
        *(f"fails without a fault: {test}" for test in false),
    ]
    print("\n".join(wrong) or f"all {len(mutants)} as they should be")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
