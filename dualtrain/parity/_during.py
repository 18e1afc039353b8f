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
    size_of_losses,
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


Pair = tuple[float | None, float | None]
"""The same number of both sides."""


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
    size = size_of_losses(a, b)
    allowed = for_losses(tolerances(a, b), size)
    return [
        _micro_losses(x, y, allowed, LOSS_FLOOR * size)
        for x, y in paired(a, b)
        if x.micro_losses or y.micro_losses
    ]


def _micro_losses(x: Update, y: Update, allowed: Tolerance, floor: float) -> Measure:
    left, right = x.micro_losses, y.micro_losses
    if len(left) != len(right):
        text = f"{at(x)}: {len(left)} micro-batches against {len(right)}"
        return Measure(math.inf, "relative", allowed, text, x.attempt)
    distances = [relative(p, q, floor=floor) for p, q in zip(left, right, strict=True)]
    index = max(range(len(left)), key=distances.__getitem__)
    text = _text(f"micro-batch {index}, loss", x, left[index], right[index])
    return Measure(distances[index], "relative", allowed, text, x.attempt)


def accumulation(a: Trace, b: Trace) -> list[Measure]:
    """What the micro-batches add up to: the update's loss, and its gradient before clipping."""
    floor = NORM_FLOOR * size_of_losses(a, b)
    allowed = _for_norms(a, b, floor)
    return [
        measure
        for x, y in paired(a, b)
        for measure in (
            _relative("loss of the update", x, (x.loss, y.loss), allowed, floor),
            *_norm("gradient norm", (x, y), (x.grad_norm, y.grad_norm), allowed, floor),
        )
    ]


def clip(a: Trace, b: Trace) -> list[Measure]:
    """The gradient that the optimizer used, by its norm."""
    floor = NORM_FLOOR * size_of_losses(a, b)
    allowed = _for_norms(a, b, floor)
    return [
        measure
        for x, y in paired(a, b)
        for measure in _norm(
            "norm after clipping", (x, y), (x.clipped_norm, y.clipped_norm), allowed, floor
        )
    ]


def _for_norms(a: Trace, b: Trace, floor: float) -> Tolerance:
    return Tolerance(tolerances(a, b).norms, f"x larger value (at least {floor:.2g})")


def _norm(
    name: str,
    updates: tuple[Update, Update],
    norms: Pair,
    allowed: Tolerance,
    floor: float,
) -> Iterator[Measure]:
    """Nothing if neither has it, or if both skipped: the norm may overflow to inf or to nan."""
    x, y = updates
    if norms != (None, None) and not (x.skipped and y.skipped):
        yield _relative(name, x, norms, allowed, floor)


def _relative(name: str, update: Update, pair: Pair, allowed: Tolerance, floor: float) -> Measure:
    value = relative(*pair, floor=floor)
    return Measure(value, "relative", allowed, _text(name, update, *pair), update.attempt)


def loss_scale(a: Trace, b: Trace) -> list[Measure]:
    """The scale of each update's loss, whether the update was skipped, and the clock, which a skip
    may hold; with AMP, or where an update was skipped without it."""
    pairs = list(paired(a, b))
    unequal = [(x.loss_scale, x.skipped, x.t) != (y.loss_scale, y.skipped, y.t) for x, y in pairs]
    if not (_scales(a) or _scales(b) or any(unequal)):
        return []
    return [
        Measure(
            sum(unequal) if differs else 0,
            "updates",
            detail=f"{at(x)}: {' against '.join(_scaled(x, y))}",
            update=x.attempt,
        )
        for (x, y), differs in zip(pairs, unequal, strict=True)
    ]


def _scales(trace: Trace) -> bool:
    """Whether AMP is on; a loop of one's own may scale or skip without autocast."""
    autocast = trace.header.computation.level is not None
    return autocast or any(u.skipped or u.loss_scale is not None for u in trace.updates)


def _scaled(*updates: Update) -> Iterator[str]:
    one_clock = len({update.t for update in updates}) == 1
    for update in updates:
        clock = "" if one_clock else f"t = {update.t}, "
        yield f"{clock}{'skipped' if update.skipped else 'made'} at scale {update.loss_scale}"


def updates_made(*runs: Trace) -> list[Measure]:
    """Whether any update was made at all; only where it was not. Skips alone prove nothing."""
    updates = list(zip(*(run.updates for run in runs), strict=False))
    if not updates or not all(one.skipped for pair in updates for one in pair):
        return []
    on = " on both sides" if len(runs) > 1 else ""
    text = f"every update was skipped{on}, all {len(updates)}, so that nothing moved"
    return [Measure(len(updates), "updates", detail=text, update=0, proves=False)]


def tail_only(a: Trace, accumulated: Sequence[Measure]) -> bool:
    """Whether what adds up differs in groups of another size than `batch.accumulate` alone.

    Without a spec the longest group says how long they are meant to be.
    """
    differing = {m.update for m in accumulated if m.parity == "different"}
    spec, sizes = a.header.spec, [len(update.micro_losses) for update in a.updates]
    full = max(sizes, default=0) if spec is None else spec.batch.accumulate
    return bool(differing) and all(size != full for n, size in enumerate(sizes) if n in differing)


def _text(name: str, update: Update, left: float | None, right: float | None) -> str:
    return f"{at(update)}, {name}: {_number(left)} against {_number(right)}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.7g}"


def end(*runs: Trace) -> list[Measure]:
    """How far each run came and why it ended: no proof, unless all were done or stopped early at
    the same update for the same reason."""
    ends = list(dict.fromkeys((run.outcome, len(run.updates)) for run in runs))
    counts = [count for _, count in ends]
    if not any(counts):
        return [_not_done(1, "no update is recorded", 0)]
    alike = len(ends) < len(runs)
    done = all(outcome == DONE for outcome, _ in ends)
    if done or (alike and all(run.is_whole for run in runs)):
        return []
    text = " against ".join(f"{outcome} after {count} updates" for outcome, count in ends)
    apart = max(1, max(counts) - min(counts))
    return [_not_done(apart, f"{text}{' on both sides' if alike else ''}", min(counts))]


def _not_done(count: int, text: str, update: int) -> Measure:
    return Measure(count, "updates", detail=text, update=update, proves=False)
