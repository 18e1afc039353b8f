"""Rules that name parameters: by role, by pattern, by substring, by number of dimensions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from dualtrain.ledger._parameter import Parameter, roles_of

__all__ = ["Rule", "first", "nothing_matched"]


@dataclass(frozen=True)
class Rule:
    """One rule of a spec; as text e.g. `role norm`."""

    field: str
    """The spec field it stands in."""
    kind: Literal["role", "pattern", "substring", "ndim below"]
    """How it names parameters."""
    value: str
    """What it names them by."""

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

    def holds(self, parameter: Parameter) -> bool:
        """Whether it names this parameter."""
        match self.kind:
            case "role":
                return self.value in roles_of(parameter)
            case "pattern":
                return fnmatchcase(parameter.name, self.value)
            case "substring":
                return self.value in parameter.structured
            case "ndim below":
                return len(parameter.shape) < int(self.value)


def first(rules: Iterable[Rule], parameter: Parameter) -> Rule | None:
    """The first of the rules that names the parameter."""
    return next((rule for rule in rules if rule.holds(parameter)), None)


def nothing_matched(rules: Iterable[Rule], parameters: Sequence[Parameter]) -> list[str]:
    """One sentence for each rule that names no parameter at all."""
    return [
        f"{rule.field}: {rule.kind} {_quoted(rule)} matches none of the model's "
        f"{len(parameters)} parameters.{_hint(rule, parameters)} Correct it, or leave it out."
        for rule in rules
        if not any(rule.holds(parameter) for parameter in parameters)
    ]


def _quoted(rule: Rule) -> str:
    return rule.value if rule.kind == "ndim below" else repr(rule.value)


def _hint(rule: Rule, parameters: Sequence[Parameter]) -> str:
    """A name that may have been meant."""
    if rule.kind in ("role", "ndim below"):
        return ""
    names = [p.structured if rule.kind == "substring" else p.name for p in parameters]
    near = [name for name in names if rule.value.strip("*").lower() in name.lower()]
    near = near or difflib.get_close_matches(rule.value, names, n=1)
    return f" Near: {near[0]!r}." if near else ""
