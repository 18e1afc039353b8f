"""A map, proposed from the modules of two models, their order and their shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dualtrain.errors import TwinsError
from dualtrain.printable import escaped
from dualtrain.shapes import Shape
from dualtrain.twins._map import read_map
from dualtrain.twins._match import match
from dualtrain.twins._orient import Proposed, lines_of
from dualtrain.twins._pair import pair
from dualtrain.twins._tensors import Model, Tensor
from dualtrain.twins._term import Term
from dualtrain.twins._tree import tree_of

__all__ = ["Proposal", "proposal_of", "propose"]


@dataclass(frozen=True)
class Entry:
    """A line of a proposed map."""

    left: str
    right: str
    doubt: str
    """What of it is no more than likely; empty if nothing."""

    @property
    def terms(self) -> list[str]:
        """All tensors of both sides."""
        return [*self.left.split(" + "), *self.right.split(" + ")]

    def replaced(self, by: Callable[[str], str]) -> Entry:
        """The same with another text for each tensor."""
        left, right = (" + ".join(map(by, s.split(" + "))) for s in (self.left, self.right))
        return Entry(left, right, by(self.doubt))


@dataclass(frozen=True)
class Proposal:
    """A map, for a person to look at."""

    source: str
    target: str
    entries: tuple[Entry, ...]
    source_left: tuple[Tensor, ...]
    target_left: tuple[Tensor, ...]

    @property
    def whole(self) -> bool:
        """Whether every tensor has its twin."""
        return not self.source_left and not self.target_left

    @property
    def map(self) -> dict[str, str]:
        """What `copy_weights` takes as `twins`."""
        return {entry.left: entry.right for entry in self.entries}

    @property
    def doubts(self) -> int:
        """Lines that are to be looked at."""
        return sum(bool(entry.doubt) for entry in self.entries)

    def text(self) -> str:
        """As a file, in YAML; what is no more than likely, and what is open, as comments."""
        lines = [f"# {self.source}: {self.target}; {self._told}"]
        for entry in self.entries:
            told = f"  # {entry.doubt}" if entry.doubt else ""
            lines.append(f"{_quoted(entry.left)}: {_quoted(entry.right)}{told}")
        for side, left in ((self.source, self.source_left), (self.target, self.target_left)):
            alike: dict[tuple[str, Shape], list[str]] = {}
            for one in left:
                alike.setdefault((_NUMBER.sub("*", one.name), one.shape), []).append(one.name)
            lines += [
                f"# open, of {side}: "
                + (f"{names[0]} {shape}" if len(names) == 1 else f"{name} {shape} x {len(names)}")
                for (name, shape), names in alike.items()
            ]
        return "".join(f"{escaped(line)}\n" for line in lines)

    @property
    def _told(self) -> str:
        count = len(self.source_left) + len(self.target_left)
        told = f"lines to look at, by their remarks: {self.doubts}; tensors left open: {count}"
        return told if self.entries or count else "all pair by their names, and no line is needed"


def propose(source: Any, target: Any) -> Proposal:
    """The map of two models of torch or Paddle, as far as it can be told.

    Lines whose names have the number of a layer are written once, with a star.
    """
    return proposal_of(Model.of(source), Model.of(target))


def proposal_of(a: Model, b: Model) -> Proposal:
    """The same of models as they were read."""
    found = match(tree_of(a.tensors), tree_of(b.tensors))
    place = {tensor.name: number for number, tensor in enumerate(a.tensors)}
    proposed = sorted(lines_of(found), key=lambda one: place[one.line.source[0].name])
    needed = [one for one in proposed if not _is_plain(one)]
    entries = tuple(_starred(needed, [tensor.name for tensor in a.tensors]))
    if len(entries) < len(needed) and not _says(entries, a, b, proposed):
        entries = tuple(map(_entry, needed))
    return Proposal(
        str(a),
        str(b),
        entries,
        _left(a, [term for one in proposed for term in one.line.source]),
        _left(b, [term for one in proposed for term in one.line.target]),
    )


def _left(model: Model, known: Sequence[Term]) -> tuple[Tensor, ...]:
    """The tensors that are not among these."""
    names = {term.name for term in known}
    return tuple(tensor for tensor in model.tensors if tensor.name not in names)


def _is_plain(one: Proposed) -> bool:
    """Whether equal names say it already."""
    source, target = one.line.source, one.line.target
    return not one.doubt and len(source) == len(target) and source[0] == target[0]


def _entry(one: Proposed) -> Entry:
    left, right = (" + ".join(map(str, side)) for side in (one.line.source, one.line.target))
    return Entry(left, right, one.doubt)


_NUMBER = re.compile(r"(?<![^.\s])\d+(?=\.)")
"""A part of a name that is a number."""
_LAST = re.compile(r"(?<=\.)[a-z_]+(?= \+ |$)")
"""The last part of a name, where nothing is done with the tensor."""

General = Callable[[Entry], Entry]


def _starred(lines: Sequence[Proposed], names: Sequence[str]) -> list[Entry]:
    """The lines, those that differ in the numbers of layers alone as one; weight with bias."""
    counted = [(_entry(one), 1) for one in lines]
    for general in (_without_numbers, _without_last):
        groups: dict[Entry, list[tuple[Entry, int]]] = {}
        for entry, count in counted:
            groups.setdefault(general(entry), []).append((entry, count))
        counted = []
        for entry, members in groups.items():
            whole = sum(count for _, count in members)
            fits = len(members) > 1 and _fitting(entry, names) == whole
            counted += [(entry, whole)] if fits else members
    return [entry for entry, _ in counted]


def _without_numbers(entry: Entry) -> Entry:
    """A star for each number, where all names have the same; else for the first, or for none."""
    numbers = [_NUMBER.findall(term) for term in entry.terms]
    for count in (0, 1):  # of re.sub: 0 is all
        heads = {tuple(found[: count or None]) for found in numbers}
        if len(heads) == 1 and all(numbers):
            return entry.replaced(partial(_NUMBER.sub, "*", count=count))
    return entry


def _without_last(entry: Entry) -> Entry:
    """A star for `weight` or `bias`, where all names end in it."""
    last = {tuple(_LAST.findall(term)) for term in entry.terms}
    return entry.replaced(partial(_LAST.sub, "*")) if len(last) == 1 and all(last) else entry


def _fitting(entry: Entry, names: Sequence[str]) -> int:
    (rule,) = read_map({entry.left: entry.right})
    return sum(rule.fit(name) is not None for name in names)


def _says(entries: Sequence[Entry], a: Model, b: Model, proposed: Sequence[Proposed]) -> bool:
    """Whether the entries say what is proposed, and no more."""
    try:
        twins = pair(a, b, {entry.left: entry.right for entry in entries})
    except TwinsError:
        return False
    return {str(line) for line in twins.lines} == {str(one.line) for one in proposed}


def _quoted(text: str) -> str:
    """A side of a line, in quotes where YAML would read something else."""
    is_plain = re.fullmatch(r"[A-Za-z_][\w.*+(), -]*", text) and " #" not in text
    return text if is_plain else json.dumps(text)
