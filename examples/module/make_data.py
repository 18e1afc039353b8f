"""Make the example's data: two waves and noise, a number a line; now and then one is far off.

python make_data.py        writes data/train.txt and data/eval.txt next to this file
"""

from __future__ import annotations

import math
import random
from pathlib import Path

COUNTS = {"train": 810, "eval": 210}
"""Numbers in each split; a window takes eleven."""


def main() -> None:
    """Write both splits, one after the other from one seeded stream."""
    draw = random.Random(0)
    folder = Path(__file__).resolve().parent / "data"
    folder.mkdir(exist_ok=True)
    for name, count in COUNTS.items():
        lines = []
        for t in range(count):
            value = math.sin(t / 5) + 0.5 * math.sin(t / 3 + 1) + draw.gauss(0, 0.05)
            lines.append(f"{value + 5 * (draw.random() < 0.01):.6f}\n")
        (folder / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
        print(f"{name}.txt: {count} numbers")


if __name__ == "__main__":
    main()
