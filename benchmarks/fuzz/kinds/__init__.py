"""The kinds of input."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.fuzz._kind import Kind
from benchmarks.fuzz.kinds.arrays import Arrays
from benchmarks.fuzz.kinds.checkpoints import Checkpoints
from benchmarks.fuzz.kinds.data import Data
from benchmarks.fuzz.kinds.left import Left
from benchmarks.fuzz.kinds.specs import Specs
from benchmarks.fuzz.kinds.tags import Tags
from benchmarks.fuzz.kinds.traces import Traces
from benchmarks.fuzz.kinds.weights import Weights

__all__ = ["KINDS"]

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (Specs(), Data(), Tags(), Arrays(), Traces(), Weights(), Checkpoints(), Left())
}
