"""A report's folder: summary.md reads as summary.json says, and no name in it is markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from benchmarks.fuzz._call import hidden
from benchmarks.fuzz._trees import parsed

__all__ = ["faults_of"]

PNG = b"\x89PNG\r\n\x1a\n"
COLUMNS = 7
MEANT = {
    *("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "text"),
    *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
    *(f"{part}_{end}" for part in ("table", "thead", "tbody", "tr") for end in ("open", "close")),
    *("th_open", "th_close", "td_open", "td_close"),
}
"""What a summary is made of; whatever else a reader of Markdown finds came with a name."""

LONG = re.compile(r"\S{200}")
"""Longer words are cut."""


def faults_of(folder: Path) -> Iterator[str]:
    """What is wrong with the files of a report."""
    try:
        said = parsed((folder / "summary.json").read_bytes())
        text = (folder / "summary.md").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        yield f"the report cannot be read: {error!r}"
        return
    yield from hidden("summary.md", text)
    for path in folder.glob("*.png"):
        if not path.read_bytes().startswith(PNG):
            yield f"{path.name} is no picture"
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    found = {part.type for token in tokens for part in (token, *(token.children or ()))}
    if not found <= MEANT:
        yield f"summary.md has {sorted(found - MEANT)}: {text!a:.1500}"
        return
    rows, rest = _read(tokens)
    findings = said["findings"]
    yield from _unlike("stages", [row[0] for row in rows], [one["stage"] for one in findings])
    yield from _unlike("details", [row[-1] for row in rows], [one["detail"] for one in findings])
    if any(len(row) != COLUMNS for row in rows):
        yield f"rows of {[len(row) for row in rows]} cells, not {COLUMNS}"
    title = " against ".join([side["name"] for side in said["sides"]])
    yield from _unlike("title", rest[:1], [title] if len(said["sides"]) == 2 else rest[:1])
    yield from _unlike("sentence", rest[1:2], [said["sentence"]])
    sides = rest[-len(said["sides"]) :]
    yield from _unlike("remarks", rest[2:], [*said["remarks"], *sides])


def _read(tokens: list[Token]) -> tuple[list[list[str]], list[str]]:
    """The cells of each row under the table's head, and all other texts in order."""
    rows: list[list[str]] = []
    rest: list[str] = []
    for before, token in pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            text = "".join(part.content for part in token.children or ())
            (rows[-1] if before.type in ("th_open", "td_open") else rest).append(text)
    return rows[1:], rest


def _unlike(what: str, found: list[str], said: list[str]) -> Iterator[str]:
    """The texts that are others; what is written out or cut is not looked into."""
    if len(found) != len(said):
        yield f"{len(found)} {what} in summary.md, {len(said)} in summary.json: {found!a:.600}"
        return
    for ours, theirs in zip(found, said, strict=True):
        if not theirs.isprintable() or LONG.search(theirs):
            continue
        if ours.split() != theirs.split():
            yield f"{what} in summary.md {ours!a:.300}, in summary.json {theirs!a:.300}"
