"""The header of a trace: what a run is, read from its live objects before the first update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualtrain.ledger import Ledger, Parameter
from dualtrain.listing import listed
from dualtrain.trace import (
    Computation,
    Decision,
    Header,
    ParameterFacts,
    PlanFacts,
    TraceMark,
    differing_files,
    header_of_rows,
    weight_digest,
)
from dualtrain.training.run._run import Run

__all__ = ["computation_of", "continued", "decisions_of", "describe"]


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
    spec, verbs = run.plan.spec, run.backend
    weights = verbs.dump_weights(run.model)
    ledger = run.plan.ledger
    assert ledger is not None, "a run has the ledger of its model"
    parameters = _facts(run, [row.parameter for row in ledger.rows])
    return Header(
        backend=verbs.NAME,
        versions=verbs.versions(),
        device=spec.device,
        computation=computation_of(run, parameters),
        parameters=parameters,
        initial_digest={name: weight_digest(array) for name, array in sorted(weights.items())},
        probe=None if probe is None else tuple(tuple(map(float, row)) for row in probe),
        data_digest=data_digest,
        code=dict(run.code),
        notes=(*notes, *verbs.notes(run.model), *verbs.settings(run.device)),
        plan=PlanFacts.of(run.plan, decisions_of(ledger)),
    )


def continued(header: Header, mark: TraceMark) -> Header:
    """The header of a trace that goes on from another's rows.

    header: of the run as it stands. Where the same side goes on as the same spec says, the trace
    keeps the header that it has. Else what only the begin of a run shows is the old one's, and a
    note tells which updates another side made, or other code. Raises `TraceError` where the rows
    are not there.
    """
    old, _ = header_of_rows(Path(mark.file), mark)
    others = differing_files(old.code, header.code)
    if old.backend == header.backend and old.spec == header.spec and not others:
        return old
    version = old.versions.get(old.backend, "of an unknown version")
    noted = [note for note in old.notes if note.startswith(_MADE_BY)]
    is_told = any(note.startswith(_made_by(mark, "")) for note in noted)
    if mark.updates and not is_told and old.backend != header.backend:
        noted.append(_made_by(mark, f"{old.backend} {version}"))
    if mark.updates and others:
        noted.append(f"{_MADE_BY}{mark.updates} were made with other code: {listed(others)}")
    return replace(
        header,
        initial_digest=old.initial_digest,
        probe=old.probe,
        data_digest=old.data_digest,
        notes=(*header.notes, *noted),
    )


_MADE_BY = "the updates before "


def _made_by(mark: TraceMark, side: str) -> str:
    return f"{_MADE_BY}{mark.updates} were made by {side}"


def _facts(run: Run, parameters: Sequence[Parameter]) -> tuple[ParameterFacts, ...]:
    """What the live optimizer really holds of each parameter."""
    decay = run.backend.effective_decay(run.optimizer, run.model)
    multiplier = run.backend.effective_lr_multiplier(run.optimizer, run.model)
    return tuple(
        ParameterFacts(
            name=parameter.name,
            native=parameter.native,
            structured=parameter.structured,
            shape=parameter.shape,
            dtype=parameter.dtype,
            trainable=parameter.name in multiplier,
            effective_decay=decay.get(parameter.name),
            effective_lr_multiplier=multiplier.get(parameter.name),
        )
        for parameter in parameters
    )


def decisions_of(ledger: Ledger) -> tuple[Decision, ...]:
    """The ledger's rows as a trace holds them."""
    return tuple(
        Decision(
            name=row.parameter.name,
            roles=row.roles,
            rule=row.rule,
            decay=row.decay,
            lr_rule=row.lr_rule,
            lr_multiplier=row.lr_multiplier,
            betas_rule=row.betas_rule,
            betas=row.betas,
            freeze_rule=row.freeze_rule,
            frozen=row.frozen,
        )
        for row in ledger.rows
    )


def computation_of(run: Run, parameters: Sequence[ParameterFacts]) -> Computation:
    """Autocast's type; without autocast that of the parameters that train, float64 or float32."""
    amp = run.plan.spec.amp
    if amp is not None:
        return Computation(dtype=amp.dtype, level=amp.level, masters=run.masters is not None)
    wide = {parameter.dtype for parameter in parameters if parameter.trainable} == {"float64"}
    return Computation(dtype="float64" if wide else "float32")
