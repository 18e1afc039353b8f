"""What a dialect is: one library's rules for the fields that libraries read differently.

Everything here is data. A value stands beside the place in the library that it was read from;
`None` instead of a rule means that the library leaves it to a loop of your own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from dualtrain.dialects._native import LibrarySchedule
from dualtrain.spec import Rounding

__all__ = ["Convention", "Dialect"]

Value = TypeVar("Value")


@dataclass(frozen=True)
class Convention(Generic[Value]):
    """A value, and the function or class of the library that shows it."""

    value: Value
    source: str


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one library reads a recipe's numbers."""

    name: str
    """As `dualtrain compare --dialects` takes it."""
    package: str
    """The library, as pip knows it."""
    version: str
    """The version whose source was read; the tests run it."""
    part: str
    """The part of the library that is meant."""
    schedules: Mapping[str, LibrarySchedule]
    """By the spec's name. A schedule that is not here is one that the library does not have."""
    warmup_fields: Convention[str]
    """How warmup is written."""
    warmup_rounding: Convention[Rounding]
    """How proportion x T becomes W."""
    leftovers: Convention[Literal["flush", "leak"]] | None
    """What becomes of the micro-batches that fill no group. `flush`: they are an update of their
    own, divided by their number. `leak`: updates per epoch are floored, and the first update of
    the next epoch takes them in without dividing by more."""
    part_epochs: Convention[Literal["floor", "ceil"]] | None
    """How the updates of epochs that are no whole number become one."""
    horizon: Convention[Literal["any", "last update"]]
    """Where a schedule may end."""
    per: Convention[tuple[Literal["update", "epoch"], ...]]
    """What a schedule may count."""
    token_mean: Convention[Literal["never", "causal, counted before the shift", "causal"]] | None
    """Which losses are divided by the group's counted targets; else each micro-batch's mean."""
    clip_epsilon: Convention[float]
    """What the global norm has added before it divides c."""
    clip_default: Convention[float] | None
    """c where none is given."""
    logged_lr: Convention[Literal["used", "next"]] | None
    """Whether the rate in the logs is that of the update just made, or of the next."""
    loss_scale_init: Convention[float]
    """The first loss scale of float16."""
    on_skip: Convention[Literal["hold"]] | None
    """What the schedule does at an update with non-finite gradients."""
    undecayed: Convention[str] | None
    """Which parameters do not decay."""
    labels: Convention[Literal["data", "model"]]
    """Who shifts the labels of a causal language model."""
    optimizers: Convention[tuple[str, ...]] | None
    """The spec's optimizers that it makes with the numbers of the spec."""
    lacks: Convention[tuple[str, ...]] | None
    """The spec's fields that it has no argument for."""

    @property
    def title(self) -> str:
        """For people: the library, its version, the part of it."""
        return f"{self.package} {self.version}, {self.part}"
