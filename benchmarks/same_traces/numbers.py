"""The numbers of a run, as its files have them, whatever the version that wrote them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["differences", "numbers_of"]

OF_AN_UPDATE = (
    "t",
    "lr",
    "momentum",
    "loss",
    "micro_losses",
    "grad_norm",
    "clipped_norm",
    "loss_scale",
    "skipped",
    "batches",
)

Numbers = dict[str, Any]


def numbers_of(trace: Path) -> Numbers:
    """Name of a number -> the number, as text that a float64 round-trips: every update, the
    evaluation, and a digest of each file of weights in the folder beside the trace."""
    found: Numbers = {}
    attempt = 0
    for line in trace.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["record"] == "update":
            for name in OF_AN_UPDATE:
                found[f"update {attempt}, {name}"] = record.get(name)
            attempt += 1
        elif record["record"] in ("evaluation", "end"):
            for name, value in _scores(record):
                found[f"evaluation, {name}"] = value
    for file in sorted(trace.with_suffix("").glob("*.safetensors")):
        found[f"weights, {file.name}"] = f"{zlib.crc32(file.read_bytes()):08x}"
    return found


def _scores(record: Numbers) -> Iterator[tuple[str, Any]]:
    """Of version 2's end and of version 3's evaluation, under one name each."""
    names = {"correct": "correct", "total": "examples", "examples": "examples"}
    names |= {"eval_loss": "loss", "loss": "loss"}
    for name, ours in names.items():
        if record.get(name) is not None:
            yield ours, record[name]


def differences(old: Numbers, new: Numbers) -> list[str]:
    """The numbers that are not the same to the last bit, each in words; empty if all are."""
    return [
        f"{name}: {old.get(name)!r} against {new.get(name)!r}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
