"""Rules that name parameters: by role, by pattern, by substring, by number of dimensions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from dualtrain.ledger._parameter import Parameter, roles_of
from dualtrain.spec import Spec

__all__ = ["ParameterRule", "first", "nothing_matched"]


@dataclass(frozen=True)
class ParameterRule:
    """One rule of a spec; as text e.g. `role norm`."""

    field: str
    """The spec field it stands in."""
    kind: Literal["role", "pattern", "substring", "regex", "ndim below"]
    """How it names parameters."""
    value: str
    """What it names them by."""

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

    def text_for(self, parameter: Parameter) -> str:
        """The rule as it fired for a parameter: `role norm (assumed)` where that is not certain."""
        assumed = self.kind == "role" and self.value == "norm" and parameter.kind == "unknown"
        return f"{self} (assumed)" if assumed else str(self)

    def holds(self, parameter: Parameter) -> bool:
        """Whether it names this parameter, by any of its names."""
        match self.kind:
            case "role":
                return self.value in roles_of(parameter)
            case "pattern":
                return any(fnmatchcase(name, self.value) for name in parameter.names)
            case "substring":
                names = (parameter.structured, *parameter.structured_aliases)
                return any(self.value in name for name in names)
            case "regex":
                return any(re.search(self.value, name) for name in parameter.names)
            case "ndim below":
                return len(parameter.shape) < int(self.value)


def first(rules: Iterable[ParameterRule], parameter: Parameter) -> ParameterRule | None:
    """The first of the rules that names the parameter."""
    return next((rule for rule in rules if rule.holds(parameter)), None)


def nothing_matched(
    rules: Iterable[ParameterRule], parameters: Sequence[Parameter], spec: Spec
) -> list[str]:
    """One sentence for each rule that names no parameter at all, with its file and line."""
    return [
        f"{_place(rule, spec)}{rule.field}: {rule.kind} {_quoted(rule)} matches none of the "
        f"model's {len(parameters)} parameters.{_hint(rule, parameters)} {_cure(rule)}"
        for rule in rules
        if not any(rule.holds(parameter) for parameter in parameters)
    ]


def _place(rule: ParameterRule, spec: Spec) -> str:
    """`spec.yaml:7: ` of a spec that was read from a file."""
    steps: list[str | int] = []
    at: Any = spec
    for word in re.findall(r"[a-z_]+|\d+", rule.field):
        steps.append(int(word) if word.isdecimal() else word)
        at = at[int(word)] if word.isdecimal() else getattr(at, word)
    if isinstance(at, tuple) and rule.value in at:
        steps.append(at.index(rule.value))
    file, line = spec.source.place(tuple(steps))
    return "" if file is None else f"{file}:{line}: "


def _cure(rule: ParameterRule) -> str:
    """What to write instead."""
    value = rule.value.lower()
    if rule.kind != "substring" or not any(word in value for word in ("norm", "ln", "bias")):
        return "Correct it, or leave it out."
    return (
        "Write exclude: [bias, norm] instead, which finds both in either framework by what they "
        "are, whatever they are called."
    )


def _quoted(rule: ParameterRule) -> str:
    return rule.value if rule.kind == "ndim below" else repr(rule.value)


def _hint(rule: ParameterRule, parameters: Sequence[Parameter]) -> str:
    """A name that may have been meant."""
    if rule.kind in ("role", "ndim below"):
        return ""
    names = [
        name
        for p in parameters
        for name in ((p.structured, *p.structured_aliases) if rule.kind == "substring" else p.names)
    ]
    near = [name for name in names if rule.value.strip("*").lower() in name.lower()]
    near = near or difflib.get_close_matches(rule.value, names, n=1)
    return f" Near: {near[0]!r}." if near else ""
