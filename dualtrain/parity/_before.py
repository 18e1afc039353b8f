"""What is known before the first update: plan, data, ledger, initial weights, initial output."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from dualtrain.parity._during import at, number, paired
from dualtrain.parity._finding import Measure
from dualtrain.parity._numbers import relative
from dualtrain.parity._tolerances import Tolerance, bars
from dualtrain.trace import LedgerEntry, Trace

__all__ = ["batches", "decay", "initial_output", "initial_weights", "plan"]

_SIZES = (
    "total_updates",
    "warmup_updates",
    "horizon",
    "updates_per_epoch",
    "micro_batches_per_epoch",
    "world_size",
)


def plan(a: Trace, b: Trace) -> list[Measure]:
    """T, W, H and the sizes behind them, and how many updates were recorded: whole numbers."""
    return [
        Measure(abs(left - right), "absolute", detail=f"{name} {left} against {right}")
        for (name, left), right in zip(_sizes(a).items(), _sizes(b).values(), strict=True)
    ]


def _sizes(trace: Trace) -> dict[str, int]:
    sizes = {name: getattr(trace.header, name) for name in _SIZES}
    return {**sizes, "updates recorded": len(trace.updates)}


def batches(a: Trace, b: Trace) -> list[Measure]:
    """The digest of the data, then those of every update's micro-batches in order."""
    left, right = a.header.data_digest, b.header.data_digest
    data = Measure(float(left != right), "digests", detail=f"data digest {left} against {right}")
    recorded = [(x, y) for x, y in paired(a, b) if x.batches or y.batches]
    differing = sum(x.batches != y.batches for x, y in recorded)
    return [
        *([data] if left or right else []),
        *(
            Measure(
                differing if x.batches != y.batches else 0,
                "updates",
                detail=f"{at(x)}, {_first_batch(x.batches, y.batches)}",
                update=number(x),
            )
            for x, y in recorded
        ),
    ]


def _first_batch(a: tuple[str, ...], b: tuple[str, ...]) -> str:
    if len(a) != len(b):
        return f"{len(a)} micro-batches against {len(b)}"
    index = next((i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y), 0)
    return f"micro-batch {index}: digest {a[index]} against {b[index]}"


def decay(a: Trace, b: Trace) -> list[Measure]:
    """Which parameters there are, their roles, what was decided for each and what is in effect."""
    left = {entry.name: _decision(entry) for entry in a.header.ledger}
    right = {entry.name: _decision(entry) for entry in b.header.ledger}
    return [_names(left, right)]


def _decision(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "roles": entry.roles,
        "decay": entry.decay,
        "effective decay": entry.effective_decay,
        "lr multiplier": entry.lr_multiplier,
        "effective lr multiplier": entry.effective_lr_multiplier,
        "frozen": entry.frozen,
        "trainable": entry.trainable,
    }


def initial_weights(a: Trace, b: Trace) -> list[Measure]:
    """The digest of each parameter's initial weights."""
    left = {name: {"digest": digest} for name, digest in a.header.initial_digest.items()}
    right = {name: {"digest": digest} for name, digest in b.header.initial_digest.items()}
    return [_names(left, right)]


Facts = Mapping[str, Mapping[str, Any]]


def _names(a: Facts, b: Facts) -> Measure:
    """Counts the names under which the facts differ, and lists them."""
    differing = [name for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)]
    told = [f"{name}: {'; '.join(_contrast(a.get(name), b.get(name)))}" for name in differing]
    more = [f"and {len(told) - 3} more"] if len(told) > 3 else []
    return Measure(len(differing), "names", detail=", ".join([*told[:3], *more]))


def _contrast(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> Iterator[str]:
    if a is None or b is None:
        yield "the parameter is on one side only"
        return
    for fact, value in a.items():
        if value != b[fact]:
            yield f"{fact} {value} against {b[fact]}"


def initial_output(a: Trace, b: Trace) -> list[Measure]:
    """The logits of one batch before training, relative to the larger (at least to 1)."""
    left, right = a.header.probe, b.header.probe
    bar = Tolerance(bars(a.header.spec, b.header.spec).logits, "x larger logit (at least 1)")
    if left is None and right is None:
        return []
    if left is None or right is None or [*map(len, left)] != [*map(len, right)]:
        return [Measure(math.inf, "relative", bar, "the logits have another shape")]
    return [
        Measure(
            relative(x, y, floor=1.0),
            "relative",
            bar,
            f"sample {sample}, class {label}: {x:.7g} against {y:.7g}",
        )
        for sample, rows in enumerate(zip(left, right, strict=True))
        for label, (x, y) in enumerate(zip(*rows, strict=True))
    ]
