"""The comparison in the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from dualtrain.parity import Comparison, Verdict
from dualtrain.printable import printable
from dualtrain.report._words import COLUMNS, FREE, cells, free_cells, remarks, verdict

__all__ = ["print_comparison"]

_STYLES: dict[Verdict, str] = {"agrees": "green", "differs": "red", "no proof": "yellow"}
_RIGHT = ("largest difference", "tolerance", "first update", *FREE[1:])


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the table, the remarks, and last the verdict in words."""
    console.print(_table(comparison))
    if comparison.illustration:
        console.print(_free_table(comparison))
    for remark in remarks(comparison):
        console.print(Text(printable(remark), style="dim"))
    console.print(Text(printable(verdict(comparison)), style=f"bold {_STYLES[comparison.verdict]}"))


def _table(comparison: Comparison) -> Table:
    table = _with_columns(COLUMNS, title=Text(printable(" against ".join(comparison.names))))
    for finding in comparison.findings:
        table.add_row(*cells(finding), style=_STYLES[finding.verdict])
    return table


def _free_table(comparison: Comparison) -> Table:
    """What decides nothing: no colours."""
    table = _with_columns(FREE, title=Text("Told, not judged: what the free runs came to"))
    for finding in comparison.illustration:
        table.add_row(*free_cells(finding), style="dim")
    return table


def _with_columns(columns: Iterable[str], title: Text | None = None) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        justify: JustifyMethod = "right" if column in _RIGHT else "left"
        name = column.replace(" ", "\n")
        table.add_column(name, justify=justify, vertical="bottom", no_wrap=True)
    return table
