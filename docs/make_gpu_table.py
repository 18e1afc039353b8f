"""Write the table of docs/gpu.md from what `make test-gpu` has found.

python -m docs.make_gpu_table report-gpu/gpu.json [--print]

The page is written by hand up to its last heading; what is below it is of the newest run. A dry run
on the CPU is printed, with `--print`, and never written.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("gpu.md")
HEADING = "## The newest run\n\n"
SHOWN = 20
"""Failures that are named."""


def section(report: Mapping[str, Any]) -> str:
    """What is below the heading."""
    versions = ", ".join(f"{name} {text}" for name, text in report["versions"].items())
    lines = [
        f"{report['device']}; {versions}. {report['seconds']:.0f} seconds in all.\n\n",
        "| what ran | where | result | seconds |\n|---|---|---|---|\n",
        *map(_row, report["parts"]),
        *_measured(report["parts"]),
        *_failed(report["parts"]),
    ]
    return "".join(lines)


def written(page: str, report: Mapping[str, Any]) -> str:
    """The page with this run in place of the one before."""
    by_hand, heading, _ = page.partition(HEADING)
    if not heading:
        raise ValueError(f"the page must have the heading {HEADING.strip()!r}")
    return by_hand + heading + section(report)


def _row(part: Mapping[str, Any]) -> str:
    counts = [f"{part['passed']} passed"]
    counts += [f"**{len(part['failed'])} failed**"] if part["failed"] else []
    counts += [f"{part['not run']} not run"] if part["not run"] else []
    result = ", ".join(counts)
    return f"| {part['title']} | `{part['where']}` | {result} | {part['seconds']:.0f} |\n"


def _measured(parts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = [item for part in parts for item in part["measured"].items()]
    if rows:
        yield "\n| measured | |\n|---|---|\n"
        yield from (f"| {name} | {value} |\n" for name, value in rows)


def _failed(parts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [name for part in parts for name in part["failed"]]
    if names:
        yield "\nFailed:\n\n"
        yield from (f"- `{name}`\n" for name in names[:SHOWN])
        if len(names) > SHOWN:
            yield f"- and {len(names) - SHOWN} more\n"


def main(arguments: Sequence[str], page: Path = PAGE) -> int:
    """Write the page, or print the section; the exit status is 2 for a dry run to be written."""
    parser = argparse.ArgumentParser(prog="python -m docs.make_gpu_table")
    parser.add_argument("report", type=Path)
    parser.add_argument("--print", action="store_true", help="to the terminal, not into the page")
    options = parser.parse_args(arguments)
    report = json.loads(options.report.read_text(encoding="utf-8"))
    if options.print:
        print(section(report), end="")
        return 0
    if report["device"] == "cpu":
        print(
            "error: the page tells of runs on a GPU: print a dry run with --print. "
            f"Received: {options.report}, of the device 'cpu'",
            file=sys.stderr,
        )
        return 2
    text = written(page.read_text(encoding="utf-8"), report)
    page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
