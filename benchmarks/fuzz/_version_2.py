"""A trace as version 2 wrote it: facts and plan in one list, the evaluation in the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["rewrite"]


def rewrite(path: Path) -> None:
    """Write the trace of a run with a plan once more, as one of the first of version 2.

    Those did not number their updates and had no digests of weights.
    """
    header, *records = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    evaluations = [record for record in records if record["record"] == "evaluation"]
    updates = [_without(record, "attempt") for record in records if record["record"] == "update"]
    lines = [_header(header), *updates, _end(records[-1], evaluations[-1])]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def _header(header: dict[str, Any]) -> dict[str, Any]:
    plan = header["plan"]
    both = zip(header["parameters"], plan["decisions"], strict=True)
    return {
        **_without(header, "code", "computation", "parameters", "plan"),
        **_without(plan, "decisions"),
        "version": 2,
        "ledger": [
            _without(facts, "dtype") | _without(decision, "betas", "betas_rule")
            for facts, decision in both
        ],
    }


def _end(end: dict[str, Any], evaluation: dict[str, Any]) -> dict[str, Any]:
    told = {"correct": "correct", "examples": "total", "loss": "eval_loss"}
    return {
        **_without(end, "reason", "weights_digest", "averages_digest"),
        **{old: evaluation[new] for new, old in told.items()},
    }


def _without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}
