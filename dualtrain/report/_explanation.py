"""An explanation in plain words, and as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel

from dualtrain.explain import Explanation, Span, whole_numbers
from dualtrain.plan import Plan
from dualtrain.spec import EarlyStopping, Every, LossScale, Measured, Spec
from dualtrain.tasks import Task

__all__ = ["explanation_as_dict", "explanation_lines"]


def explanation_as_dict(explanation: Explanation) -> dict[str, Any]:
    """The numbers, the phases of the rate, the concerns."""
    numbers = whole_numbers(explanation.plan, counted=explanation.counted)
    return {
        **numbers,
        "spans": [asdict(span) for span in explanation.spans],
        "concerns": [asdict(concern) for concern in explanation.concerns],
    }


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """One subject a paragraph; no line is wrapped."""
    plan, spec = explanation.plan, explanation.plan.spec
    yield "Updates"
    yield from _indented(_updates(plan, explanation.counted))
    yield "Learning rate"
    yield from _indented(_rate(plan, explanation.spans))
    yield "Each update"
    yield from _indented(_each_update(spec))
    yield "Parameters"
    yield from _indented(_parameters(spec))
    yield "Around it"
    yield from _indented(_around(spec))
    yield from _concerns(explanation)


def _indented(lines: Iterator[str]) -> Iterator[str]:
    yield from (f"  {line}" for line in lines)


def _updates(plan: Plan, counted: bool) -> Iterator[str]:
    spec, total = plan.spec, plan.total_updates
    batch = spec.batch
    if spec.duration.epochs is not None:
        epochs = _epochs(spec.duration.epochs)
        yield f"T = {total}: {epochs} of {_count(plan.updates_per_epoch, 'update')}."
    else:
        yield f"T = {total}, however many epochs that takes."
    if counted:
        yield f"An epoch has {_count(plan.micro_batches_per_epoch, 'micro-batch', 'es')}."
    if batch.size is not None:
        yield f"A micro-batch has {_count(batch.size, 'sample')}, over all processes."
    if batch.accumulate == 1:
        yield "Each micro-batch is an update."
        return
    yield f"{batch.accumulate} micro-batches make an update. {_NORMALISE[batch.normalise]}"
    if counted:
        yield _tail(plan)


_NORMALISE = {
    "micro_mean": "Its loss is the mean of their mean losses.",
    "token_mean": "Its loss is the sum of all their losses over the number of counted targets.",
    "sum": "Its loss is the sum of their mean losses, not divided.",
}


def _epochs(number: float) -> str:
    return _count(number, "epoch") if isinstance(number, int) else f"{number:g} epochs"


def _tail(plan: Plan) -> str:
    rest = plan.micro_batches_per_epoch % plan.spec.batch.accumulate
    if not rest:
        return "An epoch fills all its updates."
    if plan.spec.batch.tail == "drop":
        if rest == 1:
            return "The last micro-batch of each epoch is left out."
        return f"The last {rest} micro-batches of each epoch are left out."
    if plan.spec.batch.tail == "leak":
        size = _count(rest + plan.spec.batch.accumulate, "micro-batch", "es")
        return f"The first update of an epoch has {size}, {rest} of them left by the one before."
    size = _count(rest, "micro-batch", "es")
    divided = "" if plan.spec.batch.normalise == "sum" else ", as its divisor"
    return f"The last update of an epoch has {size}{divided}."


def _rate(plan: Plan, spans: tuple[Span, ...]) -> Iterator[str]:
    spec = plan.spec
    yield f"Schedule {_fields(spec.schedule)}; base rate {spec.optimizer.lr:g}."
    if spec.schedule.per == "epoch":
        yield f"It counts epochs: a rate holds for {_count(plan.updates_per_epoch, 'update')}."
    if spec.warmup is None:
        yield "No warmup: W = 0."
    else:
        yield f"Warmup: W = {plan.warmup_updates} ({_fields(spec.warmup)})."
    if spec.shift:
        ahead = "ahead" if spec.shift > 0 else "behind"
        yield f"Its clock is {_count(abs(spec.shift), spec.schedule.per)} {ahead}."
    if spec.schedule.ends:
        yield f"The schedule ends at H = {plan.horizon}."
    else:
        yield "The schedule does not end at the horizon."
    if not spans:
        yield "It follows the metrics that training reports: no plan knows its rates."
        return
    begins = [f"t = {span.begin}" for span in spans]
    width, what_width = max(map(len, begins)), max(len(span.what) for span in spans)
    for begin, span in zip(begins, spans, strict=True):
        rates = f"{span.first_lr:.6g}"
        if span.end > span.begin + 1:
            rates += f" to {span.last_lr:.6g} at t = {span.end - 1}"
        yield f"{begin:<{width}}  {span.what:<{what_width}}  {rates}"
    if spans[-1].end < plan.total_updates:
        yield "and so on"
    momentum = plan.momentum_curve()
    if momentum is not None:
        low, last = int(momentum.argmin()), len(momentum) - 1
        told = (f"{float(momentum[t]):.6g} at t = {t}" for t in (0, low, last))
        yield "Momentum: {}, lowest {}, {}.".format(*told)


def _each_update(spec: Spec) -> Iterator[str]:
    yield f"Optimizer {_fields(spec.optimizer)}."
    yield f"Loss: {_loss(spec)}."
    if spec.clip is None:
        yield "Gradients are not clipped."
    else:
        yield f"Gradients are clipped: {_fields(spec.clip)}."
    if spec.task is None or spec.task.has_batch_norm or "batch_norm" in spec.model_fields_set:
        yield f"Running variances of batch norms, if there are any: {_VARIANCE[spec.batch_norm]}."
    if spec.ema is not None:
        yield f"Then the averages that evaluation takes: {_fields(spec.ema)}."
    if spec.amp is None:
        yield "float32 throughout."
        return
    yield f"Mixed precision: {_fields(spec.amp)}."
    if spec.amp.dtype == "float16" and spec.amp.loss_scale is None:
        yield f"Loss scale: {_fields(LossScale())}."


def _loss(spec: Spec) -> str:
    own = None if spec.task is None else spec.task.own_loss(spec.folder)
    if own is not None:
        return own.name
    return "cross-entropy, or your own" if spec.loss is None else _fields(spec.loss)


_VARIANCE = {
    "paddle": "by Paddle's rule, that of a channel's n elements, in torch too",
    "torch": "by torch's rule, n / (n - 1) times that of a channel's n elements, in Paddle too",
}


def _parameters(spec: Spec) -> Iterator[str]:
    decay = spec.weight_decay
    yield "Nothing decays." if decay is None else f"Weight decay {_fields(decay)}."
    for multiplier in spec.lr_multipliers:
        times = multiplier.over(spec.optimizer.lr)
        own = "" if multiplier.lr is None else f", base rate {multiplier.lr:g},"
        yield f"Rate x {times:g}{own} for {multiplier.pattern}."
    for part in spec.own_betas:
        b1, b2 = part.betas
        yield f"Betas {b1:g} and {b2:g} for {part.pattern}."
    if spec.layer_decay is not None:
        yield f"Rate x {spec.layer_decay.rate:g} for each layer above a parameter."
        for side in ("below", "above"):
            named = getattr(spec.layer_decay, side)
            if named:
                yield f"Counted as {side} the layers: {', '.join(named)}."
    yield "Nothing is frozen." if spec.freeze is None else f"Frozen: {_fields(spec.freeze)}."


def _around(spec: Spec) -> Iterator[str]:
    yield f"Seed {spec.seed}; device {spec.device}."
    if spec.task is not None:
        yield f"Task {spec.task.name}: {spec.task.train}; model {_model(spec.task)}."
    if spec.evaluation is not None:
        yield f"Evaluated each {_every(spec.evaluation.every)}, and at the end."
    if spec.early_stopping is not None:
        yield f"Ends early by {_measured(spec.early_stopping)}."
    if spec.best is not None:
        yield f"Keeps the best weights by {_measured(spec.best)}."
    if spec.duration.time_limit is not None:
        yield f"Ends after {spec.duration.time_limit:g} s at the latest, wherever it is then."
    if "checkpoint" in spec.model_fields_set:
        checkpoint = spec.checkpoint
        told = f"Where it is given a folder: a checkpoint each {_every(checkpoint.every)}"
        yield f"{told}; the latest {checkpoint.keep} stay."


def _every(every: Every) -> str:
    """As in `each 5 updates`, `each epoch`."""
    count, unit = (every.updates, "update") if every.epochs is None else (every.epochs, "epoch")
    assert count is not None, "one of the two is given"
    return unit if count == 1 else _count(count, unit)


def _measured(measured: Measured) -> str:
    better = "lower" if measured.better == "min" else "higher"
    told = f"{measured.metric}, {better} is better"
    if isinstance(measured, EarlyStopping):
        told += f": no better in {_count(measured.patience, 'evaluation')}"
        told += f" by more than {measured.threshold:g}" if measured.threshold else ""
    return told


def _model(task: Task) -> str:
    model = getattr(task, "model", None)
    return "of your own" if model is None else _fields(model)


def _concerns(explanation: Explanation) -> Iterator[str]:
    for concern in explanation.concerns:
        yield ""
        yield f"{concern.level}: {concern.rule} ({concern.where})"
        yield f"  {concern.found}."
        yield f"  Why it matters: {concern.reason}."


def _fields(part: BaseModel) -> str:
    """A part's name and its fields that say something, as the spec names them."""
    known = type(part).model_fields
    told = {name: getattr(part, name) for name in known}
    name = told.pop("name", None)
    if told.get("per") == "update":
        del told["per"]
    if told.get("rule") == "paddle":
        del told["rule"]
    listed = [
        f"{key} {_shown(value)}"
        for key, value in told.items()
        if known[key].is_required() or _says_something(value)
    ]
    if name is None:
        return ", ".join(listed)
    return f"{name} ({', '.join(listed)})" if listed else str(name)


def _says_something(value: object) -> bool:
    return value is not None and value is not False and value != ()


def _shown(value: object) -> str:
    match value:
        case BaseModel():
            return f"({_fields(value)})"
        case tuple():
            return f"[{', '.join(map(_shown, value))}]"
        case float():
            return f"{value:g}"
        case _:
            return str(value).lower() if isinstance(value, bool) else str(value)


def _count(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}{'' if number == 1 else plural}"
