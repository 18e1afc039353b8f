"""Time an update of `fit` beside one of a hand-written loop, in both frameworks.

    python -m benchmarks.loop                      # the sources as they stand
    python -m benchmarks.loop --against HEAD~20    # beside those of a revision, in turns

Tiny MLP on the CPU, one thread, AdamW, warmup, clipping; without and with a trace (which measures
the gradient norms too). Processor time; the median over rounds in which all take turns.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.trees import ROOT, run_in, tree

SCRIPT = Path(__file__).with_name("rounds.py")
COLUMNS = ("by hand", "fit", "fit, trace")


def main(arguments: Sequence[str]) -> int:
    """Measure and print one line for each framework and version."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop", description=__doc__)
    parser.add_argument("--against", help="a folder with the sources, or a revision of git")
    parser.add_argument("--turns", type=int, default=3, help="processes of each version")
    parser.add_argument("--rounds", type=int, default=5, help="in each process")
    parser.add_argument("--updates", type=int, default=400, help="in each run")
    options = parser.parse_args(arguments)
    size = (str(options.rounds), str(options.updates))
    with tempfile.TemporaryDirectory() as scratch:
        versions = {"now": ROOT}
        if options.against is not None:
            versions[options.against] = tree(options.against, Path(scratch))
        print(f"{'us an update':28}" + "".join(f"{name:>14}" for name in COLUMNS))
        for backend in ("torch", "paddle"):
            rounds: dict[str, list[list[float]]] = {name: [] for name in versions}
            for _ in range(options.turns):
                for name, sources in versions.items():
                    rounds[name] += json.loads(run_in(sources, SCRIPT, (backend, *size)))
            for name in versions:
                print(_line(f"{backend}, {name}", rounds[name]))
    return 0


def _line(name: str, rounds: Sequence[Sequence[float]]) -> str:
    """Medians, and behind those of `fit` by how much they are above the hand-written loop's."""
    by_hand, *fits = (median(column) for column in zip(*rounds, strict=True))
    cells = [f"{1e6 * by_hand:14.0f}", *(f"{1e6 * f:8.0f} x{f / by_hand:4.2f}" for f in fits)]
    return f"{name:28}" + "".join(cells)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
