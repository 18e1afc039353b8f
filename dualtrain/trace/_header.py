"""A trace's first line: what the run is, as it was found in its live objects.

What was meant, a spec and what was decided by it, is its one optional part `plan`: a script that
was recorded has none. Decisions and facts of a parameter stand apart, so that each can be held
against the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from dualtrain.ledger import DEFAULT
from dualtrain.plan import Plan
from dualtrain.spec import Role, Spec
from dualtrain.trace._values import EXACTLY, Number, Position, Size

__all__ = [
    "FORMAT",
    "VERSION",
    "Computation",
    "Decision",
    "Header",
    "ParameterFacts",
    "PlanFacts",
]

FORMAT: Literal["dualtrain-trace"] = "dualtrain-trace"
VERSION: Literal[3] = 3


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
        """In words.

        >>> str(Computation(dtype="bfloat16", level="O2", masters=True))
        'bfloat16 O2 with master weights'
        """
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
    shape: tuple[Position, ...]
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
    betas_rule: str = DEFAULT
    """The rule that decided betas of its own."""
    betas: tuple[Number, Number] | None = None
    """Its own; None: the optimizer's."""


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
        return Plan.of(
            self.spec,
            micro_batches_per_epoch=self.micro_batches_per_epoch,
            world_size=self.world_size,
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
    code: dict[str, str] = field(default_factory=dict)
    """Digest of each of the user's own files that its task runs, by its name."""
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
