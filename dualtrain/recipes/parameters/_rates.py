"""Parameter groups with rates or betas of their own, as patterns of names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dualtrain.reading import Known, ListValue, Made, Unknown, Value, plain
from dualtrain.recipes._found import number
from dualtrain.recipes.parameters._filters import Rule, rule_of, tests_of
from dualtrain.recipes.parameters._groups import Group

__all__ = ["Unsaid", "betas_of", "rates_of"]

GLOBS = {"substring": "*{}*", "prefix": "{}*", "suffix": "*{}", "exact": "{}", "glob": "{}"}
"""Kind of a text -> the pattern that says it."""

OTHERS = "*"
"""The pattern of all that the others leave."""

SAID = ("params", "weight_decay", "betas", "name", "names")
"""What of a group is said elsewhere, or says nothing."""


class Unsaid(Exception):
    """No word says the rates or the betas of these groups; the reason."""


def rates_of(groups: Sequence[Group], base: Any, *, multiples: bool) -> list[dict[str, Any]]:
    """`lr_multipliers` of the groups an optimizer is given; empty where all have one rate.

    base: the optimizer's own rate. multiples: whether a group has a multiple of it, as Paddle's
    `learning_rate`, and no rate of its own, as torch's `lr`.

    Raises `Unsaid`.
    """
    word, own = ("learning_rate", "multiplier") if multiples else ("lr", "lr")
    usual = 1.0 if multiples else base
    rates = [_rate(one, word, usual) for one in groups]
    found = _by_pattern(groups, rates, usual)
    return [{"pattern": pattern, own: rate} for pattern, rate in found]


def betas_of(groups: Sequence[Group], base: Any) -> list[dict[str, Any]]:
    """`own_betas` of the groups that torch's optimizer is given; empty where all have one pair.

    base: the optimizer's own pair, as a list.

    Raises `Unsaid`.
    """
    pairs = [_betas(one, base) for one in groups]
    found = _by_pattern(groups, pairs, base)
    return [{"pattern": pattern, "betas": pair} for pattern, pair in found]


def _by_pattern(
    groups: Sequence[Group], values: Sequence[Any], usual: Any
) -> list[tuple[str, Any]]:
    """The patterns of names that have another value than the usual one.

    Raises `Unsaid`.
    """
    if all(value == usual for value in values):
        return []
    found: dict[str, Any] = {}
    for group, value in zip(groups, values, strict=True):
        for pattern in _patterns(group, _of_decay(groups, values)):
            if found.setdefault(pattern, value) != value:
                raise Unsaid(f"groups of {pattern} have both {found[pattern]} and {value}")
    others = found.pop(OTHERS, usual)
    kept = [(pattern, value) for pattern, value in found.items() if value != others]
    return kept if others == usual else [*kept, (OTHERS, others)]


def _rate(group: Group, word: str, usual: Any) -> Any:
    odd = set(group.values) - {word, *SAID}
    if odd:
        raise Unsaid(f"a group has {', '.join(sorted(odd))} of its own: {group.numbers}")
    given = group.values.get(word)
    rate = usual if given is None else number(given)
    if rate is None:
        raise Unsaid(f"the rate of a group cannot be told: {group.numbers}")
    return rate


def _betas(group: Group, usual: Any) -> Any:
    if "betas" not in group.values:
        return usual
    try:
        return list(plain(group.values["betas"]))
    except (ValueError, TypeError):
        raise Unsaid(f"the betas of a group cannot be told: {group.numbers}") from None


def _of_decay(groups: Sequence[Group], rates: Sequence[Any]) -> set[tuple[tuple[str, str], ...]]:
    """The tests by which groups of one rate differ: those of what decays."""
    found = set()
    for group, rate in zip(groups, rates, strict=True):
        for other, same in zip(groups, rates, strict=True):
            if rate == same and group.numbers != other.numbers:
                mine = {(one.atoms, one.inverted) for one in _rules(group)}
                found |= {
                    one.atoms for one in _rules(other) if (one.atoms, not one.inverted) in mine
                }
    return found


def _rules(group: Group) -> list[Rule]:
    """The tests that all hold for what a group has.

    Raises `Unsaid`: one is no test of names.
    """
    tests = [one for c in tests_of(group.items) for one in _parts(c.test, c.holds)]
    rules = [rule_of(test, picks=holds) for test, holds in tests]
    said = [one for one in rules if one is not None and one.atoms]
    if len(said) < len(rules):
        raise Unsaid(f"what picks a group is no test of names: {group.numbers}")
    return said


def _parts(test: Value, holds: bool) -> Iterator[tuple[Value, bool]]:
    """The tests of which all must come out so."""
    if isinstance(test, Unknown) and test.op == "not":
        yield from _parts(test.operands[0], not holds)
    elif isinstance(test, Unknown) and test.op == ("and" if holds else "or"):
        for one in test.operands:
            yield from _parts(one, holds)
    else:
        yield test, holds


def _patterns(group: Group, of_decay: set[tuple[tuple[str, str], ...]]) -> Iterator[str]:
    """The patterns of the names of a group's parameters."""
    module = _module(group.params)
    rules = [one for one in _rules(group) if one.atoms not in of_decay]
    if len(rules) > 1 or (rules and module):
        raise Unsaid(f"a group is picked by several tests: {group.numbers}")
    if not rules:
        yield f"{module}.*" if module else OTHERS
    elif rules[0].inverted:
        yield OTHERS
    else:
        yield from _globs(rules[0])


def _globs(rule: Rule) -> Iterator[str]:
    for kind, text in rule.atoms:
        if kind not in GLOBS or (kind != "glob" and set(text) & set("*?[")):
            raise Unsaid(f"a group is picked by {rule.match}: {', '.join(rule.strings)}")
        yield GLOBS[kind].format(text)


def _module(params: Value | None) -> str:
    """The path of the module whose parameters a group has; empty of a whole model's.

    Raises `Unsaid`: which parameters they are cannot be told.
    """
    over = params.over if isinstance(params, ListValue) else params
    while isinstance(over, Made) and over.path in ("builtins.list", "builtins.filter"):
        over = over.args[-1] if over.args else None
    if not (isinstance(over, Made) and over.path.endswith("parameters")):
        raise Unsaid("which parameters a group has cannot be told")
    names: list[str] = []
    model = over.receiver
    while isinstance(model, Unknown) and model.op == "attr":
        model, name = model.operands
        if isinstance(name, Known) and name.value != "module":
            names.insert(0, str(name.value))
    return ".".join(names)
