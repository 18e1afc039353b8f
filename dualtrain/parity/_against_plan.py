"""A trace beside a plan: whether the run did what its spec says, without a second run.

A plan says the rate of every update, the size of every group, the norm after clipping, and with a
model's ledger what is in effect for each parameter. So it is read as the trace that this run would
have left had it followed the plan, and the stages that a plan decides are compared as between runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dualtrain.errors import TraceError
from dualtrain.parity import _before as before
from dualtrain.parity import _during as during
from dualtrain.parity import _finite as finite
from dualtrain.parity import _stages as stages
from dualtrain.parity._completeness import missing
from dualtrain.parity._finding import Comparison, Measure
from dualtrain.parity._first import deciding, starts_alike
from dualtrain.parity._spec import spec
from dualtrain.parity._stages import STAGES, Stage, make_finding
from dualtrain.plan import Plan, Scaling
from dualtrain.spec import Clip
from dualtrain.trace import (
    DONE,
    Decision,
    ParameterFacts,
    PlanFacts,
    Trace,
    Update,
    begins_epoch,
    leaves_epochs,
    sizes_of_groups,
)

__all__ = ["compare_with_plan"]


def compare_with_plan(trace: Trace, plan: Plan | None = None) -> Comparison:
    """Compare a run with what a plan says of it: sizes, decay, rates, groups, clip, loss scale.

    plan: when absent that of the spec in the trace, resolved anew. Only then the decay is compared:
    a spec decides it for a model, by a ledger that the trace has and another plan has not. What
    another plan says of all else, such as the optimizer, is held against the spec in the trace.
    A run that was not done, made no update, left the finite numbers or lacks what a run with a plan
    records is no proof of what it would have done.

    Raises `TraceError` for a trace that has no plan if none is given.
    """
    own = trace.header.plan
    if plan is not None:
        facts = PlanFacts.of(plan)
    elif own is not None:
        plan = own.resolved()
        facts = PlanFacts.of(plan, own.decisions)
    else:
        raise TraceError(
            "a trace without a plan of its own is compared with the plan of a spec. Received: none"
        )
    b = _followed(trace, plan, facts)
    measures = dict(_measured(trace, b, plan))
    for stage, absent in missing(trace, trace, ()):
        measures[stage] = [*measures.get(stage, ()), absent]
    specs = (trace.header.spec, facts.spec)
    findings = {
        stage: make_finding(stage, measures[stage], specs)
        for stage in STAGES
        if measures.get(stage)
    }
    return Comparison(
        a=trace,
        b=b,
        findings=tuple(findings.values()),
        first=deciding(findings),
        starts_alike=starts_alike(findings),
        not_compared=tuple(
            f"{stage.name} ({why if trace.updates or stage is stages.DECAY else _NO_UPDATE})"
            for stage, why in _WITHOUT.items()
            if stage not in findings
        ),
        weights=None,
        averages=None,
        with_plan=True,
        names=(trace.header.backend, "the plan"),
    )


_WITHOUT = {
    stages.DECAY: "without the model's ledger a plan does not say it",
    stages.LEARNING_RATE: "metrics decide it in training",
    stages.ACCUMULATION: "the trace does not record it",
    stages.CLIP: "not recorded, or not to be told from the norm",
    stages.LOSS_SCALE: "AMP is off on both sides",
}
"""Why a stage that a plan decides has nothing to compare."""

_NO_UPDATE = "no update is recorded"


def _measured(trace: Trace, b: Trace, plan: Plan) -> Iterator[tuple[Stage, list[Measure]]]:
    yield stages.PLAN, _sizes(trace, b, plan)
    if b.header.decisions:
        yield stages.DECAY, before.decay(trace, b)
    if not plan.spec.schedule.needs_metric:
        yield stages.LEARNING_RATE, during.learning_rate(trace, b)
    yield stages.ACCUMULATION, list(_groups(trace, plan))
    if plan.spec.clip is None or plan.spec.clip.global_norm is not None:
        yield stages.CLIP, during.clip(trace, b)
    yield stages.LOSS_SCALE, during.loss_scale(trace, b)
    yield stages.MADE, during.updates_made(trace)
    yield stages.NUMBERS, finite.in_training(trace)
    yield stages.END, during.end(trace)
    if trace.header.plan is not None and b.header.plan != trace.header.plan:
        yield stages.SPEC, spec(trace, b)


def _sizes(trace: Trace, b: Trace, plan: Plan) -> list[Measure]:
    """The sizes of a trace's own plan, and the updates made: all of them, if the run was done.

    A loop of one's own that leaves epochs early makes fewer, and is done.
    """
    made, total = len(trace.updates), plan.total_updates
    short = max(0, total - made) if trace.outcome == DONE and not leaves_epochs(trace) else 0
    text = f"updates recorded {made} against {total}"
    recorded = Measure(max(short, made - total), "absolute", detail=text)
    return [*before.sizes(trace, b), recorded]


def _groups(trace: Trace, plan: Plan) -> Iterator[Measure]:
    """The number of micro-batches of each update."""
    own_loop = trace.header.plan is not None and not any(u.batches for u in trace.updates)
    allowed = sizes_of_groups(plan) if own_loop else set()
    for update, (_, group) in zip(trace.updates, plan.updates(), strict=False):
        size = len(update.micro_losses or update.batches)
        if size:
            text = f"{during.at(update)}: {size} micro-batches against {len(group)}"
            apart = 0 if size in allowed else abs(size - len(group))
            yield Measure(apart, "absolute", detail=text, update=update.attempt)


def _followed(trace: Trace, plan: Plan, facts: PlanFacts) -> Trace:
    """The trace that the run would have left had it followed the plan."""
    header, decided = trace.header, {decision.name: decision for decision in facts.decisions}
    parameters = tuple(_decided(p, decided.get(p.name)) for p in header.parameters)
    header = replace(header, parameters=parameters, plan=facts)
    return Trace(header, tuple(_updates(trace, plan)), end=trace.end)


def _decided(parameter: ParameterFacts, decision: Decision | None) -> ParameterFacts:
    """The parameter as it would be in effect; one that the model itself holds still stays so."""
    if decision is None:
        return parameter
    trains = parameter.trainable and not decision.frozen
    return replace(
        parameter,
        trainable=trains,
        effective_decay=decision.decay if trains else None,
        effective_lr_multiplier=decision.lr_multiplier if trains else None,
    )


def _updates(trace: Trace, plan: Plan) -> Iterator[Update]:
    """The recorded updates with what the plan says of each; which overflow it cannot say, but that
    none is skipped without a loss scale."""
    t, scaling = 0, Scaling.of(plan.spec.amp)
    for update in trace.updates:
        if begins_epoch(update, t, plan):
            t = update.t
        yield replace(
            update,
            t=t,
            lr=update.lr if plan.spec.schedule.needs_metric else plan.lr_at(t),
            momentum=plan.momentum_at(t),
            clipped_norm=_clipped(update, plan.spec.clip, told=trace.header.plan is not None),
            loss_scale=None if scaling is None else scaling.scale,
            skipped=update.skipped and scaling is not None,
        )
        if scaling is not None:
            scaling = scaling.after(finite=not update.skipped)
        t += not (update.skipped and plan.holds_on_skip)


def _clipped(update: Update, clip: Clip | None, *, told: bool) -> float | None:
    """The norm after clipping; as recorded where the norm before it does not tell.

    told: whether a norm after clipping that is not recorded tells of a run that did not clip.
    """
    norm, clipped = update.grad_norm, update.clipped_norm
    if norm is None or (clipped is None and (clip is None or not told)):
        return clipped
    if clip is None:
        return norm
    if clip.global_norm is None:
        return clipped
    return norm * clip.global_norm / max(norm + clip.added, clip.global_norm)
