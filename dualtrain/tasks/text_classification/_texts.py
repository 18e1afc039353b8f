"""A data file as texts and labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dualtrain.data import Column, read_table

__all__ = ["Texts", "read_texts"]


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The rows of one data file, in its order; the three lists are equally long."""

    path: Path
    texts: list[str]
    labels: list[str]
    lines: list[int]
    """The line each row starts on, counted from 1: for messages."""


def read_texts(path: Path, *, text: str, label: str) -> Texts:
    """The columns `text` and `label` of a .csv, .tsv or .jsonl file.

    Texts are taken as they stand. A label is a class's name, so white space around it is refused.

    Raises `DataError` with file, line and column for the first thing that is wrong.

    >>> read_texts(Path("train.csv"), text="text", label="label").labels
    ['neg', 'pos']
    """
    table = read_table(path, [Column(text, "text"), Column(label, "name")])
    texts, labels = table.cells
    return Texts(path=path, texts=texts, labels=labels, lines=table.lines)
