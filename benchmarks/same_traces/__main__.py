"""Compare two versions of the project, number by number: a refactor changes none.

    python -m benchmarks.same_traces HEAD~3 .           # a revision against the folder as it stands
    python -m benchmarks.same_traces OLD NEW --quick    # 6 updates of each run

Both versions train the demo, three recipes and the zoo, on both backends. Exit status: 0 if
every number of every trace and every file of weights is the same to the last bit, else 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.same_traces.numbers import differences, numbers_of
from benchmarks.trees import run_in, tree

SCRIPT = Path(__file__).with_name("runs.py")
QUICK = 6


def main(arguments: Sequence[str]) -> int:
    """Run both versions and print a line for each run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.same_traces", description=__doc__)
    parser.add_argument("old", help="a folder with the sources, or a revision of git")
    parser.add_argument("new", help="the same")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} updates of each run")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / side for side in ("old", "new")]
        for folder, named in zip(folders, (options.old, options.new), strict=True):
            sources = tree(named, Path(scratch) / f"{folder.name} sources")
            run_in(sources, SCRIPT, (str(folder), str(QUICK if options.quick else 0)))
        return 0 if _compared(*folders) else 1


def _compared(old: Path, new: Path) -> bool:
    """Whether all is the same; prints what was compared and what is not."""
    traces = [sorted(p.relative_to(f) for p in f.rglob("*.jsonl")) for f in (old, new)]
    same, count = traces[0] == traces[1] and bool(traces[0]), 0
    for trace in sorted({*traces[0], *traces[1]}):
        if not all((folder / trace).is_file() for folder in (old, new)):
            print(f"{trace}: made by one version only")
            continue
        numbers = numbers_of(old / trace)
        differing = differences(numbers, numbers_of(new / trace))
        count += len(numbers)
        same = same and not differing
        told = "identical" if not differing else f"{len(differing)} differ"
        print(f"{trace.parent} {trace.stem}: {len(numbers)} numbers, {told}")
        for line in differing[:5]:
            print(f"    {line}")
    print(f"{count} numbers in {len(traces[0])} traces: {'identical' if same else 'NOT identical'}")
    return same


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
