"""A data file as sentences: words, and a BIO tag for each. CoNLL columns or JSON Lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dualtrain.data import json_objects, read_utf8, refusal, shown

__all__ = ["OUTSIDE", "Sentence", "Sentences", "check_tags", "read_sentences"]

BETWEEN_DOCUMENTS = "-DOCSTART-"
"""The word that CoNLL-2003 has between two documents, in a sentence of its own: no text."""


OUTSIDE = "O"
"""The tag of a word outside all entities."""

BETWEEN_COLUMNS = re.compile(r"[ \t]+")
"""No other white space: a word may have a no-break space in it."""


class Sentence(NamedTuple):
    """Words and their tags, equally many; no tags where only words were asked for."""

    lines: list[int]
    """The line that each word stands on, counted from 1."""
    words: list[str]
    tags: list[str]

    @property
    def line(self) -> int:
        """The line it starts on: for messages."""
        return self.lines[0]


@dataclass(frozen=True, kw_only=True)
class Sentences:
    """The sentences of one file, in its order."""

    path: Path
    sentences: list[Sentence]

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags, sorted by code point."""
        return tuple(sorted({tag for one in self.sentences for tag in one.tags}))


def read_sentences(path: Path, *, tokens: str, labels: str | None) -> Sentences:
    """The sentences of a .conll or .jsonl file.

    tokens, labels: the keys of a JSON Lines file. labels None: the words alone, in either file.

    Raises `DataError` with file and line for the first thing that is wrong, as a tag that is no BIO
    tag.

    >>> read_sentences(Path("train.conll"), tokens="tokens", labels="labels").tags
    ('B-PER', 'I-PER', 'O')
    """
    kind = path.suffix.lower()
    if kind not in (".conll", ".jsonl"):
        raise refusal("must end in .conll or .jsonl", path=path, received=shown(path.suffix))
    content = read_utf8(path)
    if kind == ".conll":
        found = _conll(content, path, tagged=labels is not None)
    else:
        found = _jsonl(content, path, tokens, labels)
    sentences = list(found)
    if not sentences:
        raise refusal("must have a sentence", path=path, received="none")
    return Sentences(path=path, sentences=sentences)


def check_tags(held_out: Sentences, known: tuple[str, ...]) -> None:
    """Refuse a tag that the train split does not have: the model could never give it."""
    for one in held_out.sentences:
        for tag in one.tags:
            if tag not in known:
                raise refusal(
                    "a tag of the held-out split must be one of the train split's, "
                    f"{', '.join(map(shown, known))}",
                    path=held_out.path,
                    line=one.line,
                    received=shown(tag),
                )


def _conll(content: str, path: Path, *, tagged: bool) -> Iterator[Sentence]:
    """A line a word, its columns apart by spaces or tabs: word first, tag last; empty lines end."""
    lines, words, tags = list[int](), list[str](), list[str]()
    for number, line in enumerate([*content.split("\n"), ""], start=1):
        line = line.strip(" \t\r")
        if not line:
            if words and words != [BETWEEN_DOCUMENTS]:
                yield Sentence(lines, words, tags)
            lines, words, tags = [], [], []
            continue
        columns = BETWEEN_COLUMNS.split(line)
        lines.append(number)
        words.append(columns[0])
        if not tagged:
            continue
        if len(columns) < 2:
            raise refusal(
                "a line must have a word, a space or tab, and a tag; or nothing between sentences",
                path=path,
                line=number,
                received=shown(line),
            )
        _check(columns[-1], tags, path, number)
        tags.append(columns[-1])


def _jsonl(content: str, path: Path, tokens: str, labels: str | None) -> Iterator[Sentence]:
    for number, value in json_objects(content, path):
        words = _list(value, tokens, path, number)
        tags = [] if labels is None else _list(value, labels, path, number)
        if not words:
            raise refusal("a sentence must have a word", path=path, line=number, received="none")
        if labels is not None and len(words) != len(tags):
            raise refusal(
                "a sentence must have one tag for each word",
                path=path,
                line=number,
                received=f"{len(words)} words, {len(tags)} tags",
            )
        for place, tag in enumerate(tags):
            _check(tag, tags[:place], path, number)
        yield Sentence([number] * len(words), words, tags)


def _list(value: dict[str, Any], key: str, path: Path, line: int) -> list[str]:
    found = value.get(key)
    if isinstance(found, list) and all(isinstance(item, str) and item for item in found):
        return found
    rule = "must be a list of texts, none empty; tags by name, not by number"
    received = shown(found) if key in value else "nothing"
    raise refusal(rule, path=path, line=line, column=key, received=received)


def _check(tag: str, before: list[str], path: Path, line: int) -> None:
    """A tag of the scheme BIO (IOB2): O, B-NAME, or I-NAME after either tag of that name."""
    mark, dash, name = tag.partition("-")
    if tag != OUTSIDE and not (mark in ("B", "I") and dash and name):
        raise refusal(
            "a tag must be O, B-NAME or I-NAME (BIO)", path=path, line=line, received=shown(tag)
        )
    if mark == "I" and (not before or before[-1] not in (f"B-{name}", f"I-{name}")):
        raise refusal(
            f"I-{name} must follow B-{name} or I-{name}: an entity begins with B (BIO, IOB2; where "
            "a file has IOB1, write B for each first I)",
            path=path,
            line=line,
            received=f"{shown(tag)} after {shown(before[-1]) if before else 'nothing'}",
        )
