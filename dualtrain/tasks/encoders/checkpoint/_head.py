"""A checkpoint's classification head: is it there, can it be kept, which row is which label.

Row i of the head is the label id2label[i] of config.json, so the data's classes are numbered in
that order. A head whose labels are not the data's, or that belongs to another task or to a pooler
that is gone, is refused; the way out is always the same: `task.model.head: fresh`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite, prod
from pathlib import Path
from typing import Any, NamedTuple

from dualtrain.listing import listed
from dualtrain.printable import shortened
from dualtrain.tasks.encoders._config import ARCHITECTURES, HEAD, HEAD_LAYERS, POOLED
from dualtrain.tasks.encoders._words import Family, Head
from dualtrain.tasks.encoders.checkpoint._config import read_fields
from dualtrain.tasks.encoders.checkpoint._fields import MODEL_TYPE
from dualtrain.tasks.encoders.checkpoint._files import CONFIG, refusal, shown
from dualtrain.tasks.encoders.checkpoint._safetensors import StoredTensor
from dualtrain.tasks.encoders.checkpoint._weights import stored_tensors

__all__ = ["ClassOrder", "class_order", "stored_classes"]

NEW_HEAD = "make a new head with task.model.head: fresh"
WAY_OUT = f"or {NEW_HEAD}"

MOST = 12
"""Labels that a message repeats."""


class ClassOrder(NamedTuple):
    """The label of each class number, and what a user must be told of it, if anything."""

    classes: tuple[str, ...]
    note: str | None


def class_order(folder: Path, classes: Sequence[str], *, head: Head) -> ClassOrder:
    """The data's classes in the order of the rows of the checkpoint's head; sorted without one.

    classes: the data's labels, in any order.

    Raises `CheckpointError` for a head that cannot be kept: its labels are not the data's (other
    names, another number), it is another task's, or the pooler below it is absent.

    >>> class_order(folder, ("neg", "pos"), head="stored").classes  # id2label {0: pos, 1: neg}
    ('pos', 'neg')
    """
    path = folder / CONFIG
    fields = read_fields(folder)
    ordered = tuple(sorted(classes))
    if not MODEL_TYPE.holds(fields.get("model_type")):
        return ClassOrder(ordered, None)  # `read_checkpoint_config` refuses it
    family: Family = fields["model_type"]
    stored = stored_tensors(folder, family)
    parts = sorted(name for name in stored if name.startswith(HEAD))
    if not parts or head == "fresh":
        return ClassOrder(ordered, None)
    _check_kind(path, fields, family, parts)
    _check_layers(folder, family, parts)
    _check_pooler(folder, family, stored, parts)
    rows = _rows(stored[parts[-1]])
    labels = _labels(path, fields, rows)
    fitting = len(labels) == len(ordered)
    if fitting and rows != len(labels):
        raise refusal(
            folder,
            f"the classification head must have a row for each of the {len(labels)} labels of "
            f"config.json; {WAY_OUT}",
            f"{rows} rows",
        )
    if set(labels) == set(ordered):
        return ClassOrder(labels, f"the checkpoint's head is kept: {_numbered(labels)}")
    if fitting and labels == _unnamed(rows):
        counted = _by_number(ordered)
        return ClassOrder(
            counted,
            f"config.json does not name the labels of the checkpoint's head, so its rows are taken "
            f"for the data's labels, sorted: {_numbered(counted)}",
        )
    renamed = "rename them, or " if fitting else ""
    raise refusal(
        path,
        f"id2label: must be the data's labels, since the folder has a classification head; "
        f"{renamed}{NEW_HEAD}",
        f"{_shown(labels)}{' (a regression)' * (rows == 1)}; the data has {_shown(ordered)}",
    )


def stored_classes(folder: Path) -> tuple[str, ...]:
    """The labels that a folder's config.json names, in the order of the rows of its head.

    Raises `CheckpointError` where it names none, or not each once.
    """
    path, fields = folder / CONFIG, read_fields(folder)
    if fields.get("id2label") is None:
        raise refusal(path, "id2label: must name the classes", "nothing")
    return _labels(path, fields, 0)


def _check_kind(
    path: Path, fields: Mapping[str, Any], family: Family, parts: Sequence[str]
) -> None:
    """Refuse a head that was trained for something else than one class of several."""
    wanted = ARCHITECTURES[family]
    named = fields.get("architectures") or [wanted]
    if not (isinstance(named, list) and wanted in named):
        raise refusal(
            path,
            f"architectures: must have {wanted}, since the folder has a classification head "
            f"({listed(parts, MOST)}); {WAY_OUT}",
            shown(named),
        )
    problem = fields.get("problem_type")
    if problem not in (None, "single_label_classification"):
        raise refusal(
            path,
            f"problem_type: must be single_label_classification, or null, since the folder has a "
            f"classification head; {WAY_OUT}",
            shown(problem),
        )


def _check_layers(folder: Path, family: Family, parts: Sequence[str]) -> None:
    """Refuse a head of other layers, as one for each token of RoBERTa has."""
    wanted = [f"{layer}.{part}" for layer in HEAD_LAYERS[family] for part in ("bias", "weight")]
    if list(parts) != wanted:
        rule = f"a classification head of {family} must have {', '.join(wanted)}; {WAY_OUT}"
        raise refusal(folder, rule, listed(parts, MOST))


def _rows(weight: StoredTensor) -> int:
    """Of a head's last matrix; none, whatever its header says, if it holds no number."""
    return weight.shape[0] if weight.shape and prod(weight.shape) > 0 else 0


