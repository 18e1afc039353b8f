"""From a map and two models to their twins, or to all that keeps them from being some."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dualtrain.errors import Problem, TwinsError
from dualtrain.listing import listed
from dualtrain.twins._map import Given, Rule, read_map
from dualtrain.twins._tensors import Model, Tensor
from dualtrain.twins._term import Term
from dualtrain.twins._twins import Line, Twins

__all__ = ["pair"]


def pair(source: Model, target: Model, given: Given | Twins | None = None) -> Twins:
    """The twins of two models: as the map says, else by equal names and shapes.

    given: a map, which serves both ways; or twins that were made before.

    Raises `TwinsError` for each line of the map that fits nothing or names what is not there, and
    where a tensor of either model is left over.
    """
    if isinstance(given, Twins):
        return given
    rules = read_map(given)
    pairing = _Pairing(source, target)
    if rules and not any(pairing.fits(rule) for rule in rules):
        back = tuple(rule.flipped for rule in rules)
        rules = back if any(pairing.fits(rule) for rule in back) else rules
    for rule in rules:
        pairing.take(rule)
    if pairing.problems:
        raise TwinsError("\n".join(map(str, pairing.problems)))
    pairing.take_equal_names()
    pairing.refuse_what_is_left(mapped=bool(rules))
    return Twins(tuple(pairing.lines))


@dataclass
class _Side:
    """One model, and what of it has no twin yet."""

    of: Model
    names: dict[str, Tensor] = field(init=False)
    """All canonical names, those of tied tensors too."""
    free: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        tensors = self.of.tensors
        self.free = {tensor.name: tensor for tensor in tensors}
        self.names = {alias: t for t in tensors for alias in (t.name, *t.aliases)}

    def bound(self, terms: Iterable[Term]) -> tuple[Term, ...]:
        """The terms, with the shapes of this model's tensors."""
        found = [(term, self.names[term.name]) for term in terms]
        return tuple(replace(term, name=one.name, shape=one.shape) for term, one in found)

    def take(self, terms: Iterable[Term]) -> None:
        """Give them twins."""
        for term in terms:
            del self.free[term.name]


class _Pairing:
    """The lines so far, and what is wrong so far."""

    def __init__(self, source: Model, target: Model) -> None:
        self.source, self.target = _Side(source), _Side(target)
        self.lines: list[Line] = []
        self.problems: list[Problem] = []

    def fits(self, rule: Rule) -> bool:
        """Whether a rule begins with a tensor of the source."""
        return any(rule.fit(name) for name in self.source.names)

    def take(self, rule: Rule) -> None:
        """Make the lines of a rule: with stars, of each tensor that no earlier rule took."""
        names = self.source.names
        found = {name: fit for name in names if (fit := rule.fit(name)) is not None}
        if not found:
            near = _near(rule.left[0].name, names)
            self.problems.append(rule.problem(f"fits no tensor of {self.source.of}{near}"))
        for name, (left, right) in found.items():
            if rule.has_stars and names[name].name not in self.source.free:
                continue
            problem = self._absent(self.source, left) or self._absent(self.target, right)
            if problem is None:
                problem = self._add(Line(self.source.bound(left), self.target.bound(right)))
            if problem is not None:
                self.problems.append(rule.problem(problem))

    def _absent(self, side: _Side, terms: Sequence[Term]) -> str | None:
        name = next((term.name for term in terms if term.name not in side.names), None)
        if name is None:
            return None
        return f"{side.of} has no {name!r}{_near(name, side.names)}"

    def _add(self, line: Line) -> str | None:
        """Take a line; why not, if not."""
        for side, terms in ((self.source, line.source), (self.target, line.target)):
            names = [term.name for term in terms]
            taken = [name for name in names if name not in side.free or names.count(name) > 1]
            if taken:
                return f"{taken[0]!r} of {side.of} has a twin already"
        problem = line.problem()
        if problem is not None:
            return f"{problem}, in {line}"
        self.source.take(line.source)
        self.target.take(line.target)
        self.lines.append(line)
        return None

    def take_equal_names(self) -> None:
        """Pair what is called alike and has one shape."""
        for tensor in list(self.source.free.values()):
            for name in (tensor.name, *tensor.aliases):
                other = self.target.names.get(name)
                if other is not None and other.name in self.target.free:
                    if other.shape == tensor.shape:
                        self._add(Line((_term(tensor),), (_term(other),)))
                    break

    def refuse_what_is_left(self, *, mapped: bool) -> None:
        """Raise `TwinsError` where a tensor has no twin."""
        left = [*self.source.free.values(), *self.target.free.values()]
        if not left:
            return
        told = [f"{len(self.lines)} {'lines' if mapped else 'tensors'} that pair"]
        for side, other in ((self.source, self.target), (self.target, self.source)):
            names = [_told(tensor, other.names) for tensor in side.free.values()]
            if names:
                told.append(f"without a twin {len(names)} of {side.of}: {listed(names)}")
        raise TwinsError(
            "every tensor of one model must have its twin in the other, by its name and shape or "
            "by a map, twins=, which `dualtrain twins` proposes. Received: " + "; ".join(told)
        )


def _term(tensor: Tensor) -> Term:
    return Term(name=tensor.name, shape=tensor.shape)


def _told(tensor: Tensor, others: Mapping[str, Tensor]) -> str:
    """A tensor that is left over, and what the other model has of its name."""
    text = f"{tensor.name} {tensor.shape}"
    other = others.get(tensor.name)
    if other is None:
        return text
    if other.shape != tensor.shape:
        return f"{text}, there {other.shape}"
    tied = other.name if other.name != tensor.name else other.aliases[0]
    return f"{text}, there tied to {tied}"


def _near(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
