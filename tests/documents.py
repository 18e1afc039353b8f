"""What the documents tell a reader to type: their blocks of code and commands, one by one."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PAGES", "ROOT", "Block", "Command", "blocks", "commands", "inline_commands"]

ROOT = Path(__file__).parents[1]
PAGES = [
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md")
    for path in sorted(ROOT.glob(pattern))
    if path.name != "CHANGELOG.md"  # what once was
]
"""Every document, relative to the repository."""

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    line: int
    """That of its first line of text, counted from 1."""
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """What follows a `$`, without its comment."""

    line: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join(self.words)


def blocks(page: str, language: str | None = None) -> list[Block]:
    """The blocks of a page in order; of all languages, or of one."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [
        Block(text.count("\n", 0, match.start(2)) + 1, match[1], match[2])
        for match in _FENCED.finditer(text)
    ]
    return [block for block in found if language in (None, block.language)]


def commands(page: str) -> list[Command]:
    """What the `console` blocks of a page have a reader type; a comment alone is no command."""
    found = [
        Command(line, tuple(shlex.split(text.removeprefix("$ "), comments=True)))
        for block in blocks(page, "console")
        for line, text in enumerate(block.text.splitlines(), block.line)
    ]
    return [command for command in found if command.words]


def inline_commands(page: str) -> list[Command]:
    """The commands of dualtrain that its sentences name: `dualtrain explain spec.yaml`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    prose = _FENCED.sub(lambda match: "\n" * match[0].count("\n"), text)
    return [
        Command(prose.count("\n", 0, match.start()) + 1, tuple(shlex.split(match[1])))
        for match in re.finditer(r"`(dualtrain [a-z][^`]*)`", prose)
    ]
