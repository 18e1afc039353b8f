"""The final weights, tensor by tensor: how far apart, against how far training moved them.

The metric is update-relative: |B - A|_2 / |movement|_2 of a tensor, where the movement is from its
initial to its final values, on the side that moved it farther (so the verdict is the same from both
sides). The bar is `WEIGHTS`; a tensor that decays is allowed
updates x `DECAY_ROUNDING` x |w|_2 more.

Some tensors must be judged apart. The softmax cancels the biases of attention keys: their true
gradient is zero, and AdamW, which divides by the gradient's own size, turns its rounding noise into
small moves of random sign. Their update-relative difference is about 1, also in the chaos floor,
where one framework runs against itself with one weight moved by 1 ULP. So a tensor that moved on
both sides less than `STILL` times as far as the parameters on the whole (root mean squares) moved
by rounding alone: it is listed by name with its numbers, and nothing more is asked of it than to
have begun equal and stayed that still. A tensor that moved on one side only is judged like any
other, and so is a frozen one that began unequal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import TraceError
from dualtrain.parity._tolerances import DECAY_ROUNDING, STILL, WEIGHTS
from dualtrain.trace import Trace

__all__ = ["Tensor", "WeightSet", "Weights", "compare_weights", "read_weights"]

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class WeightSet:
    """The weights of one run under canonical names, in canonical layout, float32."""

    initial: Arrays
    final: Arrays

    @cached_property
    def movement(self) -> dict[str, float]:
        """Name -> |final - initial|_2."""
        return {name: _apart(self.final[name], self.initial[name]) for name in self.final}

    @cached_property
    def overall(self) -> float:
        """Root mean square of the movement over all elements of all parameters."""
        elements = sum(array.size for array in self.final.values())
        squares = sum(moved**2 for moved in self.movement.values())
        return math.sqrt(squares / elements) if elements else 0.0

    def stood_still(self, name: str) -> bool:
        """Whether a tensor moved by rounding alone, if at all."""
        return _rms(self.movement[name], self.final[name]) <= STILL * self.overall


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One parameter, compared."""

    name: str
    difference: float
    """|B - A|_2 / movement; 0 for equal tensors."""
    bound: float
    """What is allowed."""
    movement: float
    """Root mean square over its elements, on the side that moved it farther."""
    still: bool
    """Moved by rounding alone on both sides, and so not judged by the bound."""

    @property
    def agrees(self) -> bool:
        """Within the bound, or still."""
        return self.still or self.difference <= self.bound


@dataclass(frozen=True, kw_only=True)
class Weights:
    """All parameters, compared."""

    tensors: tuple[Tensor, ...]
    """Those that both sides have, in canonical order."""
    alone: tuple[str, ...]
    """The names that one side has and the other lacks."""
    movement: float
    """Root mean square over all parameters, on the side that moved farther."""
    floor: float | None
    """The chaos floor: the largest difference of judged tensors when side a runs again with one
    weight moved by 1 ULP. None if that was not run."""

    @property
    def judged(self) -> tuple[Tensor, ...]:
        """The tensors that the bound is for."""
        return tuple(tensor for tensor in self.tensors if not tensor.still)

    @property
    def by_rounding(self) -> tuple[Tensor, ...]:
        """The tensors that moved, but by rounding alone."""
        return tuple(tensor for tensor in self.tensors if tensor.still and tensor.movement)


def compare_weights(
    a: WeightSet, b: WeightSet, *, decaying: frozenset[str], updates: int, floor: WeightSet | None
) -> Weights:
    """Compare the final weights under the names that both have.

    decaying: the names whose weights shrink at each of the `updates`.
    floor: side a again, with one weight moved by 1 ULP.
    """
    names = sorted(a.final.keys() & b.final.keys())
    tensors = tuple(_tensor(n, a, b, updates if n in decaying else 0) for n in names)
    judged = [tensor.name for tensor in tensors if not tensor.still]
    return Weights(
        tensors=tensors,
        alone=tuple(sorted(a.final.keys() ^ b.final.keys())),
        movement=max(a.overall, b.overall),
        floor=None if floor is None else _highest(judged, a, floor),
    )


def _highest(names: list[str], a: WeightSet, floor: WeightSet) -> float:
    if floor.final.keys() != a.final.keys():
        raise TraceError(
            "the chaos floor is side a's own run again, so it has the same parameters. "
            f"Received: {len(floor.final)} parameters against {len(a.final)}"
        )
    return max((_tensor(name, a, floor, 0).difference for name in names), default=0.0)


def _tensor(name: str, a: WeightSet, b: WeightSet, shrinks: int) -> Tensor:
    x, y = a.final[name], b.final[name]
    apart = _apart(x, y)
    moved = max(a.movement[name], b.movement[name])
    allowed = shrinks * DECAY_ROUNDING * max(_norm(x), _norm(y))
    return Tensor(
        name=name,
        difference=_ratio(apart, moved),
        bound=WEIGHTS + _ratio(allowed, moved),
        movement=_rms(moved, x),
        still=(
            np.array_equal(a.initial[name], b.initial[name])
            and a.stood_still(name)
            and b.stood_still(name)
        ),
    )


def _rms(norm: float, array: NDArray[Any]) -> float:
    return norm / math.sqrt(max(1, array.size))


def _ratio(part: float, whole: float) -> float:
    if part == 0:
        return 0.0
    return part / whole if whole else math.inf


def _apart(x: NDArray[Any], y: NDArray[Any]) -> float:
    """|x - y|_2 in float64; inf between different shapes."""
    return _norm(x.astype(np.float64) - y) if x.shape == y.shape else math.inf


def _norm(x: NDArray[Any]) -> float:
    return float(np.linalg.norm(x.astype(np.float64).ravel()))


def read_weights(path: Path, trace: Trace) -> WeightSet | None:
    """The weights that a trace's end names, beside the trace file `path`; None if it names none.

    Raises `TraceError` if the files are not there or are not safetensors.
    """
    if trace.end.weights is None or trace.end.initial_weights is None:
        return None
    initial = _read_arrays(path.parent / trace.end.initial_weights)
    final = _read_arrays(path.parent / trace.end.weights)
    if {n: x.shape for n, x in initial.items()} != {n: x.shape for n, x in final.items()}:
        raise TraceError(
            f"{path}: initial and final weights have the same names and shapes. "
            f"Received: {trace.end.initial_weights} and {trace.end.weights}, which do not"
        )
    return WeightSet(initial, final)


def _read_arrays(path: Path) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays: Arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise TraceError(f"{path}: weights are a safetensors file. Received: {error}") from None
    return arrays
