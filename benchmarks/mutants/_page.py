"""docs/mutants.md: which test finds each fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks.mutants._mutant import Area, Mutant
from benchmarks.mutants._results import Result

__all__ = ["page"]

_HEAD = """# Planted faults

Written by `make mutants`; the faults are in `benchmarks/mutants/faults/`. Each is one text for
another in one file, chosen before a look at the tests and planted alone in a copy of the sources.
The tests that are nearest by their names run first, then those of the room, then all; the first
that fails is named; of some faults only a few tests were run, named by hand (`--tests`). It passes
without the fault. The seconds are those of all runs until then.
"""


def page(areas: tuple[Area, ...], results: Mapping[str, Result]) -> str:
    """The page. results: by name; a fault without one is not on it."""
    everything = [mutant for area in areas for mutant in area.mutants]
    known = [m for m in everything if m.name in results]
    found = [m for m in known if results[m.name].found_by]
    unknown = len(everything) - len(known)
    yet = f" {unknown} more are not measured yet." if unknown else ""
    said = f"{len(found)} of {len(known)} faults are found.{yet} {_left(known, results)}"
    lines = [_HEAD, said]
    for area in areas:
        rows = [_row(m, results[m.name]) for m in area.mutants if m.name in results]
        if rows:
            head = ["| fault | what it breaks | found by | s |", "|---|---|---|---|"]
            lines += ["", f"## {area.name[0].upper()}{area.name[1:]}", "", *head, *rows]
    return "\n".join(lines) + "\n"


def _left(known: list[Mutant], results: Mapping[str, Result]) -> str:
    """What is said of those that nobody finds."""
    texts = [*_survivors(known, results)]
    if not texts:
        return "None survives."
    return "\n".join(["These survive:", "", *texts])


def _survivors(known: list[Mutant], results: Mapping[str, Result]) -> Iterator[str]:
    for mutant in known:
        if not results[mutant.name].found_by:
            yield f"- {mutant.name}: {mutant.survives or 'no reason is known'}."


def _row(mutant: Mutant, result: Result) -> str:
    by = f"`{_plain(result.found_by)}`" if result.found_by else "nobody"
    return f"| {mutant.name} | {_plain(mutant.breaks)} | {by} | {result.seconds:.0f} |"


def _plain(text: str) -> str:
    """In a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")
