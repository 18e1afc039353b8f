"""The three kinds of line in a trace; each class has exactly the fields that its line has.

Digests are crc32 in 8 hex digits. A value that a run does not record is None (an empty tuple).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer

from dualtrain.spec import Role, Spec

__all__ = ["FORMAT", "VERSION", "End", "Header", "LedgerEntry", "Number", "Update"]

FORMAT: Literal["dualtrain-trace"] = "dualtrain-trace"
VERSION: Literal[2] = 2

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _from_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError('must be finite, or one of "nan", "inf", "-inf"')
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value


def _to_json(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


Number = Annotated[float, BeforeValidator(_from_json), PlainSerializer(_to_json, when_used="json")]
"""A float64; JSON has no word for the non-finite ones, so they are the strings nan, inf, -inf."""

Size = Annotated[int, Field(ge=1)]
"""A whole number of updates, micro-batches or processes: at least one."""

Position = Annotated[int, Field(ge=0)]
"""Updates from the beginning."""

_EXACTLY = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """A parameter, what the core decided for it, and what the live optimizer does with it."""

    __pydantic_config__ = _EXACTLY

    name: str
    """Canonical."""
    native: str
    """The name its optimizer knows."""
    structured: str
    """The framework's own name in the module tree."""
    shape: tuple[int, ...]
    """Canonical layout."""
    roles: tuple[Role, ...]
    """Found from the owner, the attribute's name and the shape."""
    rule: str
    """The rule that decided the decay."""
    decay: Number
    """What the core decided."""
    effective_decay: Number | None
    """Read back from the live optimizer; None if it does not hold the parameter."""
    lr_rule: str
    """The rules that decided the multiplier."""
    lr_multiplier: Number
    """Of the learning rate: what the core decided."""
    effective_lr_multiplier: Number | None
    """Read back from the live optimizer; None if it does not hold the parameter."""
    freeze_rule: str
    """The rule that decided the freezing."""
    frozen: bool
    """Whether the core decided to freeze it."""
    trainable: bool
    """Whether it trains: neither the spec nor the model itself holds it still."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is known before the first update."""

    __pydantic_config__ = _EXACTLY

    record: Literal["header"] = "header"
    format: Literal["dualtrain-trace"] = FORMAT
    version: Literal[2] = VERSION
    backend: str
    """Which side this is, e.g. `paddle`."""
    versions: dict[str, str]
    """Package -> version."""
    device: str
    """Where it ran."""
    spec: Spec
    """What the user wrote."""
    total_updates: Size
    """T."""
    warmup_updates: Position
    """W."""
    horizon: Size
    """H."""
    updates_per_epoch: Size
    """Accumulation groups in one pass over the data."""
    micro_batches_per_epoch: Size
    """M, over all processes."""
    world_size: Size
    """Processes."""
    ledger: tuple[LedgerEntry, ...]
    """One entry per parameter."""
    initial_digest: dict[str, str]
    """Canonical name -> digest of the initial weights."""
    probe: tuple[tuple[Number, ...], ...] | None
    """Logits of the first batch in evaluation mode before training: samples x classes."""
    data_digest: str | None
    """Of the prepared data."""
    notes: tuple[str, ...]
    """Plain sentences, e.g. "dropout is 0: masks cannot match across frameworks"."""


@dataclass(frozen=True, kw_only=True)
class Update:
    """One optimizer update."""

    __pydantic_config__ = _EXACTLY

    record: Literal["update"] = "update"
    attempt: int | None = None
    """Counts the updates from 0, skipped ones too; None in traces from before it was recorded."""
    t: int
    """The clock before the update; a skipped update may leave it where it is, so that the one
    after it has the same."""
    lr: Number
    """The rate that the update used."""
    momentum: Number | None = None
    """The momentum that it used; None where the schedule cycles none."""
    loss: Number
    """The update's loss, after normalisation over its micro-batches."""
    micro_losses: tuple[Number, ...]
    """Each micro-batch's own mean loss, before any division by the group; 0 where it has no counted
    target."""
    grad_norm: Number | None
    """L2 norm of the accumulated gradient, unscaled, before clipping."""
    clipped_norm: Number | None
    """The same after clipping."""
    loss_scale: Number | None
    """The scale this update's loss was multiplied by; None without one."""
    skipped: bool
    """Whether non-finite gradients stopped it."""
    batches: tuple[str, ...]
    """Digests of its micro-batches, in order."""


@dataclass(frozen=True, kw_only=True)
class End:
    """What is known after the last update."""

    __pydantic_config__ = _EXACTLY

    record: Literal["end"] = "end"
    correct: int | None
    """Examples of the evaluation split that were classified right."""
    total: int | None
    """Examples in the evaluation split."""
    eval_loss: Number | None
    """Mean loss over the evaluation split."""
    skipped: int | None = None
    """Updates that non-finite gradients stopped."""
    weights: str | None
    """File of the final weights, relative to the trace's folder."""
    initial_weights: str | None
    """File of the initial weights, relative to the trace's folder."""
    weights_digest: str | None = None
    """Of the final weights: tells when another run has replaced the file."""
    averages: str | None = None
    """File of the final averages of the weights, relative to the trace's folder; None without."""
    averages_digest: str | None = None
    """Of the averages."""
