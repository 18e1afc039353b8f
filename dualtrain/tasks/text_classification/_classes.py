"""What the labels of a train split are the names of; what is no class is refused."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from dualtrain.data import refusal, shown
from dualtrain.tasks.text_classification._texts import Texts

__all__ = ["check_labels", "classes_of"]

FEW = 20
"""So many classes are taken whatever the number of rows: of so few nothing can be told."""


def classes_of(train: Texts, column: str) -> tuple[str, ...]:
    """The labels of the train split, sorted by code point ("10" comes before "2").

    Raises `DataError` for one class; for numbers with a fraction, which are values to predict, and
    for gaps among numbers; for one class written in two ways; and for more than 20 classes of fewer
    than two rows on average, most of them in one row only: an id, a text or a value. Of a class
    that is seen once nothing is learnt that another row could show.
    """
    rows = Counter(train.labels)
    classes = tuple(sorted(rows))
    if len(classes) < 2:
        raise refusal(
            "must have two classes or more",
            path=train.path,
            column=column,
            received=f"only {shown(train.labels[0])}",
        )
    numbers = {label: _number(label) for label in classes}
    if None in numbers.values():
        _check_names(train, column)
    else:
        _check_numbers(train, column, numbers)
    once = sum(count == 1 for count in rows.values())
    if len(classes) > FEW and 2 * len(classes) > len(train.labels) and 2 * once > len(classes):
        raise refusal(
            "must have two rows or more for a class, on average: is this the column of an id, a "
            "text or a number? Rare classes can be left out, or share a name such as 'other'",
            path=train.path,
            column=column,
            received=f"{len(classes)} classes in {len(train.labels)} rows, "
            f"{once} of them in one row only",
        )
    return classes


def check_labels(table: Texts, column: str, classes: Sequence[str]) -> None:
    """Raise `DataError` for the first label that is none of the train split's classes."""
    known = set(classes)
    for line, label in zip(table.lines, table.labels, strict=True):
        if label not in known:
            raise refusal(
                f"must be one of the train split's classes, {shown(classes)}",
                path=table.path,
                line=line,
                column=column,
                received=shown(label),
            )


def _check_names(train: Texts, column: str) -> None:
    """Refuse a class that is written in two ways, which would be two classes of its rows."""
    written: dict[str, str] = {}
    for label, line in zip(train.labels, train.lines, strict=True):
        earlier = written.setdefault(_plain(label), label)
        if earlier != label:
            raise refusal(
                f"must write a class in one way; an earlier row has {shown(earlier)}, which differs"
                " by no more than capitals, the width or form of a character, or one that is not "
                "seen; two classes need two names",
                path=train.path,
                line=line,
                column=column,
                received=ascii(label) if _composed(label) == _composed(earlier) else shown(label),
            )


def _composed(label: str) -> str:
    return unicodedata.normalize("NFC", label)


def _plain(label: str) -> str:
    """A name without what is easily typed in two ways.

    >>> _plain("Pos\u200b")
    'pos'
    """
    folded = unicodedata.normalize("NFKC", label).casefold()
    seen = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", seen)


def _check_numbers(train: Texts, column: str, numbers: Mapping[str, Decimal | None]) -> None:
    """Refuse labels that are all numbers where these cannot be the names of classes."""
    finite = any(number is not None and number.is_finite() for number in numbers.values())
    if not finite:  # "nan" and "inf" alone: words
        _check_names(train, column)
        return
    written: dict[Decimal, str] = {}
    for label, line in zip(train.labels, train.lines, strict=True):
        number = numbers[label]
        assert number is not None, "all labels are numbers"
        if not number.is_finite():
            rule = (
                "must not have a gap among numbers: leave the row out, or give a class of its own "
                "a name that is no number"
            )
        elif number != number.to_integral_value():
            rule = (
                "must be the name of a class, not a number with a fraction: values to predict (a "
                "regression) need a model and a loss of your own, dualtrain.fit(loss=); where it "
                "is a class all the same, give it a name that is no number"
            )
        elif written.setdefault(number, label) != label:
            rule = f"must write a class in one way; an earlier row has {written[number]!r}"
        else:
            continue
        raise refusal(rule, path=train.path, line=line, column=column, received=shown(label))


def _number(label: str) -> Decimal | None:
    """The number that a label is, its decimal mark a point or a comma; None if it is none."""
    if "_" in label:  # Python takes 1_1 for 11
        return None
    try:
        return Decimal(label.replace(",", ".", 1))
    except InvalidOperation:
        return None
