"""What happens in training, update by update; each function returns the measures of one stage."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from dualtrain.parity._finding import Measure
from dualtrain.parity._numbers import relative, ulps
from dualtrain.parity._tolerances import (
    LOSS_FLOOR,
    NORM_FLOOR,
    Tolerance,
    for_losses,
    tolerances,
)
from dualtrain.trace import DONE, Trace, Update

__all__ = [
    "accumulation",
    "at",
    "clip",
    "end",
    "learning_rate",
    "loss",
    "loss_scale",
    "paired",
    "tail_only",
    "updates_made",
]


def paired(a: Trace, b: Trace) -> Iterator[tuple[Update, Update]]:
    """The updates of both, side by side; where one trace ends, the pairs end.

    The n-th stands beside the n-th, skipped ones counted, for those are fed with the same data: t
    may be another on the two sides, after a skip that only one of them made.
    """
    return zip(a.updates, b.updates, strict=False)


def at(update: Update) -> str:
    """An update in words; with its t where earlier skips have held that back."""
    n = update.attempt
    return f"update {n}" if n == update.t else f"update {n} (t = {update.t})"


def learning_rate(a: Trace, b: Trace) -> list[Measure]:
    """The rate each update used, and the momentum if it is cycled, in float64 steps."""
    return [
        Measure(
            ulps(left, right),
            "ULP",
            detail=f"{at(x)}, {name}: {left!r} against {right!r}",
            update=x.attempt,
        )
        for x, y in paired(a, b)
        for name, left, right in (("lr", x.lr, y.lr), ("momentum", x.momentum, y.momentum))
        if left is not None or right is not None
    ]


def loss(a: Trace, b: Trace) -> list[Measure]:
    """Every micro-batch's own mean loss; the gravest of each update."""
    allowed = for_losses(tolerances(a, b))
    return [
        _micro_losses(x, y, allowed) for x, y in paired(a, b) if x.micro_losses and y.micro_losses
    ]


def _micro_losses(x: Update, y: Update, allowed: Tolerance) -> Measure:
    left, right = x.micro_losses, y.micro_losses
    if len(left) != len(right):
        text = f"{at(x)}: {len(left)} micro-batches against {len(right)}"
        return Measure(math.inf, "relative", allowed, text, x.attempt)
    distances = [relative(p, q, floor=LOSS_FLOOR) for p, q in zip(left, right, strict=True)]
    index = max(range(len(left)), key=distances.__getitem__)
    text = _text(f"micro-batch {index}, loss", x, left[index], right[index])
    return Measure(distances[index], "relative", allowed, text, x.attempt)


def accumulation(a: Trace, b: Trace) -> list[Measure]:
    """What the micro-batches add up to: the update's loss, and its gradient before clipping."""
    allowed = _for_norms(a, b)
    return [
        measure
        for x, y in paired(a, b)
        for measure in (
            _relative("loss of the update", x, x.loss, y.loss, allowed),
            *_norm("gradient norm", (x, y), (x.grad_norm, y.grad_norm), allowed),
        )
    ]


def clip(a: Trace, b: Trace) -> list[Measure]:
    """The gradient that the optimizer used, by its norm."""
    allowed = _for_norms(a, b)
    return [
        measure
        for x, y in paired(a, b)
        for measure in _norm(
            "norm after clipping", (x, y), (x.clipped_norm, y.clipped_norm), allowed
        )
    ]


def _for_norms(a: Trace, b: Trace) -> Tolerance:
    return Tolerance(tolerances(a, b).norms, f"x larger value (at least {NORM_FLOOR})")


def _norm(
    name: str,
    updates: tuple[Update, Update],
    norms: tuple[float | None, float | None],
    allowed: Tolerance,
) -> Iterator[Measure]:
    """Nothing if neither has it, or if both skipped: the norm may overflow to inf or to nan."""
    x, y = updates
    if norms != (None, None) and not (x.skipped and y.skipped):
        yield _relative(name, x, *norms, allowed)


def _relative(
    name: str, update: Update, left: float | None, right: float | None, allowed: Tolerance
) -> Measure:
    value = relative(left, right, floor=NORM_FLOOR)
    return Measure(value, "relative", allowed, _text(name, update, left, right), update.attempt)


def loss_scale(a: Trace, b: Trace) -> list[Measure]:
    """The scale of each update's loss, and whether the update was skipped; with AMP only."""
    if not (_scales(a) or _scales(b)):
        return []
    pairs = list(paired(a, b))
    unequal = [(x.loss_scale, x.skipped) != (y.loss_scale, y.skipped) for x, y in pairs]
    return [
        Measure(
            sum(unequal) if differs else 0,
            "updates",
            detail=f"{at(x)}: {_scaled(x)} against {_scaled(y)}",
            update=x.attempt,
        )
        for (x, y), differs in zip(pairs, unequal, strict=True)
    ]


def _scales(trace: Trace) -> bool:
    """Whether AMP is on; a loop of one's own may scale without autocast."""
    autocast = trace.header.computation.level is not None
    return autocast or any(update.loss_scale is not None for update in trace.updates)


def _scaled(update: Update) -> str:
    return f"{'skipped' if update.skipped else 'made'} at scale {update.loss_scale}"


def updates_made(a: Trace, b: Trace) -> list[Measure]:
    """Whether any update was made at all; only where it was not. Skips alone prove nothing."""
    pairs = list(paired(a, b))
    if not pairs or not all(x.skipped and y.skipped for x, y in pairs):
        return []
    text = f"every update was skipped on both sides, all {len(pairs)}, so that nothing moved"
    return [Measure(len(pairs), "updates", detail=text, update=0)]


def tail_only(a: Trace, accumulated: Sequence[Measure]) -> bool:
    """Whether what adds up differs in groups shorter than `batch.accumulate` and nowhere else.

    Without a spec the longest group says how long they are meant to be.
    """
    differing = {m.update for m in accumulated if m.parity == "different"}
    spec, sizes = a.header.spec, [len(update.micro_losses) for update in a.updates]
    full = max(sizes, default=0) if spec is None else spec.batch.accumulate
    return bool(differing) and all(size < full for n, size in enumerate(sizes) if n in differing)


def _text(name: str, update: Update, left: float | None, right: float | None) -> str:
    return f"{at(update)}, {name}: {_number(left)} against {_number(right)}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.7g}"


def end(a: Trace, b: Trace) -> list[Measure]:
    """How far each run came and why it ended, unless both were done, or both stopped alike."""
    left, right = (len(a.updates), a.outcome), (len(b.updates), b.outcome)
    if left == right or a.outcome == b.outcome == DONE:
        return []
    text = " against ".join(f"{why} after {count} updates" for count, why in (left, right))
    count = max(1, abs(left[0] - right[0]))
    return [Measure(count, "updates", detail=text, update=min(left[0], right[0]))]
