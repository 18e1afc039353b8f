"""What a mistake is: how it is made on one side, and what must be said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from benchmarks.mistakes.nets import BERT, Net
from dualtrain.lockstep._reading import Half

__all__ = ["Mistake", "Named", "Slip", "Slipped"]

Slip = Callable[[pytest.MonkeyPatch, str], None]
"""Makes a mistake on the side of a backend, by its name, whichever it is."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """What lockstep says of a mistake, whichever side makes it."""

    half: Half
    what: str
    """The quantity that is the farthest off, a regular expression."""
    knob: str
    """A spec field that is named."""
    tensor: str = ""
    """A regular expression that its name has; of a quantity that is no tensor's, empty."""
    update: int = 0
    """Where it is found; later than at once where weights or states are still 0."""


@dataclass(frozen=True, kw_only=True)
class Slipped:
    """A mistake, switched on alone: by a patch of a side's run, or by another spec."""

    title: str
    """Its line in a table."""
    slip: Slip | None = None
    """How; None if another spec makes it."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """What stands in the spec of both sides instead of the usual."""
    wrong: Mapping[str, Any] = field(default_factory=dict)
    """What stands in the spec of the wrong side alone."""
    net: Net = BERT
    samples: int = 8
    """In a micro-batch."""
    named: Named


@dataclass(frozen=True, kw_only=True)
class Mistake(Slipped):
    """One that two free runs show, too."""

    side: Literal["torch", "paddle"] = "paddle"
    """Where it is made there."""
    stage: str
    """The stage in which parity must find the first difference."""
    told: str
    """What the finding's detail must say, a regular expression."""
    knob: str
    """A spec field that it must name."""
    first_update: int | None = None
    """The clock of the first difference."""
    in_losses: bool = True
    """Whether a loss differs by 1e-2 or more anywhere."""
    at_once: bool = False
    """Whether the loss of update 0 differs."""
