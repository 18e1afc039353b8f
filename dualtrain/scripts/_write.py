"""The script of a spec: what it says, gathered for the templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from keyword import iskeyword
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dualtrain.errors import DualtrainError
from dualtrain.plan import Plan
from dualtrain.scripts._averages import averaging
from dualtrain.scripts._decay import decay_facts, decay_of
from dualtrain.scripts._optimizer import native_optimizer
from dualtrain.scripts._precision import precision
from dualtrain.scripts._refusals import check_writable
from dualtrain.scripts._schedule import alone, by_update, native_schedule, phases_of
from dualtrain.scripts._sizes import rate_lines
from dualtrain.scripts._source import call, listed, shown, source
from dualtrain.spec import Spec

__all__ = ["SCRIPT_BACKENDS", "write_script"]

_SCHEDULES = {
    "torch": ("transformers.optimization", "torch.optim.lr_scheduler"),
    "paddle": ("paddlenlp.transformers.optimization", "paddle.optimizer.lr"),
}
"""Backend -> the modules whose schedules its scripts use, the preferred one first."""

SCRIPT_BACKENDS = tuple(_SCHEDULES)
"""The frameworks that scripts are written for."""

_COUNTS_UP = (
    *("step", "multistep", "piecewise", "exponential", "natural_exp", "inverse_time", "noam"),
    *("one_cycle", "cyclic", "cosine_annealing_warm_restarts", "table"),
)
"""Schedules whose formula reads how many counts there have been, not where the horizon is."""


def write_script(spec: Spec, backend: str, *, model: str | None = None) -> str:
    """A stand-alone training script for a framework, as Python source text.

    It imports the framework's own libraries and not dualtrain. One marked place is for the model
    and the batches: `build_model()` and `batches(epoch)`, under a schedule that waits for a metric
    `evaluate(model)` too.

    backend: `torch` or `paddle`; neither need be installed.
    model: name of a module that has these functions; the script then imports them from it.

    Raises `SpecError` that names every word that the script could not say, `DualtrainError` for
    another framework and for what is no module's name, `PlanError` where the spec has the sizes of
    the run and they leave no room for its schedule.

    >>> spec = Spec(optimizer={"name": "sgd", "lr": 0.5}, schedule={"name": "linear"},
    ...     duration={"epochs": 3})
    >>> "torch.optim.SGD(" in write_script(spec, "torch")
    True
    """
    if backend not in SCRIPT_BACKENDS:
        raise DualtrainError(
            f"a script is written for {' or '.join(SCRIPT_BACKENDS)}. Received: {backend!r}"
        )
    if model is not None and not all(map(_is_name, model.split("."))):
        raise DualtrainError(
            f"a script imports its model from a module by its dotted name. Received: {model!r}"
        )
    check_writable(spec, backend)
    _check_plan(spec)
    facts = _facts(spec, backend, model)
    template = _templates().get_template(f"{backend}/script.py.j2")
    body = template.render(facts, standard=[])
    return template.render(facts, standard=_standard(body)).rstrip() + "\n"


def _check_plan(spec: Spec) -> None:
    """Refuse what no plan fits, where the sizes of the run are in the spec."""
    micro_batches = spec.batch.micro_batches_per_epoch
    if micro_batches is None and spec.duration.updates and not _sees_epochs(spec):
        micro_batches = spec.batch.accumulate  # any number: the schedule does not see it
    if micro_batches is not None:
        Plan.of(spec, micro_batches_per_epoch=micro_batches)


def _sees_epochs(spec: Spec) -> bool:
    """Whether the rates depend on how long an epoch is."""
    in_epochs = (spec.warmup and spec.warmup.epochs, spec.horizon and spec.horizon.epochs)
    return spec.schedule.per == "epoch" or any(length is not None for length in in_epochs)


def _is_name(part: str) -> bool:
    return part.isidentifier() and not iskeyword(part)


def _standard(body: str) -> list[str]:
    """The imports from the standard library that a script needs, sorted."""
    names = ("bisect", "copy", "itertools", "math", "re")
    found = [f"import {name}" for name in names if re.search(rf"\b{name}\.", body)]
    return [*found, "from fnmatch import fnmatchcase"] if "fnmatchcase" in body else found


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("dualtrain.scripts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=shown,
    )
    environment.globals |= {"quote": source, "quoted": listed, "call": call}
    return environment


def _facts(spec: Spec, backend: str, model: str | None) -> dict[str, Any]:
    schedule, warmup, amp = spec.schedule, spec.warmup, spec.amp
    is_flat = schedule.name == "constant" and warmup is None
    known = not (is_flat or schedule.needs_metric)
    native = native_schedule(spec, _SCHEDULES[backend]) if known else None
    facts: dict[str, Any] = {
        "spec": spec,
        "source": model,
        "backend": backend,
        "schedule": schedule,
        "native": native,
        "formula": known and native is None,
        "has_schedule": not is_flat,
        "steps_each_update": known and (schedule.per == "update" or by_update(spec)),
        "whole_epochs": spec.duration.epochs is not None and spec.duration.epochs % 1 == 0,
        "rule": spec.rule,
        "optimizer": native_optimizer(spec.rule, backend),
        **decay_facts(decay_of(spec)),
        "patterns": _patterns(spec),
        "has_rates": bool(spec.lr_multipliers or spec.layer_decay),
        "layer": {"torch": "module", "paddle": "layer"}[backend],
        "mends_variance": "batch_norm" in spec.model_fields_set and spec.batch_norm != backend,
        **precision(amp, backend),
        "squared": spec.task is not None and spec.task.name == "regression",
        "smoothing": spec.loss.label_smoothing if spec.loss else 0.0,
        "shift": spec.loss is not None and spec.loss.shift_labels,
    }
    facts["cycles"] = cycles = schedule.cycled is not None
    holds = amp is not None and amp.on_skip == "hold" and known and schedule.per == "update"
    facts["holds"] = holds and facts["scale"] is not None
    facts["reads_skipped"] = spec.ema is not None or holds
    by_layer = bool({"norm", "embedding"} & facts["decayed_roles"])
    facts["needs_nn"] = by_layer or facts["masters"] or facts["mends_variance"]
    one_value = not (facts["has_values"] and spec.rule.decoupled)
    by_parts = spec.optimizer.name == "lars" and facts["spares"]  # its class spares parts of names
    facts["own_class"] = not (facts["optimizer"]["native"] and one_value) or by_parts
    facts["optimizer_arguments"] = _ARGUMENTS[backend](spec, facts)
    facts |= averaging(spec.ema)
    factor = _formula(spec, "factor") if facts["formula"] else ""
    facts |= rate_lines(spec, native, factor, _formula(spec, "momentum") if cycles else "")
    return facts


def _torch_arguments(spec: Spec, facts: Mapping[str, Any]) -> list[str]:
    """Of a torch optimizer."""
    grouped = any(facts[name] for name in ("spares", "has_rates", "has_values")) or spec.own_betas
    parameters = "parameter_groups(model)" if grouped else "model.parameters()"
    arguments = [parameters, "lr=LR", *facts["optimizer"]["arguments"]]
    if not spec.optimizer.reads_rate_once:
        arguments.append(f"weight_decay={'WEIGHT_DECAY' if facts['decay'] else '0.0'}")
    return arguments


def _paddle_arguments(spec: Spec, facts: Mapping[str, Any]) -> list[str]:
    """Of a Paddle optimizer."""
    trained = "trained" if spec.freeze else "model.parameters()"
    rate = "scheduler" if facts["has_schedule"] else "LR"
    takes = "parameter_list" if spec.optimizer.name == "lars" else "parameters"
    arguments = [
        f"learning_rate={rate}",
        *facts["optimizer"]["arguments"],
        f"{takes}={'moved' if facts['masters'] else trained}",
    ]
    arguments += _paddle_decay(spec, facts)
    clip = spec.clip
    if clip is not None and clip.rule == "paddle":
        kind, c = next((k, v) for k in _CLIPS if (v := getattr(clip, k)) is not None)
        arguments.append(f"grad_clip=paddle.nn.{_CLIPS[kind]}({c!r})")
    return arguments


def _paddle_decay(spec: Spec, facts: Mapping[str, Any]) -> Iterator[str]:
    """Arguments of the decay; those of coupled decay that differ are the parameters' own."""
    rule, decay = spec.rule, facts["decay"]
    spares, values = facts["spares"], facts["has_values"]
    value = "WEIGHT_DECAY" if decay else "0.0"
    if rule.name == "lars":
        yield f"lars_weight_decay={value}"
        if spares:
            yield "exclude_from_weight_decay=sorted(spared)"
        return
    if values and rule.decoupled:
        yield "decays=decays"
        if not facts["optimizer"]["native"]:
            return
    if rule.name == "lamb":
        yield f"lamb_weight_decay={value}"
        if spares or values or not decay:
            spared = "parameter.name in spared" if spares else "True"
            left_out = "not decays[parameter.name]" if values else spared
            yield f"exclude_from_weight_decay_fn=lambda parameter: {left_out}"
    elif rule.decoupled:
        yield f"weight_decay={value}"
        if spares or values:
            fits = "decays.get" if values else "lambda name: name not in spared"
            yield f"apply_decay_param_fun={fits}"
    elif decay and not spares and not values:
        yield "weight_decay=WEIGHT_DECAY"


