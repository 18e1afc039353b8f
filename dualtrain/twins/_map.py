"""The map that a user gives: lines in a file or in Python, what is equal left and right of a colon.

`*` stands for one part of a name, such as the number of a layer, `**` for one or more; each for the
same on both sides. The first line that fits a name counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dualtrain.errors import Problem, TwinsError
from dualtrain.fields import Malformed, Positions
from dualtrain.printable import shown
from dualtrain.spec import read_document
from dualtrain.twins._term import Term, parse_terms

__all__ = ["Given", "Rule", "read_map"]

Given = Mapping[str, str] | str | os.PathLike[str]
"""A map: in Python, or the path of its file."""

_STARS = re.compile(r"\*{1,2}")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A line of a map, before it is known which tensors it is about."""

    left: tuple[Term, ...]
    right: tuple[Term, ...]
    text: str
    file: str | None = None
    line: int | None = None

    @property
    def flipped(self) -> Rule:
        """The same for the way back."""
        return replace(self, left=self.right, right=self.left)

    @property
    def has_stars(self) -> bool:
        """Whether it may be about several tensors."""
        return "*" in self.left[0].name

    def fit(self, name: str) -> tuple[tuple[Term, ...], tuple[Term, ...]] | None:
        """Both sides without stars, where the first tensor on the left is called so."""
        stars = _STARS.split(self.left[0].name)
        kinds = _STARS.findall(self.left[0].name)
        pattern = re.escape(stars[0]) + "".join(
            (r"([^.]+)" if kind == "*" else r"(.+)") + re.escape(text)
            for kind, text in zip(kinds, stars[1:], strict=True)
        )
        found = re.fullmatch(pattern, name)
        if found is None:
            return None
        return _filled(self.left, found.groups()), _filled(self.right, found.groups())

    def problem(self, rule: str, received: str | None = None) -> Problem:
        """What is wrong with it."""
        return Problem(
            where=self.text, rule=rule, received=received, file=self.file, line=self.line
        )


def read_map(given: Given | None) -> tuple[Rule, ...]:
    """The lines of a map, in order; none of None.

    Raises `TwinsError` for a file that is no map, and for every line that is none.
    """
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return _rules(given, None, None)
    file = os.fspath(given)
    try:
        data, positions = read_document(Path(file))
    except Malformed as error:
        problem = Problem(
            where="", rule=error.rule, received=error.received, file=file, line=error.line
        )
        raise TwinsError(str(problem)) from None
    if not isinstance(data, Mapping):
        rule = "a map of twins has lines such as `encoder.weight: layers.0.weight`"
        problem = Problem(where="", rule=rule, received=shown(data), file=file, line=1)
        raise TwinsError(str(problem))
    return _rules(data, file, positions)


def _rules(
    data: Mapping[Any, Any], file: str | None, positions: Positions | None
) -> tuple[Rule, ...]:
    rules, problems = [], []
    for key, value in data.items():
        line = None if positions is None else positions.line((str(key),))
        text = f"{key}: {value}"
        try:
            rules.append(_rule(key, value, text, file, line))
        except ValueError as error:
            problems.append(Problem(where="", rule=str(error), received=text, file=file, line=line))
    for steps, line, first in positions.repeated if positions else ():
        rule = f"{steps[0]!r} stands twice, first on line {first}"
        problems.append(Problem(where="", rule=rule, file=file, line=line))
    if problems:
        raise TwinsError("\n".join(map(str, problems)))
    return tuple(rules)


def _rule(key: object, value: object, text: str, file: str | None, line: int | None) -> Rule:
    if not isinstance(key, str) or not isinstance(value, str):
        raise ValueError("a line of a map has text on both sides of its colon")
    left, right = parse_terms(key), parse_terms(value)
    if min(len(left), len(right)) > 1:
        raise ValueError("one side of a line must be a single tensor")
    if len({tuple(_STARS.findall(term.name)) for term in (*left, *right)}) > 1:
        raise ValueError("every name in a line must have the same stars, in the same order")
    return Rule(left=left, right=right, text=text, file=file, line=line)


def _filled(terms: tuple[Term, ...], stars: tuple[str, ...]) -> tuple[Term, ...]:
    return tuple(_named(term, stars) for term in terms)


def _named(term: Term, stars: tuple[str, ...]) -> Term:
    values = iter(stars)
    return replace(term, name=_STARS.sub(lambda _: next(values), term.name))