def _check_pooler(
    folder: Path, family: Family, stored: Mapping[str, object], parts: Sequence[str]
) -> None:
    """Refuse a head without the pooler that it was trained on: a new one would feed it noise."""
    needed = [f"{family}.pooler.dense.{part}" for part in ("weight", "bias")]
    missing = [name for name in needed if name not in stored]
    if family in POOLED and missing:
        raise refusal(
            folder,
            f"the weights must have {' and '.join(missing)}, on which the classification head was "
            f"trained; {WAY_OUT}",
            f"{', '.join(parts)}, without the pooler",
        )


def _labels(path: Path, fields: Mapping[str, Any], rows: int) -> tuple[str, ...]:
    """The label of each row of the head: by id2label, else label2id, else by nobody's name.

    rows: how many the stored head has.
    """
    id2label, label2id = fields.get("id2label"), fields.get("label2id")
    if id2label is not None:
        numbers = {label: number for number, label in _pairs(path, "id2label", id2label).items()}
        if len(numbers) != len(id2label):
            rule = "id2label: must give each class a label of its own"
            raise refusal(path, rule, shown(id2label))
        labels = _in_order(path, "id2label", numbers)
        if label2id is not None and _pairs(path, "label2id", label2id) != numbers:
            raise refusal(path, "label2id: must be id2label turned round", shown(label2id))
    elif label2id is not None:
        labels = _in_order(path, "label2id", _pairs(path, "label2id", label2id))
    else:
        labels = _unnamed(rows)
    for field in ("num_labels", "num_classes"):
        if fields.get(field) not in (None, len(labels)):
            rule = f"{field}: must be the number of labels, {len(labels)}"
            raise refusal(path, rule, shown(fields[field]))
    return labels


def _pairs(path: Path, field: str, value: Any) -> dict[str, str]:
    """The object's keys and values as text, as the data's readers write a label: 1 is "1"."""
    if not isinstance(value, dict):
        raise refusal(path, f"{field}: must be a JSON object", shown(value))
    return {key: item if isinstance(item, str) else json.dumps(item) for key, item in value.items()}


def _in_order(path: Path, field: str, numbers: Mapping[str, str]) -> tuple[str, ...]:
    """The labels by their numbers, which must be 0, 1, ... with none left out."""
    labels = {number: label for label, number in numbers.items()}
    wanted = [str(i) for i in range(len(numbers))]
    if sorted(labels) != sorted(wanted):
        rule = f"{field}: must number the labels 0, 1, 2 and so on"
        raise refusal(path, rule, shown(numbers))
    return tuple(labels[number] for number in wanted)


def _unnamed(rows: int) -> tuple[str, ...]:
    """transformers' own names for labels that nobody named."""
    return tuple(f"LABEL_{i}" for i in range(rows))


def _by_number(labels: Sequence[str]) -> tuple[str, ...]:
    """Whole numbers by their value, other labels by code point.

    Whoever trained a head without names numbered its rows, and the data's "10" is row 10, not the
    row after "1".

    >>> _by_number(["1", "10", "2"]), _by_number(["b", "10", "a"])
    (('1', '2', '10'), ('10', 'a', 'b'))
    """
    ordered = tuple(sorted(labels))
    try:
        numbers = {label: float(label) for label in ordered}
    except ValueError:
        return ordered
    if not all(map(isfinite, numbers.values())):
        return ordered
    return tuple(sorted(ordered, key=numbers.__getitem__))


def _numbered(labels: Sequence[str]) -> str:
    return listed([f"{i} is {shortened(label)!r}" for i, label in enumerate(labels)], MOST)


def _shown(labels: Sequence[str]) -> str:
    names = listed([shortened(label) for label in labels], MOST)
    return f"{len(labels)} label{'s' * (len(labels) != 1)}, {names}"
