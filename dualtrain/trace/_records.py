"""The kinds of line in a trace; each class has exactly the fields that its line has.

A header tells what the run is, as it was found in its live objects. What was meant, a spec and what
was decided by it, is its one optional part `plan`: a script that was recorded has none. Digests are
crc32 in 8 hex digits. A value that a run does not record is None (an empty tuple).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer

from dualtrain.spec import Role, Spec

if TYPE_CHECKING:
    from dualtrain.plan import Plan

__all__ = [
    "DONE",
    "EXACTLY",
    "FORMAT",
    "VERSION",
    "Computation",
    "Decision",
    "End",
    "Evaluation",
    "Header",
    "Number",
    "ParameterFacts",
    "PlanFacts",
    "Position",
    "Record",
    "Size",
    "Trace",
    "Update",
]

FORMAT: Literal["dualtrain-trace"] = "dualtrain-trace"
VERSION: Literal[3] = 3

DONE = "done"
"""The reason of an end to which a run came by itself."""

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
"""A whole number of updates, micro-batches, examples or processes: at least one."""

Position = Annotated[int, Field(ge=0)]
"""A count from 0."""

EXACTLY = ConfigDict(strict=True, extra="forbid")
"""No value is taken for one of another type, and no field is passed over."""


@dataclass(frozen=True, kw_only=True)
class Computation:
    """The type in which a run computes: what its numbers are rounded to."""

    __pydantic_config__ = EXACTLY

    dtype: Literal["float64", "float32", "float16", "bfloat16"]
    """Of the forward pass: autocast's, or without autocast that of the parameters that train."""
    level: Literal["O1", "O2"] | None = None
    """Of autocast; None without it. O2: the parameters are held in `dtype` too."""
    masters: bool = False
    """Whether the optimizer moves float32 masters of parameters held in a low type."""

    def __str__(self) -> str:
        masters = "with master weights" if self.masters else None
        return " ".join(filter(None, (self.dtype, self.level, masters)))


@dataclass(frozen=True, kw_only=True)
class ParameterFacts:
    """A parameter, and what the live optimizer does with it."""

    __pydantic_config__ = EXACTLY

    name: str
    """Canonical."""
    native: str
    """The name its optimizer knows."""
    structured: str
    """The framework's own name in the module tree."""
    shape: tuple[int, ...]
    """Canonical layout."""
    dtype: str | None
    """The type in which the model holds it, e.g. `float32`."""
    trainable: bool
    """Whether the optimizer moves it."""
    effective_decay: Number | None
    """Weight decay, read back from the live optimizer; None if it does not hold the parameter."""
    effective_lr_multiplier: Number | None
    """Multiplier of the learning rate, read back in the same way."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the core decided for a parameter, and by which rules: a row of the ledger."""

    __pydantic_config__ = EXACTLY

    name: str
    """Canonical."""
    roles: tuple[Role, ...]
    """Found from the owner, the attribute's name and the shape."""
    rule: str
    """The rule that decided the decay."""
    decay: Number
    """Weight decay."""
    lr_rule: str
    """The rules that decided the multiplier."""
    lr_multiplier: Number
    """Of the learning rate."""
    freeze_rule: str
    """The rule that decided the freezing."""
    frozen: bool
    """Whether the spec holds it still; the model itself may, too."""


