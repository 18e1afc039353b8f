"""Fields and hazards as they come out of one tree of a configuration."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dualtrain.reading import Node, Place
from dualtrain.recipes._record import Found, Hazard

__all__ = ["Reading", "frozen", "number"]

REFUSED = "stays text, which Paddle refuses"


def number(text: str) -> float | None:
    """What a text says that is a number to Python, and was none to the reader of YAML.

    >>> number("1e-4"), number("2e-3"), number("cosine"), number("nan")
    (0.0001, 0.002, None, None)
    """
    if not any(letter.isdigit() for letter in text):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _flat(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass(slots=True)
class Reading:
    """What a tree says so far, and the repository's code whose rules are applied to it."""

    tree: Node
    code: str
    """Whose code: `PaddleSeg`."""
    text_numbers: str = REFUSED
    """What that code does with a number that YAML takes as text."""
    fields: dict[str, Found] = field(default_factory=dict)
    hazards: list[Hazard] = field(default_factory=list)

    def has(self, path: str) -> bool:
        """Whether a key has a value; a key with nothing after it has none."""
        node = self.tree.get(path)
        return node is not None and node.value is not None

    def place(self, path: str) -> Place:
        """Where a key stands; the top of the tree where it does not."""
        node = self.tree.get(path)
        return self.tree.place if node is None else node.place

    def value(self, path: str, default: Any = None) -> Any:
        """The value of a key, numbers out of text; a hazard says so of each."""
        node = self.tree.get(path)
        return default if node is None or node.value is None else self._read(node, path)

    def _read(self, node: Node, path: str) -> Any:
        if isinstance(node.value, list):
            return [self._read(item, path) for item in node.value]
        if not isinstance(node.value, str):
            return node.plain()
        read = number(node.value)
        if read is None:
            return node.value
        self.warn(
            "text_number_in_yaml",
            node.place,
            f"{path}: {node.value} is text to a reader of YAML 1.1, and {self.text_numbers}",
        )
        return read

    def items(self, path: str) -> Iterator[tuple[str, Node]]:
        """(path, node) of each item of a list."""
        node = self.tree.get(path)
        items = node.value if node is not None and isinstance(node.value, list) else ()
        for index, item in enumerate(items):
            yield f"{path}.{index}", item

    def figure(self, path: str, default: float | None = None) -> Any:
        """The value of a key that is a number; the default where it is none."""
        value = self.value(path)
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        return value if plain else default

    def take(self, name: str, path: str, default: Any = None, of: str = "") -> Any:
        """A field as a key states it, or the default that the code has for it; its value.

        None of a key whose value is no number, no list of numbers and no switch.
        """
        if self.has(path):
            value = self.value(path)
            if not all(isinstance(item, int | float) for item in _flat(value)):
                self.doubt(name, f"{path} is no number. Received: {value!r}", path)
                return None
            self.state(name, value, path)
            return value
        if default is not None:
            self.imply(name, default, f"default of {of or self.code}", path)
        return default

    def take_words(self, name: str, path: str) -> None:
        """A field as a key states it in words."""
        if self.has(path):
            self.state(name, self.value(path), path)

    def state(self, name: str, value: Any, path: str, how: str = "configuration") -> None:
        """A field that a key decides, where its value is put together from what the key says."""
        self.fields[name] = Found(value, "stated", self.place(path), how, path)

    def imply(self, name: str, value: Any, how: str, flag: str | None = None) -> None:
        """A field that the code decides, and no key."""
        self.fields[name] = Found(value, "implied", None, how, flag)

    def doubt(self, name: str, why: str, path: str | None = None, part: Any = None) -> None:
        """A field whose value the tree cannot tell."""
        place = None if path is None else self.place(path)
        self.fields[name] = Found(part, "unknown", place, flag=path, why=why)

    def remark(self, name: str, why: str) -> None:
        """Add to what is said of a field that is there."""
        old = self.fields[name]
        self.fields[name] = replace(old, why="; ".join(filter(None, (old.why, why))))

    def warn(self, code: str, place: Place | None, text: str, mends: str = "") -> None:
        """A hazard; the same one of the same place once."""
        hazard = Hazard(code, place, text, mends)
        if hazard not in self.hazards:
            self.hazards.append(hazard)

    def dead(self, path: str, known: Collection[str], who: str) -> None:
        """Warn of the keys of a mapping that the class which takes them never reads."""
        node = self.tree.get(path)
        keys: Mapping[str, Node] = node.value if node is not None else {}
        for key, item in keys.items():
            if key not in known and item.value not in (None, "None"):
                self.warn(
                    "dead_flag", item.place, f"{path}.{key}: {who} takes it and never reads it"
                )


def frozen(tree: Node, above: str = "") -> Iterator[tuple[str, Node]]:
    """(path, node) of each key that says that something stands still.

    >>> at = Place("a.yml", 1)
    >>> stages = Node({"frozen_stages": Node(-1, at), "freeze_norm": Node(True, at)}, at)
    >>> [path for path, _ in frozen(Node({"model": stages}, at))]
    ['model.freeze_norm']
    """
    if isinstance(tree.value, list):
        for index, item in enumerate(tree.value):
            yield from frozen(item, f"{above}{index}.")
    elif isinstance(tree.value, dict):
        for key, item in tree.value.items():
            path = f"{above}{key}"
            if isinstance(item.value, dict | list):
                yield from frozen(item, f"{path}.")
            elif re.search("freez|frozen", key) and _stands(item.value):
                yield path, item


def _stands(value: Any) -> bool:
    if isinstance(value, bool) or value is None:
        return bool(value)
    return value >= 0 if isinstance(value, int | float) else True
