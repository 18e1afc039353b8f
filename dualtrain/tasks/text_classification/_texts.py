"""A data file as texts and labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dualtrain.data import Column, read_table

__all__ = ["Texts", "read_texts"]


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The rows of one data file, in its order; the lists that are there are equally long."""

    path: Path
    texts: list[str]
    pairs: list[str] | None
    """The second text of each row; None where texts stand alone."""
    labels: list[str]
    """Empty where none were asked for."""
    lines: list[int]
    """The line each row starts on, counted from 1: for messages."""


def read_texts(
    path: Path, *, text: str, pair: str | None = None, label: str | None = None
) -> Texts:
    """The columns `text`, and `pair` and `label` if there are any, of a .csv, .tsv or .jsonl file.

    Texts are taken as they stand. A label is a class's name, so white space around it is refused.

    Raises `DataError` with file, line and column for the first thing that is wrong.

    >>> read_texts(Path("train.csv"), text="text", label="label").labels
    ['neg', 'pos']
    """
    second = [] if pair is None else [Column(pair, "text")]
    last = [] if label is None else [Column(label, "name")]
    table = read_table(path, [Column(text, "text"), *second, *last])
    texts, *more = table.cells
    return Texts(
        path=path,
        texts=texts,
        pairs=None if pair is None else more[0],
        labels=[] if label is None else more[-1],
        lines=table.lines,
    )
