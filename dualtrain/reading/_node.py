"""A value of a configuration with the line that it stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dualtrain.reading._place import Place

__all__ = ["Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar, a `dict[str, Node]` or a `list[Node]`, and its place.

    >>> rate = Node(0.01, Place("base.yml", 7))
    >>> tree = Node({"lr": Node({"value": rate}, Place("base.yml", 6))}, Place("a.yml", 1))
    >>> str(tree.get("lr.value").place), tree.get("lr.end"), tree.plain()
    ('base.yml:7', None, {'lr': {'value': 0.01}})
    """

    value: Any
    place: Place
    tag: str = ""
    """What a tag of YAML says, such as `PiecewiseDecay` of `!PiecewiseDecay`."""

    def get(self, path: str) -> Node | None:
        """What a dotted path leads to, items of a list by number; None where it leads nowhere."""
        node = self
        for word in path.split("."):
            if isinstance(node.value, dict) and word in node.value:
                node = node.value[word]
            elif isinstance(node.value, list) and word.isdigit() and int(word) < len(node.value):
                node = node.value[int(word)]
            else:
                return None
        return node

    def plain(self) -> Any:
        """The value without places, as a reader of YAML or JSON gives it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value
