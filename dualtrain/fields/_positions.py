"""Where the keys of a spec file stand: what a reader returns next to the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Malformed", "Positions", "Source", "Steps", "dotted"]

Steps = tuple[str | int, ...]
"""The way to a value from the top: keys, and indices of lists."""


class Malformed(Exception):
    """A file cannot be read as its format; `line` is None where none can be named."""

    def __init__(self, rule: str, line: int | None = None, received: str | None = None) -> None:
        super().__init__(rule)
        self.rule = rule
        self.line = line
        self.received = received


@dataclass
class Positions:
    """Line of each key and list item, from 1."""

    lines: dict[Steps, int] = field(default_factory=lambda: {(): 1})
    repeated: list[tuple[Steps, int, int]] = field(default_factory=list)
    """Keys written again: (steps, line of the repetition, line before it)."""

    def add(self, steps: Steps, line: int) -> None:
        """Note a key; one that is there already is repeated, and what stood under it is gone."""
        if steps in self.lines:
            self.repeated.append((steps, line, self.lines[steps]))
            below = [known for known in self.lines if known[: len(steps)] == steps]
            for known in below:
                del self.lines[known]
        self.lines[steps] = line

    def line(self, steps: Steps) -> int:
        """The line of a key; of the nearest key around it when it is not in the file."""
        while steps not in self.lines:
            steps = steps[:-1]
        return self.lines[steps]


@dataclass(frozen=True)
class Source:
    """Where a spec was found: not what it says, so no part of what makes two specs equal."""

    folder: Path = Path()
    """What the task's relative paths start from."""
    file: str | None = None
    """As the user named it; None for a spec that was built in Python."""
    positions: Positions | None = None

    def dump(self) -> dict[str, Any]:
        """As JSON can have it, for a process that reads the spec from elsewhere."""
        lines = None if self.positions is None else list(self.positions.lines.items())
        return {"folder": str(self.folder), "file": self.file, "lines": lines}

    @classmethod
    def load(cls, dumped: dict[str, Any]) -> Source:
        """What `dump` gave, through JSON."""
        lines = dumped["lines"]
        found = None if lines is None else Positions({tuple(s): line for s, line in lines})
        return cls(Path(dumped["folder"]), dumped["file"], found)

    def place(self, steps: Steps) -> tuple[str | None, int | None]:
        """File and line of a key; of the nearest key around it when it is not in the file."""
        return self.file, None if self.positions is None else self.positions.line(steps)


def dotted(steps: Steps) -> str:
    """The way to a value as users write it.

    >>> dotted(("weight_decay", "exclude", 1))
    'weight_decay.exclude[1]'
    """
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return "".join(parts).removeprefix(".")
