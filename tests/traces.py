"""Synthetic runs for tests: two traces that agree, and the means to make them differ."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from dualtrain.parity import WeightSet
from dualtrain.plan import Plan, Scaling
from dualtrain.trace import (
    Computation,
    Decision,
    End,
    Evaluation,
    Header,
    ParameterFacts,
    PlanFacts,
    Trace,
    TraceWriter,
    Update,
    weight_digest,
    weights_digest,
)
from tests.builders import spec_of

__all__ = [
    "make_spec",
    "make_trace",
    "make_weights",
    "weight_set",
    "with_decision",
    "with_losses",
    "with_parameter",
    "with_update",
    "without_plan",
    "write_run",
    "write_trace",
]


make_spec = partial(
    spec_of,
    schedule={"name": "linear"},
    warmup={"proportion": 0.5},
    duration={"epochs": 2},
    batch={"accumulate": 2},
    weight_decay={"value": 0.01, "exclude": ["bias"]},
    clip={"global_norm": 1.0},
)
"""Linear, T = 6, W = 3; five micro-batches and three updates an epoch, the third a tail."""

MOST = 1000
"""Updates that a made trace of a longer plan has."""


def make_trace(backend: str = "torch", **spec: Any) -> Trace:
    """A whole run; `spec` changes its spec's top-level fields."""
    plan = Plan.of(make_spec(**spec), micro_batches_per_epoch=5)
    amp, scaling = plan.spec.amp, Scaling.of(plan.spec.amp)
    rules = {"dense.bias": (("bias", "one_dimensional"), 0.0), "dense.weight": ((), 0.01)}
    header = Header(
        backend=backend,
        versions={backend: "3.3.1"},
        device="cpu",
        computation=Computation(
            dtype=amp.dtype if amp else "float32",
            level=amp.level if amp else None,
            masters=amp is not None and amp.level == "O2",
        ),
        parameters=tuple(_parameter(name, decay) for name, (_, decay) in rules.items()),
        initial_digest={"dense.bias": "00000001", "dense.weight": "00000002"},
        probe=((0.25, -0.5), (1.5, 2.0)),
        data_digest="000000aa",
        notes=("dropout is 0: masks cannot match across frameworks",),
        plan=PlanFacts.of(plan, [_decision(name, *rule) for name, rule in rules.items()]),
    )
    updates = tuple(
        _update(
            t,
            plan.lr_at(t),
            [f"{epoch}{i:07x}" for i in group],
            None if scaling is None else scaling.scale,
        )
        for t, (epoch, group) in enumerate(islice(plan.updates(), MOST))
    )
    evaluation = Evaluation(t=plan.total_updates, examples=80, loss=0.5, correct=61)
    return Trace(header, updates, (evaluation,), End(reason="done"))


def _parameter(name: str, decay: float) -> ParameterFacts:
    return ParameterFacts(
        name=name,
        native=name,
        structured=name,
        shape=(4, 4) if decay else (4,),
        dtype="float32",
        trainable=True,
        effective_decay=decay,
        effective_lr_multiplier=1.0,
    )


def _decision(name: str, roles: Any, decay: float) -> Decision:
    return Decision(
        name=name,
        roles=roles,
        rule="role bias" if roles else "default",
        decay=decay,
        lr_rule="default",
        lr_multiplier=1.0,
        freeze_rule="default",
        frozen=False,
    )


def _update(t: int, lr: float, batches: list[str], loss_scale: float | None) -> Update:
    losses = tuple(1.0 / (1 + t) + 0.01 * i for i in range(len(batches)))
    return Update(
        attempt=t,
        t=t,
        lr=lr,
        loss=sum(losses) / len(losses),
        micro_losses=losses,
        grad_norm=2.0 / (1 + t),
        clipped_norm=min(1.0, 2.0 / (1 + t)),
        loss_scale=loss_scale,
        skipped=False,
        batches=tuple(batches),
    )


