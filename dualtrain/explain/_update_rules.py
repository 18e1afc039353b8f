"""What may not be meant about micro-batches, averages, mixed precision and dropout."""

from __future__ import annotations

from dualtrain.explain._concern import AdviceRule
from dualtrain.plan import Plan

__all__ = ["UPDATE_RULES"]


def _rest(plan: Plan) -> int:
    """Micro-batches of the last, short group of an epoch; 0 if it is as long as the others."""
    return plan.micro_batches_per_epoch % plan.spec.batch.accumulate


def _tail_is_short(plan: Plan) -> str | None:
    batch, rest = plan.spec.batch, _rest(plan)
    if not rest or batch.tail != "flush" or plan.updates_per_epoch == 1:
        return None
    how = f"the last update of each epoch has {rest} of {batch.accumulate} micro-batches"
    if batch.normalise == "token_mean":
        return how
    return f"{how}: each counts {batch.accumulate / rest:.3g} times as much as the others"


def _tail_is_dropped(plan: Plan) -> str | None:
    batch, rest = plan.spec.batch, _rest(plan)
    if not rest or batch.tail != "drop":
        return None
    return f"{rest} of {plan.micro_batches_per_epoch} micro-batches of each epoch are not used"


def _group_is_the_epoch(plan: Plan) -> str | None:
    count, accumulate = plan.micro_batches_per_epoch, plan.spec.batch.accumulate
    if count >= accumulate:
        return None
    return f"accumulate {accumulate}, and an epoch has {count} micro-batches"


def _averages_are_young(plan: Plan) -> str | None:
    """The first weights' share of the averages is the product of all d; d^T without warm-up."""
    ema = plan.spec.ema
    if ema is None or ema.warmup:
        return None
    share = ema.decay**plan.total_updates
    if share <= 0.1:
        return None
    return f"after {plan.total_updates} updates the averages are {share:.0%} initial weights"


def _amp_on_the_cpu(plan: Plan) -> str | None:
    spec = plan.spec
    return f"amp.dtype {spec.amp.dtype} on cpu" if spec.amp and spec.device == "cpu" else None


def _skips(plan: Plan) -> bool:
    """Whether an update may be skipped: with float16, which alone scales the loss."""
    return plan.spec.amp is not None and plan.spec.amp.dtype == "float16"


def _rate_moves_on_skips(plan: Plan) -> str | None:
    amp = plan.spec.amp
    advances = _skips(plan) and amp is not None and amp.on_skip == "advance"
    return "a skipped update moves the rate" if advances else None


def _rate_holds_on_skips(plan: Plan) -> str | None:
    if not (_skips(plan) and plan.holds_on_skip):
        return None
    return (
        "a skipped update leaves the rate where it is: after k of them the last update has the "
        f"rate of t = {plan.total_updates - 1} - k"
    )


def _epochs_move_on_skips(plan: Plan) -> str | None:
    amp = plan.spec.amp
    if not _skips(plan) or plan.holds_on_skip or amp is None or amp.on_skip == "advance":
        return None
    return "the schedule goes by epochs: a skipped update counts for it as any other"


def _dropout(plan: Plan) -> str | None:
    return None if plan.spec.task is None else plan.spec.task.randomness()


UPDATE_RULES = (
    AdviceRule(
        name="tail-is-dropped",
        level="warning",
        where="batch.tail",
        reason="which ones changes with the order of each epoch",
        finds=_tail_is_dropped,
    ),
    AdviceRule(
        name="group-is-the-epoch",
        level="warning",
        where="batch.accumulate",
        reason="every update is a short group, divided by its real size",
        finds=_group_is_the_epoch,
    ),
    AdviceRule(
        name="averages-are-young",
        level="warning",
        where="ema.decay",
        reason="they are what is evaluated; a smaller decay, or ema.warmup, forgets sooner",
        finds=_averages_are_young,
    ),
    AdviceRule(
        name="amp-on-the-cpu",
        level="warning",
        where="amp",
        reason="Paddle's auto_cast does nothing on the CPU, so its backend refuses the spec there",
        finds=_amp_on_the_cpu,
    ),
    AdviceRule(
        name="tail-is-short",
        level="note",
        where="batch.tail",
        reason="it is an update of its own, divided by its real size, as in Hugging Face's "
        "Trainer; PaddleNLP's leaks it into the next epoch",
        finds=_tail_is_short,
    ),
    AdviceRule(
        name="rate-moves-on-skips",
        level="note",
        where="amp.on_skip",
        reason="the Trainers of PaddleNLP and Hugging Face hold it",
        finds=_rate_moves_on_skips,
    ),
    AdviceRule(
        name="rate-holds-on-skips",
        level="note",
        where="amp.on_skip",
        reason="as in the Trainers of PaddleNLP and Hugging Face; loops that step their schedule "
        "after every batch advance it",
        finds=_rate_holds_on_skips,
    ),
    AdviceRule(
        name="epochs-move-on-skips",
        level="note",
        where="amp.on_skip",
        reason="as in native loops, which step such a schedule at the end of each epoch, whatever "
        "the scaler skipped",
        finds=_epochs_move_on_skips,
    ),
    AdviceRule(
        name="dropout-in-training",
        level="note",
        where="task.model.dropout",
        reason="masks cannot match across frameworks: `parity` sets it to 0, `train` keeps it",
        finds=_dropout,
    ),
)
"""In the order in which they are told."""
