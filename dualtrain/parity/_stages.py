"""The stages in their order, and how measures become a finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dualtrain.parity._finding import Finding, Measure, Series, worst
from dualtrain.spec import Spec

__all__ = [
    "AFTER",
    "STAGES",
    "Specs",
    "Stage",
    "differing_fields",
    "fields_among",
    "make_finding",
    "told_fields",
]


@dataclass(frozen=True)
class Stage:
    """A stage, the spec fields that decide it, and what it means if there is nothing to compare."""

    name: str
    knobs: tuple[str, ...]
    absent: str = "not both traces record it"


PLAN = Stage("plan", ("duration", "batch", "warmup", "horizon"))
COMPUTATION = Stage("computation", ("amp",), "")
BATCHES = Stage("batches", ("task", "batch.size", "seed"))
DECAY = Stage("decay", ("weight_decay", "lr_multipliers", "own_betas", "layer_decay", "freeze"))
INITIAL_WEIGHTS = Stage("initial weights", ("task.model", "seed"))
INITIAL_OUTPUT = Stage("initial output", ("task.model",))
LEARNING_RATE = Stage("learning rate", ("optimizer.lr", "schedule", "warmup", "horizon", "shift"))
GRADIENTS = Stage("gradients", ("task.model", "loss", "batch", "amp", "seed"), "")
RULE = Stage(
    "rule",
    (
        "optimizer",
        "schedule",
        "warmup",
        "horizon",
        "shift",
        "weight_decay",
        "lr_multipliers",
        "own_betas",
        "layer_decay",
        "freeze",
        "clip",
        "ema",
        "amp",
        "batch_norm",
    ),
    "",
)
LOSS = Stage("loss", ("loss", "task.model.dropout", "amp"))
ACCUMULATION = Stage("accumulation", ("batch.accumulate", "batch.normalise", "batch.tail"))
CLIP = Stage("clip", ("clip",))
LOSS_SCALE = Stage("loss scale", ("amp",), "AMP is off on both sides")
UPDATE = Stage("update", ("optimizer", "weight_decay"), "no weights beside the traces")
STATISTICS = Stage("running statistics", ("batch_norm", "freeze"), "")
AVERAGES = Stage("averages", ("ema",), "")
EVALUATION = Stage("evaluation", ("task.eval",), "not both traces have one")
MADE = Stage("updates made", ("amp.loss_scale", "optimizer.lr", "clip"), "")
NUMBERS = Stage("numbers", ("optimizer.lr", "clip", "amp.loss_scale"), "")
END = Stage("end", ("what was not done",), "")
SPEC = Stage("spec", ("the fields in which the specs differ",), "not both traces have one")

STAGES = (
    PLAN,
    COMPUTATION,
    BATCHES,
    DECAY,
    INITIAL_WEIGHTS,
    INITIAL_OUTPUT,
    LEARNING_RATE,
    GRADIENTS,
    RULE,
    MADE,
    NUMBERS,
    END,
    LOSS,
    ACCUMULATION,
    CLIP,
    LOSS_SCALE,
    UPDATE,
    STATISTICS,
    AVERAGES,
    EVALUATION,
    SPEC,
)
"""Earliest first: each stage builds on those before it. The two of lockstep stand before those of
the free runs, which follow from them. The spec stands last: a field in which two specs differ says
least where a stage shows what it did."""

AFTER = (NUMBERS, UPDATE, STATISTICS, AVERAGES, EVALUATION, SPEC)
"""The stages after training; those whose differences carry no update are otherwise before it."""

Specs = tuple[Spec | None, Spec | None]


def make_finding(stage: Stage, measures: Sequence[Measure], specs: Specs) -> Finding:
    """The finding of a stage, from all that was measured for it.

    `measures` come in the order of time. The largest difference is the gravest of them; the
    detail is that of the first beyond its tolerance, for that is where to look; without one, of
    the first that is no proof. The knob is those of the stage's spec fields in which the two specs
    differ, or else all of them: without specs too, for they say what decides the stage. Where
    nothing is amiss but rounding, it is none.
    """
    gravest = worst(measures)
    alike = gravest.parity in ("exact", "rounding")
    beyond = [] if alike else [m for m in measures if m.parity == gravest.parity]
    example = beyond[0] if beyond else gravest
    fields = fields_among(stage.knobs, specs) if beyond else {}
    texts = [example.detail] if example.value != 0 else []
    return Finding(
        stage=stage.name,
        parity=gravest.parity,
        largest=gravest.value,
        unit=gravest.unit,
        tolerance=gravest.tolerance,
        first_update=example.update if beyond else None,
        detail="; ".join([*texts, *told_fields(fields)]),
        knob="" if alike or _by_rounding(gravest) else ", ".join(fields or stage.knobs),
        series=_series(measures),
        raised=any(measure.raised for measure in measures),
    )


def _by_rounding(measure: Measure) -> bool:
    """Whether it proves nothing because rounding may be as large."""
    return measure.parity == "no proof" and measure.unit == "relative"


_COUNTED = ("names", "digests", "updates", "examples")


def _series(measures: Sequence[Measure]) -> Series:
    """The gravest measure of each update; of what is counted, whether it is there."""
    gravest: dict[int, Measure] = {}
    for measure in measures:
        if measure.update is not None:
            before = gravest.setdefault(measure.update, measure)
            gravest[measure.update] = worst((before, measure))
    return Series(
        updates=tuple(gravest),
        values=tuple(
            min(m.value, 1.0) if m.unit in _COUNTED else m.value for m in gravest.values()
        ),
        bounds=tuple(m.tolerance.bound for m in gravest.values()),
    )


Fields = dict[str, tuple[Any, Any]]


def differing_fields(a: Spec, b: Spec) -> Fields:
    """Dotted name -> both values, for every field in which two specs differ; None is absent."""
    left, right = _flat(a.model_dump(mode="json")), _flat(b.model_dump(mode="json"))
    names = sorted(left.keys() | right.keys())
    pairs = {name: (left.get(name), right.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def fields_among(knobs: Sequence[str], specs: Specs) -> Fields:
    """The fields in which two specs differ, of those that these knobs are or begin."""
    a, b = specs
    return {
        name: values
        for name, values in (differing_fields(a, b) if a and b else {}).items()
        if any(f"{name}.".startswith(f"{knob}.") for knob in knobs)
    }


def told_fields(fields: Fields) -> list[str]:
    """The differing fields in words, if there are any."""
    told = [f"{name} {a!r} against {b!r}" for name, (a, b) in fields.items()]
    return [f"the specs differ: {', '.join(told)}"] if told else []


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    return dict(_leaves(tree, prefix))


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
