"""Make the example's data: numbers, and one that follows from them up to noise.

Friedman's first function of ten uniform numbers, of which five count (J. H. Friedman, Multivariate
Adaptive Regression Splines, 1991):

    y = 10 sin(pi x0 x1) + 20 (x2 - 0.5)^2 + 10 x3 + 5 x4 + noise

Python alone makes it, the same files each time.

    python make_data.py        writes data/train.csv and data/eval.csv next to this file
"""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path

FEATURES = 10
EVAL, TRAIN = 200, 800
"""Rows in the two splits."""


def row(draw: random.Random) -> list[float]:
    """Ten features and the target."""
    x = [draw.random() for _ in range(FEATURES)]
    y = 10 * math.sin(math.pi * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4]
    return [*x, y + draw.gauss(0, 1)]


def main() -> None:
    """Write both splits, one after the other from one seeded stream."""
    draw = random.Random(0)
    folder = Path(__file__).resolve().parent / "data"
    folder.mkdir(exist_ok=True)
    for name, count in (("eval", EVAL), ("train", TRAIN)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*(f"x{i}" for i in range(FEATURES)), "y"])
            writer.writerows([f"{value:.6f}" for value in row(draw)] for _ in range(count))
        print(f"{name}.csv: {count} rows")


if __name__ == "__main__":
    main()
