"""The probe's results as tables, and the page docs/kernels.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.kernels.families import FAMILIES
from benchmarks.kernels.remedies import REMEDIES
from benchmarks.kernels.run import DTYPES, Deviation, Result
from dualtrain.listing import listed

__all__ = ["PAGE", "Report", "drawn", "page", "stated", "tables"]

PAGE = Path(__file__).parents[2] / "docs" / "kernels.md"

Table = list[tuple[str, ...]]
"""Head first."""
OFF, PARTLY = "What is off", "What is refused in part"

PROSE = """\
# The frameworks' kernels, checked

Written by `make kernels`, from runs that it makes; do not edit. Every layer and function that
dualtrain, its zoo and its examples use is compared with its formula in numpy, in float64, its
derivatives by a complex step: forward and backward, every choice of what stands still, odd and
large shapes, extreme inputs. On the CPU, one thread:
{versions}.

A number is the largest |got - right| / max |right| of an output or a gradient, over all kinds of
input and all choices of what stands still. It is **off** where it is more than rounding: 32
roundings of the type, and 32 times what rounding the inputs does to the right value, and sqrt(n)
roundings where n elements may be added up. A large number need not be off: of equal inputs a norm
leaves nothing but rounding, and rounding them moves the right value as far. *refused*: the
framework raises. *in part*: for some kinds of input or choices of what stands still. What is called
stands in `benchmarks/kernels/`; cases that end in "dualtrain" and `cross_entropy_sum` are the
framework's with what dualtrain does about its faults.

"""


class Report(NamedTuple):
    """What one framework in one environment gave."""

    versions: str
    results: list[Result]


def tables(reports: Sequence[Report]) -> dict[str, Table]:
    """Title -> rows: a table a family, then what is off and what is refused in part."""
    names = {family: [case.name for case in cases] for family, cases in FAMILIES.items()}
    found = {family: _of_family(cases, reports) for family, cases in names.items()}
    found = {family: table for family, table in found.items() if len(table) > 1}
    every = [(report.versions, result) for report in reports for result in report.results]
    head = ("case", "where", "part", "stands still", "inputs", "error", "what dualtrain does")
    found[OFF] = [head, *(row for where, result in every for row in _off(where, result))]
    shorter = ("case", "where", "stands still", "inputs", "said")
    found[PARTLY] = [shorter, *(row for where, result in every for row in _partly(where, result))]
    return found


def _of_family(cases: Iterable[str], reports: Sequence[Report]) -> Table:
    head = ("case", *(f"{report.versions}, {dtype}" for report in reports for dtype in DTYPES))
    asked = {result.case for report in reports for result in report.results}
    rows: Table = [head]
    for case in filter(asked.__contains__, cases):
        row = [case]
        for report in reports:
            of = {result.dtype: result for result in report.results if result.case == case}
            row += [_cell(of[dtype]) if dtype in of else "not asked" for dtype in DTYPES]
        rows.append(tuple(row))
    return rows


def _cell(result: Result) -> str:
    if not result.deviations:
        return "refused"
    told = f"{result.worst.error:.0e}"
    if result.verdict == "off":
        told = f"**off {told}**"
    return f"{told}, in part" if result.refusals else told


def _off(where: str, result: Result) -> Iterable[tuple[str, ...]]:
    """A row for each part that is off."""
    parts: dict[str, list[Deviation]] = {}
    for deviation in result.deviations:
        if deviation.off:
            parts.setdefault(deviation.part, []).append(deviation)
    for part, found in parts.items():
        yield (
            result.case,
            f"{where}, {result.dtype}",
            part,
            _some(d.still or "nothing" for d in found),
            _some(d.inputs for d in found),
            f"{max(d.error for d in found):.0e}",
            REMEDIES.get(result.case, "nothing yet"),
        )


def _partly(where: str, result: Result) -> Iterable[tuple[str, ...]]:
    """A row for each thing that was said, where other inputs or choices run."""
    said: dict[str, list[tuple[str, str]]] = {}
    for refusal in result.refusals if result.deviations else []:
        said.setdefault(refusal.said, []).append((refusal.still or "nothing", refusal.inputs))
    for text, found in said.items():
        where_told = f"{where}, {result.dtype}"
        stands, inputs = (_some(pair[side] for pair in found) for side in (0, 1))
        yield result.case, where_told, stands, inputs, text.replace("|", "/")


def _some(words: Iterable[str]) -> str:
    """The first few of them, each once."""
    distinct = list(dict.fromkeys(words))
    return listed(distinct, 3 if len(distinct) > 4 else 4, between="; ")


def drawn(table: Table) -> str:
    """A table in Markdown."""
    head, *rows = table
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(versions: str, found: Mapping[str, Table]) -> str:
    """The text with its tables."""
    parts = [f"## {title}\n\n{drawn(table)}" for title, table in found.items()]
    return PROSE.format(versions=versions) + "\n".join(parts)


def stated() -> tuple[str, dict[str, Table]]:
    """The versions and the tables that the page holds."""
    text = PAGE.read_text(encoding="utf-8")
    versions = text.partition("one thread:\n")[2].partition(".\n")[0]
    found: dict[str, Table] = {}
    for part in text.split("## ")[1:]:
        title, _, body = part.partition("\n\n")
        rows = [tuple(line[2:-2].split(" | ")) for line in body.splitlines() if line]
        found[title] = [rows[0], *rows[2:]]
    return versions, found
