"""Write the tables of typical mistakes into docs/parity.md, from runs that are made now.

python -m docs.make_mistake_table

A number that stands there stays, unless the new one is of another order.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from benchmarks.mistakes.bench import Bench, Cost
from benchmarks.mistakes.lockstep import SIDES, Pairs, first_found
from benchmarks.mistakes.mistake import Slipped
from benchmarks.mistakes.small import SMALL
from benchmarks.mistakes.table import MISTAKES
from benchmarks.stated import kept
from dualtrain.parity import compare_files

PAGE = Path(__file__).with_name("parity.md")
BEGIN = "<!-- Written by python -m docs.make_mistake_table; do not edit the table. -->\n"
END = "<!-- End of the table. -->\n"

SMALL_BEGIN = "<!-- Written by python -m docs.make_mistake_table too. -->\n"
SMALL_END = "<!-- End of the small ones. -->\n"

HEAD = (
    "| what is wrong | found at update | times the bar | first difference | weights apart "
    "| largest loss difference | at update 0 |\n|---|---|---|---|---|---|---|\n"
)
SMALL_HEAD = """\
| what is wrong | half | found at update, in torch | times the bar | in Paddle | times the bar |
|---|---|---|---|---|---|
"""

RIGHT = "nothing: Paddle against torch"
ACCUMULATED = "nothing, two micro-batches an update"
FLOOR = "nothing: torch against torch, one matrix moved by 1 ULP"

ROUNDING = 1e-6
"""Up to here a difference is nothing else."""


class Times(NamedTuple):
    """What lockstep finds."""

    update: int | None
    """None where nothing is found."""
    times: float
    """The bar, of what is the farthest off; infinite where numbers had to be equal to the bit."""

    def cells(self) -> tuple[str, str]:
        """As the page has them."""
        update = "none" if self.update is None else str(self.update)
        return update, "not equal" if math.isinf(self.times) else f"{self.times:.1e}"

    @classmethod
    def of(cls, update: str, times: str) -> Times:
        """What these cells say."""
        number = math.inf if times == "not equal" else float(times)
        return cls(None if update == "none" else int(update), number)


class Row(NamedTuple):
    """A line of the table."""

    times: Times
    stage: str
    """Of the first difference of two free runs."""
    cost: Cost


def table(bench: Bench, pairs: Pairs) -> str:
    """The whole table: the runs without a mistake, then the mistakes, the cheapest first."""
    torch, two = bench.right("torch", {}), {"batch": {"accumulate": 2}}
    right = [
        (RIGHT, bench.cost(torch, bench.right("paddle", {})), {}),
        (ACCUMULATED, bench.cost(bench.right("torch", two), bench.right("paddle", two)), two),
        (FLOOR, bench.cost(torch, bench.right("torch", {}, nudge=True)), None),
    ]
    rows = [
        (
            title,
            Row(
                NOTHING if spec is None else Times(None, pairs.nearest(spec)),
                "none",
                told(title, cost),
            ),
        )
        for title, cost, spec in right
    ]
    wrong = []
    for mistake in MISTAKES.values():
        a, b = bench.sides(mistake)
        first, cost = compare_files(a, b).first, told(mistake.title, bench.cost(a, b))
        times = found(pairs, mistake, mistake.side)
        wrong.append((mistake.title, Row(times, first.stage if first else "none", cost)))
    rows += sorted(wrong, key=lambda row: row[1].cost.weights)
    return HEAD + "".join(line(title, row) for title, row in rows)


def small_table(pairs: Pairs) -> str:
    """The mistakes that free runs show hardly, each in either framework."""
    text = SMALL_HEAD
    for mistake in SMALL.values():
        cells = [cell for side in SIDES for cell in found(pairs, mistake, side).cells()]
        text += f"| {' | '.join((mistake.title, mistake.named.half, *cells))} |\n"
    return text


def found(pairs: Pairs, mistake: Slipped, side: str) -> Times:
    """Where a mistake shows, as the page says it from now on."""
    seen = first_found(pairs.judged(mistake, side))
    assert seen is not None, f"{mistake.title}, in {side}: not found"
    update, reading = seen
    before = STATED[mistake.title].times if mistake.title in STATED else None
    if mistake.title in SMALL_STATED:
        before = SMALL_STATED[mistake.title][SIDES.index(side)]
    if before is None or math.inf in (before.times, reading.times):
        return Times(update.attempt, reading.times)
    return Times(update.attempt, kept(reading.times, before.times, rounding=1.0))


def told(title: str, cost: Cost) -> Cost:
    """The numbers as the page says them from now on."""
    if title not in STATED:
        return cost
    before = asdict(STATED[title].cost)
    return Cost(**{n: kept(x, before[n], rounding=ROUNDING) for n, x in asdict(cost).items()})


def line(title: str, row: Row) -> str:
    """A row of the table."""
    numbers = (f"{x:.1e}" for x in (row.cost.weights, row.cost.loss, row.cost.first_loss))
    return f"| {' | '.join((title, *row.times.cells(), row.stage, *numbers))} |\n"


def cells_between(begin: str, end: str) -> Iterable[list[str]]:
    """The cells of each row of one of the page's tables."""
    lines = PAGE.read_text(encoding="utf-8").partition(begin)[2].partition(end)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def stated() -> dict[str, Row]:
    """What the page says, by title."""
    return {
        title: Row(
            Times.of(update, times),
            stage,
            Cost(weights=float(w), loss=float(loss), first_loss=float(first)),
        )
        for title, update, times, stage, w, loss, first in cells_between(BEGIN, END)
    }


def small_stated() -> dict[str, tuple[Times, Times]]:
    """What the page says of each small one, in torch and in Paddle."""
    return {
        title: (Times.of(*cells[:2]), Times.of(*cells[2:]))
        for title, _, *cells in cells_between(SMALL_BEGIN, SMALL_END)
    }


NOTHING = Times(None, 0.0)
STATED, SMALL_STATED = stated(), small_stated()


def written(text: str, begin: str, end: str, table: str) -> str:
    """The page with another table between two marks."""
    before, _, rest = text.partition(begin)
    return before + begin + table + end + rest.partition(end)[2]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        pairs = Pairs(Path(folder))
        tables = table(Bench(Path(folder)), pairs), small_table(pairs)
    text = PAGE.read_text(encoding="utf-8")
    text = written(text, BEGIN, END, tables[0])
    PAGE.write_text(written(text, SMALL_BEGIN, SMALL_END, tables[1]), encoding="utf-8")
