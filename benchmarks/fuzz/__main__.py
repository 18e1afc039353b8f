"""Damaged inputs of many kinds, and whether dualtrain answers each as it must.

    python -m benchmarks.fuzz --count 12500                           # of each kind
    python -m benchmarks.fuzz traces --seed 3 --first 127 --count 1 --keep here    # one again

A right answer is exit status 2 with a short message that names the file, or a true verdict. Prints
how many mutants got which answer, and each wrong one with its number. Exit status: 0 if none is
wrong, 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ |= {
    "COLUMNS": "80",
    "TOKENIZERS_PARALLELISM": "false",  # threads do not outlive a fork
    "TRANSFORMERS_VERBOSITY": "critical",
    "USE_FLAX": "0",
    "USE_TF": "0",
    "USE_TORCH": "0",  # transformers reads folders here, and runs no model
}

from benchmarks.fuzz._kind import Kind, judged
from benchmarks.fuzz._run import Tally, run
from benchmarks.fuzz.kinds import KINDS

__all__ = ["main"]


def fuzz(kind: Kind, *, seed: int, first: int, count: int, folder: Path, shown: int) -> Tally:
    """Judge mutants of one kind; tells of a wrong answer as soon as it is there."""
    originals, scratch = folder / "originals", folder / "mutants"
    originals.mkdir(parents=True)
    scratch.mkdir()
    kind.make(originals)
    for original in sorted(originals.iterdir()):
        judgement = judged(kind, original, original)
        if judgement.faults or judgement.verdict == "refused":
            told = "; ".join(judgement.faults) or judgement.verdict
            raise SystemExit(f"{kind.name}: the original {original.name} itself: {told}")
    tally, told_at = Tally(), time.monotonic()
    for result in run(kind, originals, seed=seed, first=first, count=count, scratch=scratch):
        tally.take(result)
        if result.faults and len(tally.faulty) <= shown:
            print(f"\n{kind.name} --seed {seed} --first {result.index}: {ascii(result.told)[1:-1]}")
            for fault in result.faults:
                print(f"  {fault:.1500}".encode("ascii", "backslashreplace").decode())
            sys.stdout.flush()
        if time.monotonic() - told_at > 60:
            told_at = time.monotonic()
            print(f"... {kind.name}: {result.index + 1 - first} of {count}", flush=True)
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--count", type=int, default=400, help="mutants a kind (default: 400)")
    parser.add_argument("--seed", type=int, default=0, help="of the mutants (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--shown", type=int, default=50, help="wrong answers that are printed")
    parser.add_argument("--keep", type=Path, help="new folder for mutants with a wrong answer")
    given = parser.parse_args(arguments)
    unknown = [kind for kind in given.kinds if kind not in KINDS]
    if unknown or given.count < 1 or given.first < 0:
        parser.error(f"kinds are of {', '.join(KINDS)}, count is >= 1, first >= 0")
    sys.dont_write_bytecode = True  # beside a module that lies in a mutant's folder
    tallies = {}
    with tempfile.TemporaryDirectory(prefix="dualtrain-fuzz-") as temporary:
        for name in given.kinds or KINDS:
            tallies[name] = fuzz(
                KINDS[name],
                seed=given.seed,
                first=given.first,
                count=given.count,
                folder=(given.keep or Path(temporary)) / name,
                shown=given.shown,
            )
    for name, tally in tallies.items():
        counts = ", ".join(
            f"{count} {verdict}" for verdict, count in sorted(tally.verdicts.items())
        )
        print(f"{name}: {counts}; {len(tally.faulty)} answered wrong")
    return int(any(tally.faulty for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
