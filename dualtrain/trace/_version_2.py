"""Traces of version 2, read as what version 3 says: a spec was a must there, and no type was said.

Version 2 kept facts and plan in one list, and the evaluation in the end. What it did not record is
None; the type of computation follows from its spec's AMP, since nothing else could lower it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

from dualtrain.ledger import DEFAULT
from dualtrain.spec import Role, Spec
from dualtrain.trace._header import (
    FORMAT,
    VERSION,
    Computation,
    Decision,
    Header,
    ParameterFacts,
    PlanFacts,
)
from dualtrain.trace._records import DONE, End, Evaluation, Record, Update
from dualtrain.trace._values import EXACTLY, Number, Position, Size

__all__ = ["Record2", "upgraded"]


@dataclass(frozen=True, kw_only=True)
class LedgerEntry2:
    """A parameter, what the core decided for it, and what the live optimizer did with it."""

    __pydantic_config__ = EXACTLY

    name: str
    native: str
    structured: str
    shape: tuple[Position, ...]
    roles: tuple[Role, ...]
    rule: str
    decay: Number
    effective_decay: Number | None
    lr_rule: str
    lr_multiplier: Number
    effective_lr_multiplier: Number | None
    freeze_rule: str
    frozen: bool
    trainable: bool


@dataclass(frozen=True, kw_only=True)
class Header2:
    """The first line."""

    __pydantic_config__ = EXACTLY

    record: Literal["header"] = "header"
    format: Literal["dualtrain-trace"] = FORMAT
    version: Literal[2] = 2
    backend: str
    versions: dict[str, str]
    device: str
    spec: Spec
    total_updates: Size
    warmup_updates: Position
    horizon: Size
    updates_per_epoch: Size
    micro_batches_per_epoch: Size
    world_size: Size
    ledger: tuple[LedgerEntry2, ...]
    initial_digest: dict[str, str]
    probe: tuple[tuple[Number, ...], ...] | None
    data_digest: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Update2:
    """An update; the first traces of version 2 did not number them."""

    __pydantic_config__ = EXACTLY

    record: Literal["update"] = "update"
    attempt: Position | None = None
    t: Position
    lr: Number
    momentum: Number | None = None
    loss: Number
    micro_losses: tuple[Number, ...]
    grad_norm: Number | None
    clipped_norm: Number | None
    loss_scale: Number | None
    skipped: bool
    batches: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class End2:
    """The last line, with the one evaluation that there was."""

    __pydantic_config__ = EXACTLY

    record: Literal["end"] = "end"
    correct: Position | None
    total: Size | None
    eval_loss: Number | None
    skipped: Position | None = None
    weights: str | None
    initial_weights: str | None
    weights_digest: str | None = None
    averages: str | None = None
    averages_digest: str | None = None


Record2 = Header2 | Update2 | End2


def upgraded(records: Iterable[Record2]) -> Iterator[list[Record]]:
    """Each line of a file as the lines that version 3 has for it, in the same order."""
    clock, count = 0, 0
    for record in records:
        match record:
            case Header2():
                yield [_header(record)]
            case Update2():
                attempt = count if record.attempt is None else record.attempt
                yield [_taken(Update, record, attempt=attempt)]
                # A skip held the clock or advanced it. After the last update either will do.
                clock, count = record.t + (not record.skipped), count + 1
            case End2():
                yield [*_evaluation(record, clock), _taken(End, record, reason=DONE)]


def _header(old: Header2) -> Header:
    amp = old.spec.amp
    computation = Computation(dtype="float32")
    if amp is not None:
        computation = Computation(dtype=amp.dtype, level=amp.level, masters=amp.level == "O2")
    return _taken(
        Header,
        old,
        version=VERSION,
        computation=computation,
        code={},
        parameters=tuple(_taken(ParameterFacts, entry, dtype=None) for entry in old.ledger),
        plan=_taken(
            PlanFacts,
            old,
            decisions=tuple(
                _taken(Decision, entry, betas=None, betas_rule=DEFAULT) for entry in old.ledger
            ),
        ),
    )


def _evaluation(old: End2, t: int) -> list[Record]:
    if old.total is None or old.eval_loss is None:
        return []
    return [Evaluation(t=t, examples=old.total, loss=old.eval_loss, correct=old.correct)]


Made = TypeVar("Made", Header, Update, End, ParameterFacts, PlanFacts, Decision)


def _taken(made: type[Made], old: Any, **others: Any) -> Made:
    """A record with the fields of the same names of an old one, and others."""
    names = {field.name for field in fields(made)} - others.keys()
    same = {name: getattr(old, name) for name in names}
    return made(**same, **others)
