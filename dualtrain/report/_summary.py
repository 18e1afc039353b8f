"""The comparison as files: summary.json for programs, summary.md for people."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from dualtrain.lockstep import Lockstep
from dualtrain.parity import Comparison, Finding
from dualtrain.printable import printable
from dualtrain.report._words import COLUMNS, FREE, cells, free_cells, remarks, verdict
from dualtrain.trace import End, Evaluation, Trace

__all__ = ["as_dict", "markdown"]


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """What summary.json holds; non-finite numbers are the strings inf and nan."""
    summary = {
        "verdict": comparison.verdict,
        "agrees": comparison.agrees,
        "sentence": verdict(comparison),
        "remarks": remarks(comparison),
        "sides": [
            _side(name, trace)
            for name, trace in zip(comparison.names, _runs(comparison), strict=False)
        ],
        "first": None if comparison.first is None else comparison.first.stage,
        "findings": [_finding(finding) for finding in comparison.findings],
        "lockstep": None if comparison.lockstep is None else _lockstep(comparison.lockstep),
        "illustration": [_finding(finding) for finding in comparison.illustration],
        "not_compared": list(comparison.not_compared),
        "weights": None if comparison.weights is None else asdict(comparison.weights),
        "averages": None if comparison.averages is None else asdict(comparison.averages),
    }
    jsonable: dict[str, Any] = _jsonable(summary)
    return jsonable


def _runs(comparison: Comparison) -> tuple[Trace, ...]:
    return (comparison.a,) if comparison.with_plan else (comparison.a, comparison.b)


def _side(name: str, trace: Trace) -> dict[str, Any]:
    header = trace.header
    return {
        "name": name,
        "backend": header.backend,
        "versions": header.versions,
        "device": header.device,
        "computation": str(header.computation),
        "updates": len(trace.updates),
        "outcome": trace.outcome,
        "evaluations": [_fields(evaluation) for evaluation in trace.evaluations],
        **({} if trace.end is None else _fields(trace.end)),
        "skipped": sum(update.skipped for update in trace.updates),
    }


def _fields(record: Evaluation | End) -> dict[str, Any]:
    fields = asdict(record)
    del fields["record"]
    return fields


def _finding(finding: Finding) -> dict[str, Any]:
    """Without the series, which would make a long file of a long run."""
    fields = asdict(finding)
    del fields["series"]
    return {**fields, "verdict": finding.verdict, "agrees": finding.agrees}


def _lockstep(lockstep: Lockstep) -> dict[str, Any]:
    """Every judged update; side a and side b are the first and the second of `sides`."""
    return {
        "total": lockstep.total,
        "updates": [
            {
                "attempt": update.attempt,
                "t": update.t,
                "readings": [{**asdict(one), "times": one.times} for one in update.readings],
            }
            for update in lockstep.updates
        ],
    }


def _jsonable(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else str(value)
        case dict():
            return {key: _jsonable(item) for key, item in value.items()}
        case list() | tuple():
            return [_jsonable(item) for item in value]
        case _:
            return value


def markdown(comparison: Comparison) -> str:
    """What summary.md holds; what a name or a note has of Markdown stands for itself."""
    lines = [
        f"# {_plain(' against '.join(comparison.names))}",
        "",
        _plain(verdict(comparison)),
        "",
        *_rows(comparison),
        "",
        *_free_rows(comparison),
        *(f"- {_plain(remark)}" for remark in remarks(comparison)),
        "",
        *(f"- {_plain(_described(trace))}" for trace in _runs(comparison)),
    ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text of which Markdown makes nothing: no code, link, picture, tag or cell.

    An underscore inside a word is one already.
    """
    return _MARKUP.sub(r"\\\g<0>", printable(text))


_MARKUP = re.compile(r"[\\`*\[\]<>|&~$]|(?<![^\W_])_|_(?![^\W_])")


def _rows(comparison: Comparison) -> list[str]:
    columns = [*COLUMNS, "where"]
    rows = [[*cells(f)[:3], str(f.tolerance), *cells(f)[4:], f.detail] for f in comparison.findings]
    return _table(columns, rows)


def _free_rows(comparison: Comparison) -> list[str]:
    """What decides nothing, as a table of its own, if there is any."""
    if not comparison.illustration:
        return []
    columns = [*FREE, "where"]
    rows = [[*free_cells(f), f.detail] for f in comparison.illustration]
    return [*_table(columns, rows), ""]


def _table(columns: list[str], rows: list[list[str]]) -> list[str]:
    return [_row(columns), _row(["---"] * len(columns)), *(_row(map(_plain, row)) for row in rows)]


def _row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _described(trace: Trace) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in trace.header.versions.items())
    return f"{trace.header.backend}: {versions}; {trace.header.device}; {trace.header.computation}"
