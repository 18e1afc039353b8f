"""A side of a parity run: what it is called, what it trains with, where, and what.

Nothing is known of a side by its name, so two may have the same backend, and a backend from outside
is a side like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from dualtrain.errors import SideError
from dualtrain.spec import Spec

__all__ = ["DEFAULT_SIDES", "Side", "check_sides", "parse_side"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_RULE = (
    "a side's name is that of its files: at most 64 letters, digits, '.', '_' and '-', "
    "the first a letter or a digit"
)


def is_name(name: object) -> bool:
    """Whether files of a report may be called by it.

    >>> is_name("torch-2.4"), is_name("../torch")
    (True, False)
    """
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


MOST_NUDGES = 9
"""Runs for the chaos floor: further ones sharpen nothing."""


def floor_of(name: str, number: int = 1) -> str:
    """The name of a side's own run for the chaos floor, by its number.

    >>> floor_of("torch"), floor_of("torch", 2)
    ('torch-nudged', 'torch-nudged-2')
    """
    return f"{name}-nudged" if number == 1 else f"{name}-nudged-{number}"


@dataclass(frozen=True)
class Side:
    """A name, a backend, an interpreter and a job.

    Raises `SideError` for a name that is none of a file.
    """

    name: str
    """Of its files in the report; errors say it."""
    backend: str
    python: str | Path | None = None
    """The interpreter that runs it, as a shell would take it: one without a folder is looked up in
    PATH, so `./python` must be text. None: this one."""
    spec: Spec | None = None
    """What it trains, where that is not what the others train."""
    nudge: int = 0
    """Above 0, every weight is moved by 1 ULP before training; which way, this number decides."""
    again: str | None = None
    """The side that this one is once more, for the chaos floor; what that one refuses it refuses in
    its own name."""

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise SideError(f"{_RULE}. Received: {self.name!r}")

    def __str__(self) -> str:
        if self.again is None:
            return f"the {self.name} side"
        return f"the {self.again} side, run once more for the floor,"

    def nudged(self, number: int = 1) -> Side:
        """The same side once more, for its chaos floor; each number moves the weights otherwise."""
        name = floor_of(self.name, number)
        return replace(self, name=name, nudge=number, again=self.name)


DEFAULT_SIDES = (Side("torch", "torch"), Side("paddle", "paddle"))


def parse_side(text: str) -> Side:
    """The side that NAME=BACKEND[@PYTHON] says.

    >>> parse_side("old=torch@/opt/old/bin/python").python
    '/opt/old/bin/python'

    Raises `SideError` for any other text.
    """
    name, equals, rest = text.partition("=")
    backend, at, python = rest.partition("@")
    if not (equals and backend) or (at and not python):
        raise SideError(f"a side is NAME=BACKEND or NAME=BACKEND@PYTHON. Received: {text!r}")
    return Side(name, backend, python or None)


def check_sides(sides: Iterable[Side], taken: Iterable[str] = ()) -> None:
    """Refuse sides whose files would be the same, on a disk that ignores case too.

    taken: names that other files of the report have.
    """
    names = {file.lower(): file for file in taken}
    for file in (file for side in sides for file in files_of(side.name)):
        if file.lower() in names:
            raise SideError(
                "each side has files of its own in the report, and upper case makes no other file. "
                f"Received: {names[file.lower()]!r} and {file!r}"
            )
        names[file.lower()] = file


def files_of(name: str) -> tuple[str, str]:
    """What a side of this name leaves in the report: its folder and its trace."""
    return name, f"{name}.trace.jsonl"
