"""What happens in training, update by update; each function returns the measures of one stage."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dualtrain.parity._finding import Measure
from dualtrain.parity._numbers import distance, relative, ulps
from dualtrain.parity._tolerances import NORM_FLOOR, Tolerance, bars
from dualtrain.trace import Trace, Update

__all__ = [
    "accumulation",
    "at",
    "clip",
    "learning_rate",
    "loss",
    "loss_scale",
    "made",
    "number",
    "paired",
    "tail_only",
]


def paired(a: Trace, b: Trace) -> Iterator[tuple[Update, Update]]:
    """The updates of both, side by side; where one trace ends, the pairs end.

    The n-th stands beside the n-th, skipped ones counted, for those are fed with the same data: t
    may be another on the two sides, after a skip that only one of them made.
    """
    for n, (x, y) in enumerate(zip(a.updates, b.updates, strict=False)):
        yield _numbered(x, n), _numbered(y, n)


def _numbered(update: Update, n: int) -> Update:
    return update if update.attempt == n else replace(update, attempt=n)


def number(update: Update) -> int:
    """Where a paired update stands among all, skipped ones counted."""
    return update.t if update.attempt is None else update.attempt


def at(update: Update) -> str:
    """A paired update in words; with its t where earlier skips have held that back."""
    n = number(update)
    return f"update {n}" if n == update.t else f"update {n} (t = {update.t})"


def learning_rate(a: Trace, b: Trace) -> list[Measure]:
    """The rate each update used, and the momentum if it is cycled, in float64 steps."""
    return [
        Measure(
            ulps(left, right),
            "ULP",
            detail=f"{at(x)}, {name}: {left!r} against {right!r}",
            update=number(x),
        )
        for x, y in paired(a, b)
        for name, left, right in (("lr", x.lr, y.lr), ("momentum", x.momentum, y.momentum))
        if left is not None or right is not None
    ]


def loss(a: Trace, b: Trace) -> list[Measure]:
    """Every micro-batch's own mean loss; the gravest of each update."""
    bar = Tolerance(bars(a.header.spec, b.header.spec).loss)
    return [_micro_losses(x, y, bar) for x, y in paired(a, b) if x.micro_losses or y.micro_losses]


def _micro_losses(x: Update, y: Update, bar: Tolerance) -> Measure:
    left, right = x.micro_losses, y.micro_losses
    if len(left) != len(right):
        text = f"{at(x)}: {len(left)} micro-batches against {len(right)}"
        return Measure(math.inf, "absolute", bar, text, number(x))
    distances = [distance(p, q) for p, q in zip(left, right, strict=True)]
    index = max(range(len(left)), key=distances.__getitem__)
    text = _told(f"micro-batch {index}, loss", x, left[index], right[index])
    return Measure(distances[index], "absolute", bar, text, number(x))


def accumulation(a: Trace, b: Trace) -> list[Measure]:
    """What the micro-batches add up to: the update's loss, and its gradient before clipping."""
    bar = _relative_bar(a, b)
    return [
        measure
        for x, y in paired(a, b)
        for measure in (
            _relative("loss of the update", x, x.loss, y.loss, bar),
            *_norm("gradient norm", (x, y), (x.grad_norm, y.grad_norm), bar),
        )
    ]


def clip(a: Trace, b: Trace) -> list[Measure]:
    """The gradient that the optimizer used, by its norm."""
    bar = _relative_bar(a, b)
    return [
        measure
        for x, y in paired(a, b)
        for measure in _norm("norm after clipping", (x, y), (x.clipped_norm, y.clipped_norm), bar)
    ]


def _relative_bar(a: Trace, b: Trace) -> Tolerance:
    allowed = bars(a.header.spec, b.header.spec)
    return Tolerance(allowed.norms, f"x larger value (at least {NORM_FLOOR})")


def _norm(
    name: str,
    updates: tuple[Update, Update],
    norms: tuple[float | None, float | None],
    bar: Tolerance,
) -> Iterator[Measure]:
    """Nothing if neither has it, or if both skipped: the norm may overflow to inf or to nan."""
    x, y = updates
    if norms != (None, None) and not (x.skipped and y.skipped):
        yield _relative(name, x, *norms, bar)


def _relative(
    name: str, update: Update, left: float | None, right: float | None, bar: Tolerance
) -> Measure:
    value = relative(left, right, floor=NORM_FLOOR)
    return Measure(value, "relative", bar, _told(name, update, left, right), number(update))


def loss_scale(a: Trace, b: Trace) -> list[Measure]:
    """The scale of each update's loss, and whether the update was skipped; with AMP only."""
    if a.header.spec.amp is None and b.header.spec.amp is None:
        return []
    pairs = list(paired(a, b))
    unequal = [(x.loss_scale, x.skipped) != (y.loss_scale, y.skipped) for x, y in pairs]
    return [
        Measure(
            sum(unequal) if differs else 0,
            "updates",
            detail=f"{at(x)}: {_scaled(x)} against {_scaled(y)}",
            update=number(x),
        )
        for (x, y), differs in zip(pairs, unequal, strict=True)
    ]


def _scaled(update: Update) -> str:
    return f"{'skipped' if update.skipped else 'made'} at scale {update.loss_scale}"


def made(a: Trace, b: Trace) -> list[Measure]:
    """Whether any update was made at all; only where it was not. Skips alone prove nothing."""
    pairs = list(paired(a, b))
    if not pairs or not all(x.skipped and y.skipped for x, y in pairs):
        return []
    text = f"every update was skipped on both sides, all {len(pairs)}, so that nothing moved"
    return [Measure(len(pairs), "updates", detail=text, update=0)]


def tail_only(a: Trace, accumulated: Sequence[Measure]) -> bool:
    """Whether what adds up differs in groups shorter than `batch.accumulate` and nowhere else."""
    differing = {m.update for m in accumulated if m.parity == "different"}
    full = a.header.spec.batch.accumulate
    return bool(differing) and all(
        len(x.micro_losses) < full for n, x in enumerate(a.updates) if n in differing
    )


def _told(name: str, update: Update, left: float | None, right: float | None) -> str:
    return f"{at(update)}, {name}: {_number(left)} against {_number(right)}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.7g}"
