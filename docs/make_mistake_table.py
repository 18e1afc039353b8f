"""Write the table of typical mistakes into docs/parity.md, from runs that are made now.

python -m docs.make_mistake_table

A number that stands there stays, unless the new one is of another order.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.mistakes.bench import Bench, Cost
from benchmarks.mistakes.table import MISTAKES
from benchmarks.stated import kept
from dualtrain.parity import compare_files

PAGE = Path(__file__).with_name("parity.md")
BEGIN = "<!-- Written by python -m docs.make_mistake_table; do not edit the table. -->\n"
END = "<!-- End of the table. -->\n"

HEAD = """\
| what is wrong | first difference | weights apart | largest loss difference | at update 0 |
|---|---|---|---|---|
"""

RIGHT = "nothing: Paddle against torch"
ACCUMULATED = "nothing, two micro-batches an update"
FLOOR = "nothing: torch against torch, one matrix moved by 1 ULP"

ROUNDING = 1e-6
"""Up to here a difference is nothing else."""


def table(bench: Bench) -> str:
    """The whole table: the runs without a mistake, then the mistakes, the cheapest first."""
    torch, two = bench.right("torch", {}), {"batch": {"accumulate": 2}}
    right = [
        (RIGHT, "", bench.cost(torch, bench.right("paddle", {}))),
        (ACCUMULATED, "", bench.cost(bench.right("torch", two), bench.right("paddle", two))),
        (FLOOR, "", bench.cost(torch, bench.right("torch", {}, nudge=True))),
    ]
    wrong = []
    for mistake in MISTAKES.values():
        a, b = bench.sides(mistake)
        first = compare_files(a, b).first
        wrong.append((mistake.title, first.stage if first else "", bench.cost(a, b)))
    wrong = [(title, stage, told(title, cost)) for title, stage, cost in wrong]
    rows = [(title, stage, told(title, cost)) for title, stage, cost in right]
    rows += sorted(wrong, key=lambda row: row[2].weights)
    return HEAD + "".join(line(title, stage, cost) for title, stage, cost in rows)


def told(title: str, cost: Cost) -> Cost:
    """The numbers as the page says them from now on."""
    if title not in STATED:
        return cost
    before = asdict(STATED[title][1])
    return Cost(**{n: kept(x, before[n], rounding=ROUNDING) for n, x in asdict(cost).items()})


def line(title: str, stage: str, cost: Cost) -> str:
    """A row of the table."""
    numbers = (f"{number:.1e}" for number in (cost.weights, cost.loss, cost.first_loss))
    return f"| {' | '.join((title, stage or 'none', *numbers))} |\n"


def stated() -> dict[str, tuple[str, Cost]]:
    """What the page says: title -> first stage and numbers."""
    lines = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {
        title: (stage, Cost(weights=float(w), loss=float(loss), first_loss=float(first)))
        for title, stage, w, loss, first in rows
    }


STATED = stated()


if __name__ == "__main__":
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    with tempfile.TemporaryDirectory() as folder:
        text = before + begin + table(Bench(Path(folder))) + END + after
    PAGE.write_text(text, encoding="utf-8")
