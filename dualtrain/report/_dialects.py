"""What the same numbers mean in each library: lines for people, a dictionary for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from dualtrain.dialects import Contrast, Reading
from dualtrain.plan import Plan

__all__ = ["dialect_lines", "dialects_as_dict"]

_COLUMNS = ("", "T", "per epoch", "W", "tail", "largest lr difference", "at t", "first t")


def dialect_lines(plan: Plan, contrasts: Sequence[Contrast], *, counted: bool) -> Iterator[str]:
    """One line a reading, never wrapped: read by eye, by grep and by diff; then what else differs.

    counted: whether the number of micro-batches is known; else updates per epoch are "any".
    """
    rows = [_COLUMNS, ("dualtrain", *_sizes(plan, plan.spec.batch.tail, counted), "", "", "")]
    rows += [_row(one, counted) for one in contrasts]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        first, *rest = (
            f"{cell:{'<' if index in (0, 4) else '>'}{width}}"
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        yield "  ".join([first, *rest]).rstrip()
    for one in contrasts:
        yield from _below(plan, one)


def _row(one: Contrast, counted: bool) -> tuple[str, ...]:
    reading, distance = one.reading, one.distance
    if reading.plan is None or distance is None:
        return (_label(reading), *["-"] * (len(_COLUMNS) - 1))
    return (
        _label(reading),
        *_sizes(reading.plan, _tail(reading), counted),
        f"{distance.largest:.3g}",
        "" if distance.largest_at is None else str(distance.largest_at),
        "none" if distance.first is None else str(distance.first),
    )


def _label(reading: Reading) -> str:
    without = f" without {', '.join(reading.left_out)}" if reading.left_out else ""
    return reading.dialect.name + without


def _sizes(plan: Plan, tail: str, counted: bool) -> tuple[str, ...]:
    per_epoch = str(plan.updates_per_epoch) if counted else "any"
    return (str(plan.total_updates), per_epoch, str(plan.warmup_updates), tail)


def _tail(reading: Reading) -> str:
    assert reading.plan is not None
    rule = reading.dialect.leftovers
    return reading.plan.spec.batch.tail if rule is None else rule.value


def _below(plan: Plan, one: Contrast) -> Iterator[str]:
    dialect = one.reading.dialect
    if not one.reading.left_out:
        native = dialect.schedules.get(plan.spec.schedule.name)
        yield ""
        yield f"{dialect.name}: {dialect.title}"
        if native is not None:
            yield f"  - schedule {plan.spec.schedule.name} is `{native.called}`"
        if plan.spec.warmup is not None:
            yield f"  - warmup is {dialect.warmup_fields.value}"
    if one.reading.refusal is not None:
        yield f"  - refused: {one.reading.refusal}"
    yield from (f"  - {remark}" for remark in one.remarks)


def dialects_as_dict(plan: Plan, contrasts: Sequence[Contrast], *, counted: bool) -> dict[str, Any]:
    """The same as data; None where a number is not known or not there."""
    return {
        "dualtrain": _numbers(plan, plan.spec.batch.tail, counted),
        "readings": [
            {
                "dialect": one.reading.dialect.name,
                "library": one.reading.dialect.title,
                "left_out": list(one.reading.left_out),
                "refusal": one.reading.refusal,
                **(
                    {}
                    if one.reading.plan is None or one.distance is None
                    else _numbers(one.reading.plan, _tail(one.reading), counted)
                    | {"schedule": one.reading.plan.spec.schedule.model_dump()}
                    | asdict(one.distance)
                ),
                "remarks": list(one.remarks),
            }
            for one in contrasts
        ],
    }


def _numbers(plan: Plan, tail: str, counted: bool) -> dict[str, Any]:
    return {
        "total_updates": plan.total_updates,
        "updates_per_epoch": plan.updates_per_epoch if counted else None,
        "warmup_updates": plan.warmup_updates,
        "tail": tail,
    }
