"""Data files: the rows that are taken are those that an independent reader finds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.fuzz._bytes import changed_line, damaged
from benchmarks.fuzz._call import REFUSED, call, complaints
from benchmarks.fuzz._kind import Judgement, Kind, damage
from benchmarks.fuzz._trees import parsed, quoted
from dualtrain.spec import load_spec
from dualtrain.tasks import Task
from dualtrain.tasks.regression import Regression

__all__ = ["Data"]

TEXTS = (
    *(("the tin roof", "metal"), ("an oak, a beech", "tree"), ('a "silver" spoon', "metal")),
    *(
        ("one line\nand another", "tree"),
        ("\u94c1\u548c\u94dc", "metal"),
        ("l'\u00e9rable \U0001f341", "tree"),
    ),
    *(("iron ore", "metal"), ("a willow", "tree"), ("[bold]lead[/bold]", "metal")),
)
NUMBERS = ((0.5, 1, -3), (2, 1e-3, 4), (-1.25, 0, 0), (1e5, 7, 2.5), (3, 2, 1), (0, -9, 8.125))

SPEC = """\
optimizer: {{name: adamw, lr: 0.1}}
schedule: {{name: linear}}
batch: {{size: 2}}
duration: {{epochs: 2}}
task: {task}
"""
TEXT_TASK = (
    "{{name: text_classification, train: train{0}, eval: eval{0}, text: text, label: label, "
    "model: {{family: bert, hidden_size: 8, layers: 1, heads: 2, max_length: 8}}}}"
)
PAIR_TASK = TEXT_TASK.replace("text: text,", "text: text, pair: other,")
NUMBER_TASK = (
    "{{name: regression, train: train{0}, eval: eval{0}, features: [a, b], target: y, "
    "standardise: false, model: {{hidden: [4], activation: tanh}}}}"
)


Table = list[dict[str, Any]]


class Data(Kind):
    """CSV, TSV and JSON Lines of texts, of pairs and of numbers, through `check`."""

    name = "data"

    def make(self, folder: Path) -> None:
        """Each format, of each task."""
        texts: Table = [dict(zip(("text", "label"), row, strict=True)) for row in TEXTS]
        numbers: Table = [dict(zip(("a", "b", "y"), row, strict=True)) for row in NUMBERS]
        pairs: Table = [
            {"text": row["text"], "other": other["text"], "label": row["label"]}
            for row, other in zip(texts, texts[::-1], strict=True)
        ]
        for name, rows, task in (
            ("texts", texts, TEXT_TASK),
            ("pairs", pairs, PAIR_TASK),
            ("numbers", numbers, NUMBER_TASK),
        ):
            for ending, write in WRITERS.items():
                here = folder / f"{name}{ending}"
                here.mkdir()
                (here / "spec.yaml").write_text(SPEC.format(task=task.format(ending)))
                for split, part in (("train", rows), ("eval", rows[:4])):
                    (here / f"{split}{ending}").write_text(write(part), "utf-8", newline="")

    def mutate(self, draw: Random, folder: Path) -> str:
        """A change to a JSON value, to bytes, or to what stands there."""
        path = draw.choice(sorted(folder.glob("[te]*.*")))
        return damage(draw, path, _change)

    def judge(self, original: Path, folder: Path) -> Judgement:
        """`check`, and the rows."""
        spec = folder / "spec.yaml"
        answer = call("check", spec)
        faults = list(complaints(answer, folder, allowed=(0, REFUSED)))
        if "not planned" in answer.out:  # the file is not there
            return Judgement("not there", tuple(faults))
        if answer.status:
            return Judgement("refused", tuple(faults))
        return Judgement("accepted", (*faults, *_unlike(spec, next(folder.glob("train*")).suffix)))


def _change(draw: Random, data: bytes, path: Path) -> tuple[bytes, str]:
    in_line = path.suffix == ".jsonl" and draw.random() < 0.6
    return changed_line(draw, data) if in_line else damaged(draw, data)


def _csv(rows: Table) -> str:
    lines = [list(rows[0]), *(map(str, row.values()) for row in rows)]
    return "".join(",".join(map(_cell, line)) + "\r\n" for line in lines)


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search('[",\r\n]', text) else text


def _tsv(rows: Table) -> str:
    lines = [list(rows[0]), *(map(str, row.values()) for row in rows)]
    return "".join("\t".join(" ".join(cell.split()) for cell in line) + "\n" for line in lines)


def _jsonl(rows: Table) -> str:
    pairs = (", ".join(f"{quoted(k)}: {_value(v)}" for k, v in row.items()) for row in rows)
    return "".join(f"{{{one}}}\n" for one in pairs)


def _value(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else repr(value)


WRITERS = {".csv": _csv, ".tsv": _tsv, ".jsonl": _jsonl}


Rows = list[tuple[Any, ...]]


def _taken(task: Task, folder: Path) -> tuple[tuple[str, ...], dict[str, Rows]]:
    """The columns, and the rows of each split as the task has read them."""
    if isinstance(task, Regression):
        numbers = task.prepare(folder)
        splits = {"train": numbers.train, "eval": numbers.eval or numbers.train}
        return ("a", "b", "y"), {
            name: [
                (*map(float, features), float(target))
                for features, target in zip(split.features, split.labels, strict=True)
            ]
            for name, split in splits.items()
        }
    rows: Any = task.read(folder)
    parts = {"train": rows.train, "eval": rows.held_out}
    if rows.train.pairs is None:
        return ("text", "label"), {
            name: list(zip(part.texts, part.labels, strict=True)) for name, part in parts.items()
        }
    return ("text", "other", "label"), {
        name: list(zip(part.texts, part.pairs, part.labels, strict=True))
        for name, part in parts.items()
    }


def _unlike(spec: Path, ending: str) -> Iterator[str]:
    """Where the rows that were taken are not those of the file."""
    task, here = load_spec(spec).task, spec.parent
    assert task is not None
    names, prepared = _taken(task, here)
    for name, taken in prepared.items():
        path = here / f"{name}{ending}"
        try:
            found: Rows = [tuple(row[one] for one in names) for row in READERS[ending](path)]
        except (ValueError, KeyError) as error:
            yield f"{path.name} is accepted, but cannot be read: {type(error).__name__}: {error}"
            continue
        if isinstance(task, Regression):
            found = [tuple(float(np.float32(float(x))) for x in row) for row in found]
        else:
            found = [(*texts, _name(label)) for *texts, label in found]
        if taken != found:
            yield f"{path.name}: taken are {taken!r:.600}, there are {found!r:.600}"


def _name(label: Any) -> str:
    return (
        label if isinstance(label, str) else {True: "true", False: "false"}.get(label, str(label))
    )


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig")


_CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n][^,\r\n]*|))(,|\r\n|\n|\r|\Z)')


def _read_csv(path: Path) -> Iterator[dict[str, str]]:
    """RFC 4180, by one expression; a quote within a cell that began without one is a character."""
    text, at, rows, row = _text(path), 0, [], []
    while at < len(text):
        cell = _CELL.match(text, at)
        if cell is None:
            raise ValueError(f"no cell at character {at}")
        row.append(cell[2] if cell[1] is None else cell[1].replace('""', '"'))
        at = cell.end()
        if cell[3] != "," or at == len(text):
            row += [""] if cell[3] == "," else []
            rows.append(row)
            row = []
    yield from _table(rows)


def _read_tsv(path: Path) -> Iterator[dict[str, str]]:
    yield from _table([line.split("\t") for line in re.split("\r\n|\n|\r", _text(path))])


def _table(rows: list[list[str]]) -> Iterator[dict[str, str]]:
    header, *rest = [row for row in rows if row != [""]]
    for row in rest:
        yield dict(zip(header, row, strict=True))


def _read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    yield from (parsed(line) for line in _text(path).split("\n") if line.strip())


READERS = {".csv": _read_csv, ".tsv": _read_tsv, ".jsonl": _read_jsonl}
