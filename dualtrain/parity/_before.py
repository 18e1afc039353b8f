"""What is known before the first update: plan, data, ledger, initial weights, initial output."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from dualtrain.listing import listed
from dualtrain.parity._during import at, paired
from dualtrain.parity._finding import Measure
from dualtrain.parity._numbers import relative
from dualtrain.parity._tolerances import Tolerance, size_of, tolerances
from dualtrain.trace import DONE, Header, Trace

__all__ = ["batches", "computation", "decay", "initial_output", "initial_weights", "plan", "sizes"]

_SIZES = (
    "total_updates",
    "warmup_updates",
    "horizon",
    "updates_per_epoch",
    "micro_batches_per_epoch",
)


def plan(a: Trace, b: Trace) -> list[Measure]:
    """T, W, H and the sizes behind them, and how many updates were recorded: whole numbers.

    Of runs that were not done the stage `end` says how far they came.
    """
    measures = sizes(a, b)
    if a.outcome == b.outcome == DONE:
        measures.append(_apart("updates recorded", len(a.updates), len(b.updates)))
    return measures


def sizes(a: Trace, b: Trace) -> list[Measure]:
    """The whole numbers of two plans; nothing without two."""
    left, right = a.header.plan, b.header.plan
    if left is None or right is None:
        return []
    return [_apart(name, getattr(left, name), getattr(right, name)) for name in _SIZES]


def _apart(name: str, left: int, right: int) -> Measure:
    return Measure(abs(left - right), "absolute", detail=f"{name} {left} against {right}")


def computation(a: Trace, b: Trace) -> list[Measure]:
    """The types in which two runs computed, and in which they hold each parameter; if they differ.

    Nothing is held against a trace that does not tell the types of its parameters.
    """
    left, right = a.header.computation, b.header.computation
    texts = [] if left == right else [f"{left} against {right}"]
    held = [{p.name: p.dtype for p in trace.header.parameters} for trace in (a, b)]
    if all(any(types.values()) for types in held):
        x, y = held
        names = [name for name in sorted(x.keys() & y.keys()) if x[name] != y[name]]
        texts += [f"{name} held in {x[name]} against {y[name]}" for name in names]
    return [Measure(len(texts), "names", detail=listed(texts))] if texts else []


def batches(a: Trace, b: Trace) -> list[Measure]:
    """The digest of the data, then those of every update's micro-batches in order."""
    left, right = a.header.data_digest, b.header.data_digest
    data = Measure(float(left != right), "digests", detail=f"data digest {left} against {right}")
    pairs = [(x, y) for x, y in paired(a, b) if x.batches or y.batches]
    differing = sum(x.batches != y.batches for x, y in pairs)
    return [
        *([data] if left or right else []),
        *(
            Measure(
                differing if x.batches != y.batches else 0,
                "updates",
                detail=f"{at(x)}, {_first_batch(x.batches, y.batches)}",
                update=x.attempt,
            )
            for x, y in pairs
        ),
    ]


def _first_batch(a: tuple[str, ...], b: tuple[str, ...]) -> str:
    if len(a) != len(b):
        return f"{len(a)} micro-batches against {len(b)}"
    index = next((i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y), 0)
    return f"micro-batch {index}: digest {a[index]} against {b[index]}"


def decay(a: Trace, b: Trace) -> list[Measure]:
    """Which parameters there are, their shapes and roles, what was decided for each and what is in
    effect."""
    decided = bool(a.header.decisions and b.header.decisions)
    return _names(*(_decay(trace.header, decided=decided) for trace in (a, b)))


def _decay(header: Header, *, decided: bool) -> FactsByName:
    """Parameter -> what is in effect for it and, if asked for, what was decided."""
    decisions: dict[str, Any] = {**header.decisions} if decided else {}
    return {
        p.name: {
            "shape": p.shape,
            "roles": getattr(decisions.get(p.name), "roles", None),
            "decay": getattr(decisions.get(p.name), "decay", None),
            "effective decay": p.effective_decay,
            "lr multiplier": getattr(decisions.get(p.name), "lr_multiplier", None),
            "effective lr multiplier": p.effective_lr_multiplier,
            "betas": getattr(decisions.get(p.name), "betas", None),
            "frozen": getattr(decisions.get(p.name), "frozen", None),
            "trainable": p.trainable,
        }
        for p in header.parameters
    }


def initial_weights(a: Trace, b: Trace) -> list[Measure]:
    """The digest of each parameter's initial weights."""
    left = {name: {"digest": digest} for name, digest in a.header.initial_digest.items()}
    right = {name: {"digest": digest} for name, digest in b.header.initial_digest.items()}
    return _names(left, right)


FactsByName = Mapping[str, Mapping[str, Any]]


def _names(a: FactsByName, b: FactsByName) -> list[Measure]:
    """Counts the names under which the facts differ, and lists them; nothing without names."""
    differing = [name for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)]
    texts = [f"{name}: {'; '.join(_contrast(a.get(name), b.get(name)))}" for name in differing]
    return [Measure(len(differing), "names", detail=listed(texts))] if a or b else []


def _contrast(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> Iterator[str]:
    if a is None or b is None:
        yield "the parameter is on one side only"
        return
    for fact, value in a.items():
        if value != b[fact]:
            yield f"{fact} {value} against {b[fact]}"


def initial_output(a: Trace, b: Trace) -> list[Measure]:
    """The logits of one batch before training, relative to the larger (at least to 1).

    Where all are small, such as the outputs of a regression on thousandths, to less (`size_of`).
    """
    left, right = a.header.probe, b.header.probe
    floor = size_of(x for probe in (left, right) for row in probe or () for x in row)
    of = f"x larger logit (at least {floor:.2g})"
    allowed = Tolerance(tolerances(a, b).logits, of)
    if left is None and right is None:
        return []
    if left is None or right is None:
        return [Measure(math.inf, "relative", allowed, "the logits are on one side only")]
    if [*map(len, left)] != [*map(len, right)]:
        return [Measure(math.inf, "relative", allowed, "the logits have another shape")]
    return [
        Measure(
            relative(x, y, floor=floor),
            "relative",
            allowed,
            f"sample {sample}, class {label}: {x:.7g} against {y:.7g}",
        )
        for sample, rows in enumerate(zip(left, right, strict=True))
        for label, (x, y) in enumerate(zip(*rows, strict=True))
    ]