_CLIPS = {
    "global_norm": "ClipGradByGlobalNorm",
    "norm": "ClipGradByNorm",
    "value": "ClipGradByValue",
}

_ARGUMENTS = {"torch": _torch_arguments, "paddle": _paddle_arguments}


def _formula(spec: Spec, name: str) -> str:
    """The function `factor`, and one for each phase of a sequence; or `momentum`."""
    warmup = spec.warmup
    return (
        _templates()
        .get_template(f"schedules/{name}.py.j2")
        .render(
            schedule=spec.schedule,
            counts=f"{spec.schedule.per}s",
            clock="updates" if by_update(spec) else f"{spec.schedule.per}s",
            phases=phases_of(spec),
            factors=getattr(spec.schedule, "schedules", ()),
            alone=alone(spec),
            rise=warmup,
            before=warmup is not None and warmup.counted == "before" and not by_update(spec),
            counts_up=spec.schedule.name in _COUNTS_UP,
        )
    )


def _patterns(spec: Spec) -> list[str]:
    """The script's constants that hold patterns, as source text."""
    found = []
    decay = decay_of(spec)
    if decay and decay.exclude_patterns:
        found.append("NO_DECAY_PATTERNS")
    if decay and any(rule.pattern is not None for rule in decay.values):
        found.append("DECAY_PATTERNS")
    if spec.lr_multipliers:
        found.append("[*LR_MULTIPLIERS]")
    if spec.own_betas:
        found.append("[*filter(None, BETAS)]")
    if spec.layer_decay and spec.layer_decay.below:
        found.append("BELOW")
    if spec.layer_decay and spec.layer_decay.above:
        found.append("ABOVE")
    if spec.freeze:
        found.append("FROZEN")
    return found
