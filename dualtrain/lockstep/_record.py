"""What one side shows of one update: its gradients, and what it makes of gradients handed to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dualtrain.state import Arrays, RunState, Scalars

__all__ = ["Led", "Move", "Pass", "Scalars", "Shown"]


@dataclass(frozen=True, kw_only=True)
class Pass:
    """Forward and backward over the micro-batches of an update, from the state before it."""

    gradients: Arrays
    """Canonical name -> gradient in canonical layout, as the backward passes left it: added up over
    the group, divided, times the loss scale, before unscaling and clipping. A parameter without one
    is absent."""
    losses: tuple[float, ...]
    """Sum over the counted targets, by micro-batch."""
    statistics: Arrays
    """Canonical name -> running statistic after the forward passes."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """The rule: from a state and given gradients, by unscaling, clipping and the native step."""

    before: RunState
    """As the side holds it: taken, then given again."""
    handed: Arrays
    """The gradients, as `Pass.gradients` says them."""
    lr: float
    """As the live optimizer had it, before multipliers."""
    momentum: float | None
    skipped: bool
    norm: float | None
    """The joint norm that the side took, after unscaling, before clipping."""
    clipped: Arrays
    """The gradients that the optimizer used; empty if skipped."""
    scalars: Mapping[str, Scalars]
    """Canonical name -> what the side holds for this parameter; absent where it is float64's."""
    after: RunState


@dataclass(frozen=True, kw_only=True)
class Led:
    """One update of the leading side's free run, from which both sides show theirs."""

    attempt: int
    """Its number, skipped ones counted."""
    batches: tuple[str, ...]
    """Digests of the micro-batches."""
    before: RunState
    passed: Pass
    after: RunState


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One update, as one side shows it."""

    attempt: int
    """Its number, skipped ones counted."""
    batches: tuple[str, ...]
    """Digests of the micro-batches."""
    passed: Pass
    """In the run's own types."""
    wide: Pass | None
    """In float64, from the same weights; None where the model cannot be."""
    narrow: str = ""
    """Why the pass in float64 proves nothing: what computes in float32 in it; empty if it does."""
    random: str = ""
    """How the same pass, made twice, differs: no two sides draw alike; empty if it does not."""
    moved: Move
    """From the state before the update, with the gradients of the leading side."""
    probe: Move
    """The same from a state made up: weights of 0, and moments and gradients of 0, at a third of
    the elements each, so that no step is buried under the rounding of a weight."""
    nudges: tuple[Mapping[str, float], ...] = ()
    """Of each pass with every weight moved by 1 ULP at random: canonical name -> relative distance
    to this side's own gradient. Made where the two sides' gradients are not equal at once."""
    reached: Mapping[str, float] = field(default_factory=dict)
    """Canonical name -> how near the further nudged passes (1 to 8 ULP) came to the leading side's
    gradient, relatively. Made where the nudges do not explain the distance."""
