"""The words of a spec that no script says yet, each with the reason; all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dualtrain.errors import SpecError
from dualtrain.fields import Steps
from dualtrain.native.optimizers import driving_row
from dualtrain.scripts._said import unknown_words
from dualtrain.spec import Spec

__all__ = ["check_writable"]

_UNKNOWN = "it is not among the words that a script can say"
_RULES = {
    "torch": ("adamw_transformers", "lamb", "lars", "adamax", "rmsprop"),
    "paddle": ("adamw_transformers", "rmsprop_torch"),
}
"""Backend -> the rules that its scripts have where the framework has no class."""
_ONE_DECAY: dict[str, dict[str, str]] = {
    "torch": {},
    "paddle": {"lars": "Paddle's LARS has one value for all"},
}
"""Backend -> the rules of which its class knows one decay, and why."""
_ONE_PAIR = {"paddle": "Paddle's classes have one pair of betas for all parameters"}
"""Backend -> why no parameters have betas of their own."""
_BESIDE_A_METRIC: dict[str, dict[Steps, str]] = {
    "torch": dict.fromkeys(
        (("lr_multipliers",), ("layer_decay",)),
        "torch cuts each group by itself, against min_lr too",
    ),
    "paddle": {("schedule", "cooldown"): "Paddle looks at no metric while it cools down"},
}
"""Backend -> what its own schedule does not do beside a metric."""
_ON_CPU = {"paddle": "on the CPU Paddle's auto_cast does nothing, and trains in float32"}
"""Backend -> why there is no mixed precision on the CPU."""
_AT_ONCE = {"torch": "torch's scale falls at once"}
"""Backend -> why its loss scale waits for no second bad update."""
_CURE = "leave it out, or train with dualtrain itself"


def check_writable(spec: Spec, backend: str) -> None:
    """Raise `SpecError` that names every word of the spec that the script would not say."""
    found: dict[Steps, str] = {steps: _UNKNOWN for steps in unknown_words(spec)}
    found |= {steps: why for steps, why in _unwritten(spec, backend)}
    problems = tuple(
        spec.problem(
            *steps,
            rule=f"a script for {backend} does not say it: {why}",
            received=_received(spec, steps),
            cure=_CURE,
        )
        for steps, why in found.items()
    )
    if problems:
        raise SpecError(problems)


def _received(spec: Spec, steps: Steps) -> str:
    value: Any = spec
    for step in steps:
        value = value[step] if isinstance(step, int) else getattr(value, step)
    told = value.model_dump(exclude_unset=True) if hasattr(value, "model_dump") else value
    return repr(told)


def _unwritten(spec: Spec, backend: str) -> Iterator[tuple[Steps, str]]:
    rule, schedule = spec.rule, spec.schedule
    if spec.task is not None and spec.task.name == "module":
        yield ("task", "module"), "its loss may be one of your own, in code"
    if driving_row(backend, rule) is None:
        if rule.decoupled and "coupled" in rule.decay_kinds:
            yield ("weight_decay", "kind"), f"{backend} has no {rule.name} that decouples decay"
        elif rule.name not in _RULES[backend]:
            yield ("optimizer", "name"), f"{backend} has no class of it"
    if spec.own_betas and (backend in _ONE_PAIR or driving_row(backend, rule) is None):
        yield ("own_betas",), _ONE_PAIR.get(backend, f"{backend} has no {rule.name} with groups")
    if spec.weight_decay and spec.weight_decay.values and rule.name in _ONE_DECAY[backend]:
        yield ("weight_decay", "values"), _ONE_DECAY[backend][rule.name]
    if schedule.needs_metric:
        yield from _beside_a_metric(spec, backend)
    yield from _mixed_precision(spec, backend)


def _beside_a_metric(spec: Spec, backend: str) -> Iterator[tuple[Steps, str]]:
    metric = "beside a schedule that waits for a metric "
    if spec.warmup is not None:
        yield ("warmup",), f"{metric}no native object rises first"
    for steps, why in _BESIDE_A_METRIC[backend].items():
        section = spec if len(steps) == 1 else getattr(spec, str(steps[0]))
        if getattr(section, str(steps[-1]), None):
            yield steps, f"{metric}{why}"


def _mixed_precision(spec: Spec, backend: str) -> Iterator[tuple[Steps, str]]:
    amp = spec.amp
    if amp is None:
        return
    if backend in _ON_CPU and spec.device == "cpu":
        yield ("amp",), _ON_CPU[backend]
    waits = amp.loss_scale is not None and amp.loss_scale.backoff_interval > 1
    if waits and backend in _AT_ONCE:
        yield ("amp", "loss_scale", "backoff_interval"), _AT_ONCE[backend]
