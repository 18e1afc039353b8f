"""Fields and hazards as they come out of one tree of a configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dualtrain.reading import Node, Place
from dualtrain.recipes._record import ABSENT, Found, Hazard

__all__ = ["Claim", "Reading", "frozen", "named", "number"]

LARGE = 1e15
"""A number of this size is none that a recipe means; nor is one that is not finite."""
STATED = ("stated", "configuration")
CURVE = ("end_lr", "gamma", "step_size", "milestones", "values", "power", "num_cycles", "length")
"""What a schedule's class decides, of one that is not known."""

UNASKED = {
    "accumulate": "(?i)accum|update_freq",
    "amp": r"(?i)(^|_)amp(_|$)|fp16|bf16|^precision",
    "betas": "^$",
    "clip": "(?i)clip",
    "eps": "^$",
    "nesterov": "^$",
}
"""Field -> keys that would decide it in another repository: without any, it is as a plain loop or
the framework's own class has it."""

OF_CODE = ("sched_last_epoch_offset",)
"""Hazards that rest on how a class is written."""

LISTS = ("betas", "milestones", "values")
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


def _figure(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < LARGE


def _flat(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a family's rules take for granted of the repository's code."""

    file: str
    says: str
    """A regular expression that is found in the file where the rule holds."""
    fields: tuple[str, ...]
    """The fields that rest on it, unless a key states them as they are."""
    hazards: tuple[str, ...] = ()
    """The hazards that rest on it."""


@dataclass(slots=True)
class Reading:
    """What a tree says so far, and the repository's code whose rules are applied to it."""

    tree: Node
    code: str
    """Whose code: `PaddleSeg`."""
    text_numbers: str = REFUSED
    """What that code does with a number that YAML takes as text."""
    casts: tuple[str, ...] = ()
    """Keys that it casts by float(), text or not."""
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
        then = "becomes a number by float()" if path in self.casts else self.text_numbers
        text = f"{path}: {node.value} is text to a reader of YAML 1.1, and {then}"
        self.warn("text_number_in_yaml", node.place, text)
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
        return value if _figure(value) and not isinstance(value, bool) else default

    def word(self, path: str, default: str = "") -> str:
        """The value of a key that is text; the default where it is none."""
        value = self.value(path)
        return value if isinstance(value, str) else default

    def take(self, name: str, path: str, default: Any = None, of: str = "") -> Any:
        """A field as a key states it, or the default that the code has for it; its value.

        None of a key whose value is no number and no switch, or no list of them where the field
        wants one.
        """
        if self.has(path):
            value = self.value(path)
            wanted = isinstance(value, list) == (name in LISTS) or name == "gamma"
            if not (wanted and value != [] and all(map(_figure, _flat(value)))):
                self.doubt(name, f"{path} must be a number. Received: {value!r:.60}", path)
                return None
            self.state(name, value, path)
            return value
        if default is not None:
            self.imply(name, default, f"default of {of or self.code}", path)
        return default

    def need(self, name: str, path: str) -> Any:
        """A field that a key must state; its value."""
        if not self.has(path):
            self.doubt(name, f"{path} is not given, and the code has no default for it", path)
            return None
        return self.take(name, path)

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
        """Add to what is said of a field, if it is there."""
        old = self.fields.get(name)
        if old is not None:
            self.fields[name] = replace(old, why="; ".join(filter(None, (old.why, why))))

    def decays(self) -> bool:
        """Whether there is a decay other than 0."""
        decay = self.fields.get("weight_decay")
        return decay is not None and bool(decay.value)

    def hold(self, claims: Iterable[Claim], code: Callable[[str], str | None]) -> None:
        """Doubt fields and drop hazards that the code at hand does not bear out."""
        for claim in claims:
            text = code(claim.file)
            if text is None or re.search(claim.says, text):
                continue
            self.hazards = [one for one in self.hazards if one.code not in claim.hazards]
            for name in claim.fields:
                found = self.fields.get(name, Found(certainty="unknown"))
                if found.certainty != "unknown" and (found.certainty, found.how) != STATED:
                    why = f"{claim.file} is not as {self.code} has it: read what it does"
                    self.doubt(name, why, found.flag)

    def leave(self, entry: str) -> None:
        """Doubt all that rests on code, of a repository that has other code."""
        why = f"{entry} does not train with {self.code}: read what it does with the keys"
        own = self.fields.get("schedule", ABSENT)
        curve = CURVE if own.value == "custom" else ()
        for name in (*self.fields, *(one for one in curve if one not in self.fields)):
            found = self.fields.get(name, ABSENT)
            about = UNASKED.get(name)
            if about is not None and not any(True for _ in named(self.tree, about)):
                continue
            stated = (found.certainty, found.how) == STATED and found.value != "custom"
            if found.certainty != "unknown" and not stated:
                self.doubt(name, why, found.flag)
        self.hazards = [one for one in self.hazards if one.code not in OF_CODE]

    def unreached(self, epochs: int | None) -> None:
        """Warn of milestones, in epochs, that training does not come to."""
        milestones = self.fields.get("milestones")
        if milestones is None or not isinstance(milestones.value, list) or not epochs:
            return
        late = [epoch for epoch in milestones.value if epoch >= epochs]
        if late and milestones.how != "computed":
            text = f"training ends after {epochs} epochs, before the milestones {late}"
            self.warn("sched_longer_than_training", milestones.place, text, "duration")

    def warn(self, code: str, place: Place | None, text: str, mends: str = "") -> None:
        """A hazard; the same one of the same place once."""
        hazard = Hazard(code, place, text, mends)
        if hazard not in self.hazards:
            self.hazards.append(hazard)

    def dead(self, path: str, known: Collection[str], who: str) -> None:
        """Warn of the keys of a mapping that the class which takes them never reads."""
        node = self.tree.get(path)
        keys = node.value if node is not None and isinstance(node.value, dict) else {}
        for key, item in keys.items():
            if key not in known and item.value not in (None, "None"):
                self.warn(
                    "dead_flag", item.place, f"{path}.{key}: {who} takes it and never reads it"
                )


def named(tree: Node, pattern: str, above: str = "") -> Iterator[tuple[str, Node]]:
    """(path, node) of each key that has something of a regular expression.

    >>> at = Place("a.yml", 1)
    >>> stages = Node({"frozen_stages": Node(-1, at), "depth": Node(50, at)}, at)
    >>> [path for path, _ in named(Node({"model": stages}, at), "frozen")]
    ['model.frozen_stages']
    """
    if isinstance(tree.value, list):
        for index, item in enumerate(tree.value):
            yield from named(item, pattern, f"{above}{index}.")
    elif isinstance(tree.value, dict):
        for key, item in tree.value.items():
            path = f"{above}{key}"
            if re.search(pattern, key):
                yield path, item
            else:
                yield from named(item, pattern, f"{path}.")


def frozen(tree: Node) -> list[str]:
    """The keys that say that something stands still."""
    found = named(tree, "freez|frozen")
    return [path for path, item in found if any(_stands(one) for one in _flat(item.plain()))]


def _stands(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return bool(value)
    return value >= 0
