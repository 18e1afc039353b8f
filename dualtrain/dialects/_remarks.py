"""What a library does differently besides T, W and the curve: rules over a spec and a dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dualtrain.dialects._dialect import Dialect
from dualtrain.dialects._read import Reading, warmup_fields
from dualtrain.plan import Plan
from dualtrain.spec import LossScale, Spec

__all__ = ["remarks"]


def remarks(plan: Plan, reading: Reading) -> tuple[str, ...]:
    """One sentence for each rule in which the library and the spec part."""
    dialect, spec = reading.dialect, plan.spec
    return tuple(
        [
            *_leftovers(plan, reading),
            *_horizon(plan, dialect),
            *(text for rule in _RULES for text in rule(spec, dialect)),
        ]
    )


def _leftovers(plan: Plan, reading: Reading) -> Iterator[str]:
    asked, rule = plan.spec.batch.accumulate, reading.dialect.leftovers
    if rule is None or reading.plan is None:
        return
    used = reading.plan.spec.batch.accumulate
    if used != asked:
        yield f"accumulate becomes {used}: an epoch has no more micro-batches"
    if reading.leak:
        yield (
            f"has {reading.leak} left over of each epoch's micro-batches: they leak into the first "
            f"update of the next, which then has {used + reading.leak} and is divided by {used} "
            "all the same; those of the last epoch are never used"
        )


def _horizon(plan: Plan, dialect: Dialect) -> Iterator[str]:
    if plan.spec.horizon is not None and dialect.horizon.value == "last update":
        yield f"has no horizon: its schedules end with the run, not at t = {plan.horizon}"


def _schedule(spec: Spec, dialect: Dialect) -> Iterator[str]:
    native = dialect.schedules.get(spec.schedule.name)
    for name, value in () if native is None else native.fixed.items():
        asked = getattr(spec.schedule, name)
        if asked is not None and asked != value:
            yield f"has no schedule.{name}, and drops {asked!r} without a word"


def _warmup(spec: Spec, dialect: Dialect) -> Iterator[str]:
    native = dialect.schedules.get(spec.schedule.name)
    if native is None or spec.warmup is None:
        return
    lr = spec.optimizer.lr
    for name, value in warmup_fields(native, vars(spec.schedule), spec.warmup, lr).items():
        asked = getattr(spec.warmup, name)
        if asked != value:
            shown = f"{value:g}" if isinstance(value, float) else repr(value)
            yield f"has warmup.{name} {shown}, always; {asked!r} cannot be said"


def _shift(spec: Spec, dialect: Dialect) -> Iterator[str]:
    if spec.shift:
        yield "steps its schedule after each update: no shift"


def _token_mean(spec: Spec, dialect: Dialect) -> Iterator[str]:
    if dialect.token_mean is None:
        return
    match spec.batch.normalise, dialect.token_mean.value:
        case "token_mean", "never":
            yield "has no token_mean: it takes the mean of the micro-batches' means"
        case "token_mean", "causal":
            yield "takes token_mean for causal language models only"
        case "token_mean", _:
            yield (
                "takes token_mean for causal language models only, and counts the targets before "
                "the shift, so the first label of each sequence too"
            )
        case "sum", _ if spec.batch.accumulate > 1:
            yield "divides the loss by the number of micro-batches"
        case "micro_mean", "causal" | "causal, counted before the shift":
            if spec.batch.accumulate > 1:
                yield "takes token_mean for causal language models, whatever is asked"


def _clip(spec: Spec, dialect: Dialect) -> Iterator[str]:
    default, epsilon = dialect.clip_default, dialect.clip_epsilon.value
    if spec.clip is None:
        if default is not None:
            yield f"clips by global norm {default.value:g} unless max_grad_norm is 0"
    elif spec.clip.global_norm is None:
        if default is not None:
            yield "clips by the global norm only"
    elif epsilon != spec.clip.added:
        yield f"clips by {_clip_rule(epsilon)}, not by {_clip_rule(spec.clip.added)}"


def _clip_rule(added: float) -> str:
    return f"c / (norm + {added:g})" if added else "c / max(norm, c)"


def _loss_scale(spec: Spec, dialect: Dialect) -> Iterator[str]:
    if spec.amp is None or spec.amp.dtype != "float16":
        return
    asked, value = (spec.amp.loss_scale or LossScale()).init, dialect.loss_scale_init.value
    if asked != value:
        yield f"starts with a loss scale of {value:g} if none is given, the spec with {asked:g}"


def _on_skip(spec: Spec, dialect: Dialect) -> Iterator[str]:
    amp = spec.amp  # with bfloat16 nothing is skipped
    advances = amp is not None and amp.dtype == "float16" and amp.on_skip == "advance"
    if advances and dialect.on_skip is not None:
        yield "holds the schedule at a skipped update, where the spec advances it"


def _decay(spec: Spec, dialect: Dialect) -> Iterator[str]:
    if spec.weight_decay is not None and dialect.undecayed is not None:
        yield f"does not decay {dialect.undecayed.value}"


def _optimizer(spec: Spec, dialect: Dialect) -> Iterator[str]:
    if dialect.optimizers is not None and spec.optimizer.name not in dialect.optimizers.value:
        yield f"cannot make the optimizer {spec.optimizer.name!r} with the spec's numbers"


def _lacks(spec: Spec, dialect: Dialect) -> Iterator[str]:
    for name in () if dialect.lacks is None else dialect.lacks.value:
        part: Any = spec
        for step in name.split("."):
            part = getattr(part, step, None)
        if part:
            yield f"has no argument for {name}"


def _labels(spec: Spec, dialect: Dialect) -> Iterator[str]:
    if spec.loss is not None and spec.loss.shift_labels and dialect.labels.value == "data":
        yield "does not shift labels: its causal models want them shifted in the data"


def _logged(spec: Spec, dialect: Dialect) -> Iterator[str]:
    if dialect.logged_lr is not None and dialect.logged_lr.value == "next":
        yield "logs the next update's rate, not the one used, rounded to four digits"


_RULES: tuple[Callable[[Spec, Dialect], Iterator[str]], ...] = (
    _optimizer,
    _lacks,
    _labels,
    _schedule,
    _warmup,
    _shift,
    _token_mean,
    _clip,
    _loss_scale,
    _on_skip,
    _decay,
    _logged,
)
