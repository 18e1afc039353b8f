"""Synthetic runs for tests: two traces that agree, and the means to make them differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from dualtrain.parity import WeightSet
from dualtrain.spec import Spec
from dualtrain.trace import (
    End,
    Header,
    LedgerEntry,
    Trace,
    TraceWriter,
    Update,
    weight_digest,
    weights_digest,
)

__all__ = ["make_spec", "make_trace", "make_weights", "with_update", "write_run", "write_trace"]


def make_spec(**changes: Any) -> Spec:
    """Linear, T = 6, W = 3; five micro-batches and three updates an epoch, the third a tail."""
    fields: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 0.1},
        "schedule": {"name": "linear"},
        "warmup": {"proportion": 0.5},
        "duration": {"epochs": 2},
        "batch": {"accumulate": 2},
        "weight_decay": {"value": 0.01, "exclude": ["bias"]},
        "clip": {"global_norm": 1.0},
    }
    return Spec.model_validate(fields | changes)


_END = End(correct=61, total=80, eval_loss=0.5, weights=None, initial_weights=None)


def make_trace(backend: str = "torch", **spec: Any) -> Trace:
    """A whole run; `spec` changes its spec's top-level fields."""
    plan = make_spec(**spec).plan(micro_batches_per_epoch=5)
    header = Header(
        backend=backend,
        versions={backend: "3.3.1"},
        device="cpu",
        spec=plan.spec,
        total_updates=plan.total_updates,
        warmup_updates=plan.warmup_updates,
        horizon=plan.horizon,
        updates_per_epoch=plan.updates_per_epoch,
        micro_batches_per_epoch=5,
        world_size=1,
        ledger=(
            _entry("dense.bias", ("bias", "one_dimensional"), 0.0),
            _entry("dense.weight", (), 0.01),
        ),
        initial_digest={"dense.bias": "00000001", "dense.weight": "00000002"},
        probe=((0.25, -0.5), (1.5, 2.0)),
        data_digest="000000aa",
        notes=("dropout is 0: masks cannot match across frameworks",),
    )
    updates = tuple(
        _update(t, plan.lr_at(t), [f"{epoch}{i:07x}" for i in group])
        for t, (epoch, group) in enumerate(plan.updates())
    )
    return Trace(header, updates, _END)


def _entry(name: str, roles: Any, decay: float) -> LedgerEntry:
    return LedgerEntry(
        name=name,
        native=name,
        structured=name,
        shape=(4,) if roles else (4, 4),
        roles=roles,
        rule="role bias" if roles else "default",
        decay=decay,
        effective_decay=decay,
        lr_rule="default",
        lr_multiplier=1.0,
        effective_lr_multiplier=1.0,
        freeze_rule="default",
        frozen=False,
        trainable=True,
    )


def _update(t: int, lr: float, batches: list[str]) -> Update:
    losses = tuple(1.0 / (1 + t) + 0.01 * i for i in range(len(batches)))
    return Update(
        t=t,
        lr=lr,
        loss=sum(losses) / len(losses),
        micro_losses=losses,
        grad_norm=2.0 / (1 + t),
        clipped_norm=min(1.0, 2.0 / (1 + t)),
        loss_scale=None,
        skipped=False,
        batches=tuple(batches),
    )


def with_update(trace: Trace, t: int, **changes: Any) -> Trace:
    """The trace with one update changed."""
    updates = [replace(u, **changes) if u.t == t else u for u in trace.updates]
    return replace(trace, updates=tuple(updates))


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


def write_trace(path: Path, trace: Trace) -> Path:
    """Write a trace file; returns its path."""
    with TraceWriter(path, trace.header) as writer:
        for update in trace.updates:
            writer.update(update)
        writer.end(trace.end)
    return path


def write_run(path: Path, trace: Trace, weights: WeightSet) -> Path:
    """Write a trace file and its weights beside it."""
    final, initial = f"{path.stem}.final.safetensors", f"{path.stem}.initial.safetensors"
    save_file(dict(weights.initial), path.with_name(initial))
    save_file(dict(weights.final), path.with_name(final))
    end = replace(
        trace.end,
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
