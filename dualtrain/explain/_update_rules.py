"""What may not be meant about micro-batches, averages, mixed precision and dropout."""

from __future__ import annotations

from dualtrain.explain._concern import AdviceRules
from dualtrain.plan import Plan, start_left

__all__ = ["UPDATE_RULES"]

UPDATE_RULES = AdviceRules()
"""In the order in which they are told."""


def _rest(plan: Plan) -> int:
    """Micro-batches of the last, short group of an epoch; 0 if it is as long as the others."""
    return plan.micro_batches_per_epoch % plan.spec.batch.accumulate


def _skips(plan: Plan) -> bool:
    """Whether an update may be skipped: with float16, which alone scales the loss."""
    return plan.spec.amp is not None and plan.spec.amp.dtype == "float16"


@UPDATE_RULES.warning("batch.tail", "which ones changes with the order of each epoch")
def _tail_is_dropped(plan: Plan) -> str | None:
    batch, rest = plan.spec.batch, _rest(plan)
    if not rest or batch.tail != "drop":
        return None
    return f"{rest} of {plan.micro_batches_per_epoch} micro-batches of each epoch are not used"


@UPDATE_RULES.warning(
    "batch.tail",
    "gradients that nothing cleared: write flush, unless an old run is to be made again",
)
def _tail_leaks(plan: Plan) -> str | None:
    batch, rest = plan.spec.batch, _rest(plan)
    if not rest or batch.tail != "leak" or plan.total_updates <= plan.updates_per_epoch:
        return None
    found = (
        f"the first update of each epoch has {batch.accumulate + rest} micro-batches, {rest} of "
        "them from the end of the one before"
    )
    if batch.normalise == "sum":
        return found
    return f"{found}, and all are divided by {batch.accumulate}"


@UPDATE_RULES.warning(
    "batch.normalise",
    "loops that forget to divide the loss do this: micro_mean is the mean; Adam's own step does "
    "not see the difference, but the clip, coupled decay and SGD do",
)
def _losses_are_summed(plan: Plan) -> str | None:
    batch = plan.spec.batch
    if batch.normalise != "sum" or batch.accumulate == 1:
        return None
    return f"gradients are up to {batch.accumulate} times as large as those of the mean"


@UPDATE_RULES.warning("batch.accumulate", "every update is a short group, divided by its real size")
def _group_is_the_epoch(plan: Plan) -> str | None:
    count, accumulate = plan.micro_batches_per_epoch, plan.spec.batch.accumulate
    if count >= accumulate:
        return None
    return f"accumulate {accumulate}, and an epoch has {count} micro-batches"


@UPDATE_RULES.warning(
    "ema.decay", "they are what is evaluated; a smaller decay, or ema.warmup, forgets sooner"
)
def _averages_are_young(plan: Plan) -> str | None:
    """The first weights' share of the averages is the product of all d; d^T without warm-up."""
    ema = plan.spec.ema
    if ema is None or ema.start not in ("initial", "first"):
        return None
    later = int(ema.start == "first")
    share = start_left(ema, plan.total_updates) / (start_left(ema, later) or 1.0)
    if share <= 0.1:
        return None
    whose = "the first update's" if later else "initial"
    return f"after {plan.total_updates} updates the averages are {share:.0%} {whose} weights"


@UPDATE_RULES.warning(
    "ema.start",
    "start: debiased divides by what is missing; initial and first have nothing to miss",
)
def _averages_are_too_small(plan: Plan) -> str | None:
    ema = plan.spec.ema
    if ema is None or ema.start != "zero":
        return None
    share = start_left(ema, plan.total_updates)
    if share <= 0.001:
        return None
    return f"after {plan.total_updates} updates the averages are {share:.1%} too small"


@UPDATE_RULES.warning(
    "amp", "Paddle's auto_cast does nothing on the CPU, so its backend refuses the spec there"
)
def _amp_on_the_cpu(plan: Plan) -> str | None:
    spec = plan.spec
    return f"amp.dtype {spec.amp.dtype} on cpu" if spec.amp and spec.device == "cpu" else None


@UPDATE_RULES.note(
    "batch.tail",
    "it is an update of its own, divided by its real size, as in Hugging Face's "
    "Trainer; PaddleNLP's leaks it into the next epoch",
)
def _tail_is_short(plan: Plan) -> str | None:
    batch, rest = plan.spec.batch, _rest(plan)
    if not rest or batch.tail != "flush" or plan.updates_per_epoch == 1:
        return None
    how = f"the last update of each epoch has {rest} of {batch.accumulate} micro-batches"
    if batch.normalise != "micro_mean":
        return how
    return f"{how}: each counts {batch.accumulate / rest:.3g} times as much as the others"


@UPDATE_RULES.warning(
    "clip.rule",
    "torch's 1e-6 is there against 0 / 0 and not meant to shrink anything: write paddle, whose "
    "rule needs none, or a limit above 1e-4",
)
def _clip_shrinks_more(plan: Plan) -> str | None:
    clip = plan.spec.clip
    limit = None if clip is None else clip.global_norm or clip.norm
    if clip is None or limit is None or clip.added < 0.01 * limit:
        return None
    share = clip.added / (limit + clip.added)
    return f"at the limit {limit:g} gradients are {share:.2g} smaller than it says"


@UPDATE_RULES.note("amp.on_skip", "the Trainers of PaddleNLP and Hugging Face hold it")
def _rate_moves_on_skips(plan: Plan) -> str | None:
    amp = plan.spec.amp
    advances = _skips(plan) and amp is not None and amp.on_skip == "advance"
    return "a skipped update moves the rate" if advances else None


@UPDATE_RULES.note(
    "amp.on_skip",
    "as in the Trainers of PaddleNLP and Hugging Face; loops that step their schedule "
    "after every batch advance it",
)
def _rate_holds_on_skips(plan: Plan) -> str | None:
    if not (_skips(plan) and plan.holds_on_skip):
        return None
    return (
        "a skipped update leaves the rate where it is: after k of them the last update has the "
        f"rate of t = {plan.total_updates - 1} - k"
    )


@UPDATE_RULES.note(
    "amp.on_skip",
    "as in native loops, which step such a schedule at the end of each epoch, whatever "
    "the scaler skipped",
)
def _epochs_move_on_skips(plan: Plan) -> str | None:
    amp = plan.spec.amp
    if not _skips(plan) or plan.holds_on_skip or amp is None or amp.on_skip == "advance":
        return None
    return "the schedule goes by epochs: a skipped update counts for it as any other"


@UPDATE_RULES.note(
    "task.model.dropout",
    "masks cannot match across frameworks: `parity` sets it to 0, `train` keeps it",
)
def _dropout_in_training(plan: Plan) -> str | None:
    return None if plan.spec.task is None else plan.spec.task.randomness()
