"""Parameter groups: which parameters, and the numbers of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dualtrain.reading import DictValue, Item, ListValue, Value, plain
from dualtrain.recipes._signatures import OLD_WORDS
from dualtrain.recipes.parameters._filters import Rule, rule_of, tests_of

__all__ = ["Group", "groups_of"]


@dataclass(frozen=True, slots=True)
class Group:
    """A group as the program writes it."""

    params: Value | None
    values: Mapping[str, Value]
    """Its own numbers, by the optimizer's names."""

    @property
    def items(self) -> tuple[Item, ...]:
        """Its parameters, as far as they are listed."""
        return self.params.items if isinstance(self.params, ListValue) else ()

    def rules(self, *, picks: bool = True) -> list[Rule]:
        """The rules that put parameters into it, or keep them out; none if none can be said."""
        said = (rule_of(one.test, picks=picks is one.holds) for one in tests_of(self.items))
        return [rule for rule in said if rule is not None and rule.atoms]

    @property
    def numbers(self) -> dict[str, Any]:
        """Its numbers, of those that are known."""
        found: dict[str, Any] = {}
        for name, value in self.values.items():
            try:
                found[name] = plain(value)
            except ValueError:
                found[name] = "?"
        return found

    @property
    def own(self) -> bool:
        """Whether it says more than how much it decays."""
        return bool(set(self.values) - {"weight_decay"})


def groups_of(params: Value | None) -> list[Group]:
    """The groups of what an optimizer is given; none where it is given plain parameters."""
    if not isinstance(params, ListValue):
        return []
    found: list[Group] = []
    for item in params.items:
        if not isinstance(item.value, DictValue) or "params" not in item.value.cells:
            continue
        cells = {OLD_WORDS.get(str(k), str(k)): v for k, v in item.value.cells.items()}
        found.append(Group(cells.pop("params"), cells))
    return found
