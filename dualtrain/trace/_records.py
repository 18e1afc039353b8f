"""The kinds of line in a trace, and a whole one; each class has the fields that its line has.

Digests are crc32 in 8 hex digits. A value that a run does not record is None (an empty tuple).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from dualtrain.plan import STOPPED_EARLY
from dualtrain.trace._header import Header
from dualtrain.trace._values import EXACTLY, Number, Position, Size

__all__ = ["DONE", "End", "Evaluation", "Record", "Trace", "Update"]

DONE = "done"
"""The reason of an end to which a run came by itself."""


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
    examples: Size | None = None
    """Examples in the split; None of an evaluation of the user's own."""
    loss: Number | None = None
    """Mean loss over them; None where an evaluation of the user's own gives none."""
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
    """`done`; `early stopping: ` or `time limit: ` and what it was; `interrupted`; `closed after 3
    of 60 updates`, of a loop of one's own; or `error: ` and what it said. With a plan, a run that
    is done has made all its updates, but for a loop of one's own that has left epochs."""
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

    @property
    def is_whole(self) -> bool:
        """Whether it came to its own end: all its updates, or where its spec lets it stop early."""
        spec = self.header.spec
        stops = spec is not None and spec.early_stopping is not None
        return self.outcome == DONE or (stops and self.outcome.startswith(STOPPED_EARLY))