def with_update(trace: Trace, t: int, **changes: Any) -> Trace:
    """The trace with one update changed."""
    updates = [replace(u, **changes) if u.t == t else u for u in trace.updates]
    return replace(trace, updates=tuple(updates))


def with_parameter(trace: Trace, of: str, **changes: Any) -> Trace:
    """The trace with one parameter's facts changed."""
    header = trace.header
    parameters = (replace(p, **changes) if p.name == of else p for p in header.parameters)
    return replace(trace, header=replace(header, parameters=tuple(parameters)))


def with_decision(trace: Trace, of: str, **changes: Any) -> Trace:
    """The trace with what was decided for one parameter changed."""
    plan = trace.header.plan
    assert plan is not None
    decisions = tuple(replace(d, **changes) if d.name == of else d for d in plan.decisions)
    return replace(trace, header=replace(trace.header, plan=replace(plan, decisions=decisions)))


def without_plan(trace: Trace) -> Trace:
    """The same facts, of a run that followed no spec."""
    return replace(trace, header=replace(trace.header, plan=None))


def make_weights(noise: float = 0.0, averages: float | None = None) -> WeightSet:
    """Weights that moved by about 0.1, the final ones off by `noise` relative to the movement.

    averages: how far off the averages are, which moved half as far; None makes none.
    """
    random = np.random.default_rng(7)
    initial, final, averaged = {}, {}, {}
    for name, shape in {"dense.bias": (4,), "dense.weight": (4, 4)}.items():
        initial[name] = random.normal(size=shape).astype(np.float32)
        movement = 0.1 * random.normal(size=shape)
        final[name] = (initial[name] + movement * (1 + noise)).astype(np.float32)
        if averages is not None:
            half = 0.5 * movement * (1 + averages)
            averaged[name] = (initial[name] + half).astype(np.float32)
    return WeightSet(initial, final, averaged or None)


def weight_set(**tensors: tuple[list[float], list[float]]) -> WeightSet:
    """Name -> (initial, final)."""
    return WeightSet(
        {name: np.array(initial, np.float32) for name, (initial, _) in tensors.items()},
        {name: np.array(final, np.float32) for name, (_, final) in tensors.items()},
    )


def with_losses(trace: Trace, added: dict[int, float]) -> Trace:
    """The trace with more loss in every micro-batch of some updates."""
    updates = tuple(
        replace(u, micro_losses=tuple(loss + added.get(u.t, 0.0) for loss in u.micro_losses))
        for u in trace.updates
    )
    return replace(trace, updates=updates)


def write_trace(path: Path, trace: Trace) -> Path:
    """Write a trace file, each evaluation where the clock has come to it; returns its path."""
    evaluations = list(trace.evaluations)
    with TraceWriter(path, trace.header) as writer:
        for update in trace.updates:
            while evaluations and evaluations[0].t <= update.t:
                writer.evaluation(evaluations.pop(0))
            writer.update(update)
        for evaluation in evaluations:
            writer.evaluation(evaluation)
        if trace.end is not None:
            writer.end(trace.end)
    return path


def write_run(path: Path, trace: Trace, weights: WeightSet) -> Path:
    """Write a trace file and its weights beside it."""
    final, initial = f"{path.stem}.final.safetensors", f"{path.stem}.initial.safetensors"
    save_file(dict(weights.initial), path.with_name(initial))
    save_file(dict(weights.final), path.with_name(final))
    end = replace(
        trace.end or End(reason="done"),
        weights=final,
        initial_weights=initial,
        weights_digest=weights_digest(weights.final),
    )
    if weights.averages is not None:
        averages = f"{path.stem}.ema.safetensors"
        save_file(dict(weights.averages), path.with_name(averages))
        digest = weights_digest(weights.averages)
        end = replace(end, averages=averages, averages_digest=digest)
    digests = {name: weight_digest(array) for name, array in weights.initial.items()}
    header = replace(trace.header, initial_digest=digests)
    return write_trace(path, replace(trace, header=header, end=end))
