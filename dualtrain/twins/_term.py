"""A tensor as a line of a map sees it: by name, its axes in another order, its heads apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.shapes import Shape

__all__ = ["Term", "parse_terms"]

_TERM = re.compile(
    r"(?P<name>[^\s+()]+?)(?P<T>\.T)?"
    r"(?:\.permute\((?P<axes>[\d, ]+)\))?(?:\.heads\((?P<heads>\d+)\))?"
)
_FORM = (
    "a tensor's name, and if need be .T, .permute(0, 2, 3, 1) or .heads(12); several with + between"
)


@dataclass(frozen=True, kw_only=True)
class Term:
    """One tensor of a line."""

    name: str
    """Canonical; with stars in the line of a map."""
    axes: tuple[int, ...] = ()
    """The order in which its axes are taken, as `numpy.transpose` has it; empty: as they are."""
    heads: int = 1
    """h, where its first axis is (h, 3, size): query, key and value head by head."""
    shape: Shape = ()
    """In canonical layout; of a name with stars, none."""

    @property
    def seen_shape(self) -> Shape:
        """Its shape in the line."""
        return tuple(self.shape[axis] for axis in self.axes) if self.axes else self.shape

    def seen(self, array: NDArray[Any]) -> NDArray[Any]:
        """An array in canonical layout, as the line sees it."""
        turned = array.transpose(self.axes) if self.axes else array
        return _regrouped(turned, self.heads, 3)

    def canonical(self, seen: NDArray[Any]) -> NDArray[Any]:
        """The way back, from an array of as many elements."""
        grouped = _regrouped(seen.reshape(self.seen_shape), 3, self.heads)
        array = grouped.transpose(np.argsort(self.axes)) if self.axes else grouped
        return np.array(array, order="C")

    def problem(self) -> str | None:
        """Why a tensor of this shape cannot be seen so; None if it can."""
        if self.axes and sorted(self.axes) != list(range(len(self.shape))):
            return f"{self} needs a tensor of {len(self.axes)} axes"
        if self.heads > 1 and (not self.shape or self.seen_shape[0] % (3 * self.heads)):
            return f"{self} needs a first axis that 3 x {self.heads} divides"
        return None

    def __str__(self) -> str:
        """As a map has it.

        >>> str(Term(name="qkv.weight", axes=(1, 0), heads=4))
        'qkv.weight.T.heads(4)'
        """
        order = ", ".join(map(str, self.axes))
        turned = "" if not self.axes else ".T" if self.axes == (1, 0) else f".permute({order})"
        return self.name + turned + (f".heads({self.heads})" if self.heads > 1 else "")


def parse_terms(text: str) -> tuple[Term, ...]:
    """The terms of one side of a line; `ValueError` with the rule if it is none.

    >>> [str(term) for term in parse_terms("q.weight + k.weight + v.weight.T")]
    ['q.weight', 'k.weight', 'v.weight.T']
    """
    return tuple(map(_term, text.split(" + ")))


def _term(text: str) -> Term:
    found = _TERM.fullmatch(text.strip())
    if found is None or (found["T"] and found["axes"]):
        raise ValueError(f"must be {_FORM}")
    axes = (1, 0) if found["T"] else tuple(map(int, re.findall(r"\d+", found["axes"] or "")))
    return Term(name=found["name"], axes=axes, heads=max(1, int(found["heads"] or 1)))


def _regrouped(array: NDArray[Any], outer: int, inner: int) -> NDArray[Any]:
    """The first axis as (inner, outer, size) instead of (outer, inner, size)."""
    if 1 in (outer, inner):
        return array
    first, *rest = array.shape
    split = array.reshape(outer, inner, first // (outer * inner), *rest)
    return split.swapaxes(0, 1).reshape(array.shape)
