"""Which tensors of two models are the same, and how: linear, so for gradients and moments alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import TwinsError
from dualtrain.shapes import Shape
from dualtrain.state import Arrays
from dualtrain.twins._term import Term

__all__ = ["Line", "Side", "Twins"]

T = TypeVar("T")

Side = Literal["source", "target"]


@dataclass(frozen=True)
class Line:
    """One tensor, or several joined along their first axis, and the same in the other model."""

    source: tuple[Term, ...]
    target: tuple[Term, ...]

    @property
    def parts(self) -> tuple[Term, ...]:
        """The side that holds it in more tensors."""
        return self.target if len(self.target) > len(self.source) else self.source

    def of(self, side: Side) -> tuple[Term, ...]:
        """The tensors of one model."""
        return self.source if side == "source" else self.target

    def problem(self) -> str | None:
        """Why the two cannot be the same; None if they can."""
        for term in (*self.source, *self.target):
            if (problem := term.problem()) is not None:
                return problem
        if min(len(self.source), len(self.target)) > 1:
            return "one of the two sides must be a single tensor"
        left, right = _joined(self.source), _joined(self.target)
        if left is None or right is None:
            return "what is joined must be alike but for the first axis"
        if not _same(left, right):
            return f"shape {left} cannot be shape {right}"
        return None

    def apart(self, terms: tuple[Term, ...], arrays: Arrays) -> list[NDArray[Any]]:
        """The parts, in the layout of `parts`; arrays: of the side whose `terms` these are."""
        seen = [term.seen(arrays[term.name]) for term in terms]
        shapes = [part.seen_shape for part in self.parts]
        if len(terms) == len(shapes):
            return [array.reshape(shape) for array, shape in zip(seen, shapes, strict=True)]
        whole = seen[0].reshape(_joined(self.parts) or ())
        return np.split(whole, np.cumsum([shape[0] for shape in shapes])[:-1])

    def carried(
        self, givers: tuple[Term, ...], takers: tuple[Term, ...], arrays: Arrays
    ) -> Iterator[tuple[str, NDArray[Any]]]:
        """What the takers hold, where the givers hold these arrays; nothing of absent ones."""
        held = [term.name in arrays for term in givers]
        if not any(held):
            return
        if not all(held):
            lacking = next(t.name for t, there in zip(givers, held, strict=True) if not there)
            raise TwinsError(
                f"{' + '.join(t.name for t in givers)}: all of them or none, since they are one "
                f"tensor in the other model. Received: nothing for {lacking}"
            )
        parts = self.apart(givers, arrays)
        if len(takers) < len(parts):
            parts = [np.concatenate(parts)]
        for term, part in zip(takers, parts, strict=True):
            yield term.name, term.canonical(part)

    def __str__(self) -> str:
        """As a map has it."""
        return f"{' + '.join(map(str, self.source))}: {' + '.join(map(str, self.target))}"


@dataclass(frozen=True)
class Twins:
    """How the tensors of two models go together, each once.

    >>> q, k = (Term(name=name, shape=(1, 2)) for name in "qk")
    >>> twins = Twins((Line((Term(name="both", shape=(2, 2)),), (q, k)),))
    >>> twins.to_target({"both": np.array([[1, 2], [3, 4]])})
    {'q': array([[1, 2]]), 'k': array([[3, 4]])}
    """

    lines: tuple[Line, ...]

    def to_target(self, arrays: Arrays) -> dict[str, NDArray[Any]]:
        """Weights, gradients or moments of the source, as the target has them: copies.

        arrays: canonical name -> array in canonical layout; names may be absent, of joined tensors
        all or none.

        Raises `TwinsError` where a part is absent.
        """
        return {n: a for one in self.lines for n, a in one.carried(one.source, one.target, arrays)}

    def to_source(self, arrays: Arrays) -> dict[str, NDArray[Any]]:
        """The way back."""
        return {n: a for one in self.lines for n, a in one.carried(one.target, one.source, arrays)}

    def values_to_target(self, values: Mapping[str, T]) -> dict[str, T]:
        """What is said of each tensor of the source, of each of the target; of parts, the first."""
        return {
            taker.name: values[giver.name]
            for line in self.lines
            for giver, taker in _pairs(line.source, line.target)
            if giver.name in values
        }

    def values_to_source(
        self, values: Mapping[str, T], worst: Callable[..., T] = max
    ) -> dict[str, T]:
        """The way back; of parts that are joined, the worst."""
        told: dict[str, list[T]] = {}
        for line in self.lines:
            for taker, giver in _pairs(line.source, line.target):
                if giver.name in values:
                    told.setdefault(taker.name, []).append(values[giver.name])
        return {name: found[0] if len(found) == 1 else worst(found) for name, found in told.items()}

    @property
    def shapes_apart(self) -> dict[str, Shape]:
        """The shapes of what `apart` gives."""
        return {part.name: part.seen_shape for line in self.lines for part in line.parts}

    def apart(self, arrays: Arrays, side: Side) -> dict[str, NDArray[Any]]:
        """The arrays of one model in the smallest parts, under names and in a layout that both
        models then share: those of the model that holds more tensors, the source's where none does.

        Raises nothing: of a line of which a tensor is absent no part is given.
        """
        return {
            part.name: np.array(array, order="C")
            for line in self.lines
            if all(term.name in arrays for term in line.of(side))
            for part, array in zip(line.parts, line.apart(line.of(side), arrays), strict=True)
        }

    def values_apart(self, values: Mapping[str, T], side: Side) -> dict[str, T]:
        """What is said of each tensor of one model, of each of the smallest parts."""
        return {
            part.name: values[term.name]
            for line in self.lines
            for part, term in _pairs(line.parts, line.of(side))
            if term.name in values
        }


def _pairs(source: tuple[Term, ...], target: tuple[Term, ...]) -> list[tuple[Term, Term]]:
    """Each term of the longer side with its own of the other, or with the only one."""
    longest = max(len(source), len(target))
    return [
        (source[min(i, len(source) - 1)], target[min(i, len(target) - 1)]) for i in range(longest)
    ]


def _joined(terms: tuple[Term, ...]) -> Shape | None:
    """The shape of tensors that are joined along the first axis; None where they do not fit."""
    first, *rest = (term.seen_shape for term in terms)
    if not rest:
        return first
    if any(not shape or shape[1:] != first[1:] for shape in (first, *rest)):
        return None
    return (sum(shape[0] for shape in (first, *rest)), *first[1:])


def _same(a: Shape, b: Shape) -> bool:
    """Equal but for axes of size 1, or with all axes after the first taken as one."""
    x, y = (tuple(size for size in shape if size > 1) for shape in (a, b))
    if x == y:
        return True
    flat = 2 in (len(x), len(y)) and x[:1] == y[:1]
    return flat and math.prod(x) == math.prod(y)
