"""A Trainer's arguments: what is given, as the argument takes it, or the release's default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dualtrain.files import parse_json
from dualtrain.recipes._record import Found, Hazard
from dualtrain.recipes.trainers._defaults import KINDS, default

__all__ = ["Arguments"]

_TRUE = ("yes", "true", "t", "y", "1")
_FALSE = ("no", "false", "f", "n", "0")


@dataclass(slots=True)
class Arguments:
    """Of one recipe, and what is odd about them so far."""

    family: str
    release: Found
    given: Mapping[str, Found]
    hazards: list[Hazard] = field(default_factory=list)
    _read: dict[str, Found] = field(default_factory=dict)

    @property
    def named(self) -> str | None:
        """The release, where one is named."""
        return self.release.value if self.release.certainty in ("stated", "implied") else None

    def __getitem__(self, name: str) -> Found:
        """An argument; absent where the release has none of that name."""
        if name not in self._read:
            self._read[name] = self._argument(name)
        return self._read[name]

    def value(self, name: str) -> Any:
        """Its value; None where it is absent or unknown."""
        return self[name].value

    def says(self, name: str) -> bool:
        """Whether the recipe gives it."""
        return name in self.given and self[name].certainty != "absent"

    def rule(self, name: str) -> Found:
        """What the release does, as a default that no argument changes."""
        return replace(self._default(name), flag=None)

    def _argument(self, name: str) -> Found:
        if name not in self.given:
            return self._default(name)
        found = self.given[name]
        if self.named is not None and default(self.family, self.named, name).missing:
            text = f"{self.family} {self.named} has no argument {name}: it is refused, or ignored"
            self.hazards.append(Hazard("cli_flag_unknown", found.place, text))
            return Found(certainty="absent")
        return self._converted(name, found) if found.certainty == "stated" else found

    def _default(self, name: str) -> Found:
        known = default(self.family, self.named, name)
        if known.missing:
            return Found(certainty="absent")
        flag = f"--{name}"
        if known.why:
            return Found(None, "unknown", None, "", flag, known.why)
        value = list(known.value) if isinstance(known.value, tuple) else known.value
        how = f"library default of {known.of}"
        return Found(value, "implied", None, how, flag, self.release.why)

    def _converted(self, name: str, found: Found) -> Found:
        kind = KINDS.get(name, float)
        if kind is int and isinstance(default(self.family, self.named, name).value, float):
            kind = float
        try:
            value = _as(kind, found.value)
        except (TypeError, ValueError):
            takes = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "")
            why = f"{name} takes {takes or 'a mapping'}. Received: {found.value!r}"
            return replace(found, value=None, certainty="unknown", why=why)
        file = found.place.file if found.place else ""
        if kind in (int, float) and isinstance(found.value, str) and file.endswith("ml"):
            text = f"{name}: {found.value} is text to a reader of YAML 1.1, and stays text"
            self.hazards.append(Hazard("text_number_in_yaml", found.place, text))
        return replace(found, value=value)


def _as(kind: type, value: Any) -> Any:
    """The value of an argument as the Trainers' parser takes it."""
    if kind is bool and isinstance(value, str):
        if value.lower() not in _TRUE + _FALSE:
            raise ValueError
        return value.lower() in _TRUE
    if kind is dict:
        read = parse_json(value) if isinstance(value, str) else value
        if not isinstance(read, dict | None):
            raise TypeError
        return read
    if value is None:
        return None
    if kind in (int, float) and isinstance(value, bool):
        raise TypeError
    if kind is int and isinstance(value, float) and value != int(value):
        raise ValueError
    if kind is float and isinstance(value, int | float):
        return value
    return kind(value)
