"""The header of a trace: what a run is, read from its live objects before the first update."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dualtrain.trace import Header, LedgerEntry, weight_digest
from dualtrain.training._run import Run

__all__ = ["describe", "ledger_entries"]


def describe(
    run: Run,
    *,
    probe: NDArray[np.float32] | None = None,
    data_digest: str | None = None,
    notes: Sequence[str] = (),
) -> Header:
    """The header of a run that has not begun.

    probe: logits of the first batch in evaluation mode, (samples, classes).
    notes: sentences of the caller's own; those on the settings of the process are added.
    """
    plan = run.plan
    weights = run.backend.dump_weights(run.model)
    return Header(
        backend=run.backend.NAME,
        versions=run.backend.versions(),
        device=plan.spec.device,
        spec=plan.spec,
        total_updates=plan.total_updates,
        warmup_updates=plan.warmup_updates,
        horizon=plan.horizon,
        updates_per_epoch=plan.updates_per_epoch,
        micro_batches_per_epoch=plan.micro_batches_per_epoch,
        world_size=plan.world_size,
        ledger=ledger_entries(run),
        initial_digest={name: weight_digest(array) for name, array in sorted(weights.items())},
        probe=None if probe is None else tuple(tuple(map(float, row)) for row in probe),
        data_digest=data_digest,
        notes=(*notes, *run.backend.notes(run.model), *run.backend.settings(run.device)),
    )


def ledger_entries(run: Run) -> tuple[LedgerEntry, ...]:
    """The ledger's rows beside what the live optimizer really holds."""
    decay = run.backend.effective_decay(run.optimizer, run.model)
    multiplier = run.backend.effective_lr_multiplier(run.optimizer, run.model)
    assert run.plan.ledger is not None, "a run has the ledger of its model"
    return tuple(
        LedgerEntry(
            name=row.parameter.name,
            native=row.parameter.native,
            structured=row.parameter.structured,
            shape=row.parameter.shape,
            roles=row.roles,
            rule=row.rule,
            decay=row.decay,
            effective_decay=decay.get(row.parameter.name),
            lr_rule=row.lr_rule,
            lr_multiplier=row.lr_multiplier,
            effective_lr_multiplier=multiplier.get(row.parameter.name),
            freeze_rule=row.freeze_rule,
            frozen=row.frozen,
            trainable=row.trains,
        )
        for row in run.plan.ledger.rows
    )
