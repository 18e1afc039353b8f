"""Make the example's data: sentences of Python's documentation, the code in them tagged.

The text comes with Python itself (`pydoc_data.topics`, what `help("with")` prints), which has code
in double quotes. The quotes are taken away, and what stood in them is an entity: a special method
(`special`), an exception (`error`), or other code (`code`). The same Python version makes the same
files; versions differ by some sentences.

    python make_data.py        writes data/train.conll and data/eval.conll next to this file
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics

EVAL, TRAIN = 160, 640
"""Sentences in the two splits: fixed, so that a run has as many updates with every Python."""

QUOTED = re.compile(r'"([^"\s]+(?: [^"\s]+){0,3})"')
"""Code of one to four words."""

Rows = tuple[tuple[str, str], ...]


def kind(code: str) -> str:
    """What an entity is, by its first word."""
    first = code.split()[0]
    if re.search(r"__\w+__", first):
        return "special"
    return "error" if re.search(r"(Error|Exception|StopIteration)$", first) else "code"


def tagged(sentence: str) -> Rows:
    """(word, tag) of each word; punctuation is a word of its own."""
    rows = []
    for place, part in enumerate(QUOTED.split(sentence)):  # every second one stood in quotes
        if place % 2:
            begun = (f"{'I' if i else 'B'}-{kind(part)}" for i in range(len(part.split())))
            rows += zip(part.split(), begun, strict=True)
        else:
            rows += [(word, "O") for word in re.findall(r"\w+|[^\w\s]", part)]
    return tuple(rows)


def sentences() -> Iterator[Rows]:
    """Each sentence of prose with code in it, once."""
    for topic in sorted(topics):
        for block in topics[topic].split("\n\n"):
            for sentence in re.split(r"(?<=[.:])\s", " ".join(block.split())):
                prose = sum(map(str.isalpha, sentence)) > len(sentence) / 2
                if prose and 30 <= len(sentence) <= 160 and QUOTED.search(sentence):
                    rows = tagged(sentence)
                    if all(word != '"' for word, _ in rows):
                        yield rows


def write(path: Path, split: list[Rows]) -> None:
    """Write a split and print what is in it."""
    lines = ["\n".join(f"{word}\t{tag}" for word, tag in rows) + "\n" for rows in split]
    path.write_text("\n".join(lines), encoding="utf-8")
    found = Counter(tag[2:] for rows in split for _, tag in rows if tag.startswith("B-"))
    told = ", ".join(f"{count} {name}" for name, count in sorted(found.items()))
    print(f"{path.name}: {len(split)} sentences; {told}")


def main() -> None:
    """Write both splits; no sentence is in both. In the order of their SHA-256."""
    order = sorted(set(sentences()), key=lambda rows: hashlib.sha256(repr(rows).encode()).digest())
    if len(order) < EVAL + TRAIN:
        raise SystemExit(f"there must be {EVAL + TRAIN} sentences. Received: {len(order)}")
    folder = Path(__file__).resolve().parent / "data"
    folder.mkdir(exist_ok=True)
    write(folder / "eval.conll", order[:EVAL])
    write(folder / "train.conll", order[EVAL : EVAL + TRAIN])


if __name__ == "__main__":
    main()