@dataclass(frozen=True, kw_only=True)
class PlanFacts:
    """What was meant: the spec, and what was decided by it before the run."""

    __pydantic_config__ = EXACTLY

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
    decisions: tuple[Decision, ...] = ()
    """One a parameter; none where the plan was made without a model."""

    @classmethod
    def of(cls, plan: Plan, decisions: Sequence[Decision] = ()) -> PlanFacts:
        """A plan as a trace holds it."""
        return cls(
            spec=plan.spec,
            total_updates=plan.total_updates,
            warmup_updates=plan.warmup_updates,
            horizon=plan.horizon,
            updates_per_epoch=plan.updates_per_epoch,
            micro_batches_per_epoch=plan.micro_batches_per_epoch,
            world_size=plan.world_size,
            decisions=tuple(decisions),
        )

    def resolved(self) -> Plan:
        """The spec, planned anew for the sizes of the run."""
        return self.spec.plan(
            micro_batches_per_epoch=self.micro_batches_per_epoch, world_size=self.world_size
        )


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is known before the first update."""

    __pydantic_config__ = EXACTLY

    record: Literal["header"] = "header"
    format: Literal["dualtrain-trace"] = FORMAT
    version: Literal[3] = VERSION
    backend: str
    """Which side this is, e.g. `paddle`."""
    versions: dict[str, str]
    """Package -> version."""
    device: str
    """Where it ran."""
    computation: Computation
    """In which type."""
    parameters: tuple[ParameterFacts, ...]
    """Each once."""
    initial_digest: dict[str, str]
    """Canonical name -> digest of the initial weights."""
    probe: tuple[tuple[Number, ...], ...] | None = None
    """Logits of the first batch in evaluation mode before training: samples x classes."""
    data_digest: str | None = None
    """Of the prepared data."""
    notes: tuple[str, ...] = ()
    """Plain sentences, e.g. "dropout is 0: masks cannot match across frameworks"."""
    plan: PlanFacts | None = None
    """What was meant; None of a run that followed no spec."""

    @property
    def spec(self) -> Spec | None:
        """That of the plan, if there is one."""
        return None if self.plan is None else self.plan.spec

    @property
    def decisions(self) -> dict[str, Decision]:
        """Parameter -> what the plan decided for it; empty without a plan."""
        return {} if self.plan is None else {one.name: one for one in self.plan.decisions}


@dataclass(frozen=True, kw_only=True)
class Update:
    """One optimizer update."""

    __pydantic_config__ = EXACTLY

    record: Literal["update"] = "update"
    attempt: Position
    """Counts the updates from 0, skipped ones too."""
    t: Position
    """The clock before the update; a skipped update may leave it where it is, so that the one
    after it has the same."""
    lr: Number
    """The rate that the update used."""
    momentum: Number | None = None
    """The momentum that it used; None where the schedule cycles none."""
    loss: Number
    """The update's loss, after normalisation over its micro-batches."""
    micro_losses: tuple[Number, ...] = ()
    """Each micro-batch's own mean loss, before any division by the group; 0 where it has no counted
    target."""
    grad_norm: Number | None = None
    """L2 norm of the accumulated gradient, unscaled, before clipping."""
    clipped_norm: Number | None = None
    """The same after clipping."""
    loss_scale: Number | None = None
    """The scale this update's loss was multiplied by; None without one."""
    skipped: bool = False
    """Whether non-finite gradients stopped it."""
    batches: tuple[str, ...] = ()
    """Digests of its micro-batches, in order."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How the model did on examples that it was not trained on."""

    __pydantic_config__ = EXACTLY

    record: Literal["evaluation"] = "evaluation"
    t: Position
    """The clock: that of the update that follows, or would."""
    examples: Size
    """Examples in the split."""
    loss: Number
    """Mean loss over them."""
    correct: Position | None = None
    """How many were classified right; None where nothing is classified."""
    metrics: dict[str, Number] = field(default_factory=dict)
    """Further ones, by name."""


@dataclass(frozen=True, kw_only=True)
class End:
    """What is known when the run is over. A trace without it was cut."""

    __pydantic_config__ = EXACTLY

    record: Literal["end"] = "end"
    reason: Annotated[str, Field(min_length=1)]
    """`done`, `interrupted`, or `error: ` and what it said. With a plan, a run that is done has
    made all its updates."""
    skipped: Position | None = None
    """Updates that non-finite gradients stopped."""
    weights: str | None = None
    """File of the final weights, relative to the trace's folder."""
    initial_weights: str | None = None
    """File of the initial weights, relative to the trace's folder."""
    weights_digest: str | None = None
    """Of the final weights: tells when another run has replaced the file."""
    averages: str | None = None
    """File of the final averages of the weights, relative to the trace's folder; None without."""
    averages_digest: str | None = None
    """Of the averages."""


Record = Header | Update | Evaluation | End


@dataclass(frozen=True)
class Trace:
    """One run, whole or up to where its trace was cut."""

    header: Header
    updates: tuple[Update, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    end: End | None = None
    """None of a trace that was cut."""

    @property
    def outcome(self) -> str:
        """The reason of the end; `cut` without one."""
        return "cut" if self.end is None else self.end.reason
