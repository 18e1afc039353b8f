"""A table as both frameworks see it: numbers in float32, standardised or as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import (
    Column,
    DataTable,
    MicroBatch,
    PreparedData,
    Split,
    read_table,
    refusal,
    shown,
)
from dualtrain.listing import listed

__all__ = ["NumberSplit", "PreparedNumbers", "prepare", "standardised"]


@dataclass(frozen=True, kw_only=True, eq=False)
class NumberSplit(Split):
    """The samples of one split."""

    features: NDArray[np.float32]
    """Shape (samples, features)."""
    labels: NDArray[np.float32]
    """The targets; shape (samples,)."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedNumbers(PreparedData[NumberSplit]):
    """The data of a regression: (number - mean) / deviation of each column."""

    SPLIT: ClassVar[type[NumberSplit]] = NumberSplit
    NAMED: ClassVar[str] = "names"

    names: tuple[str, ...]
    """The columns: the features, then the target."""
    means: tuple[float, ...]
    """Of each column in the train split; 0 where nothing is standardised."""
    deviations: tuple[float, ...]
    """Standard deviation of each column in the train split; 1 where nothing is standardised."""

    def batch(self, split: NumberSplit, indices: NDArray[np.int64]) -> MicroBatch:
        """`features` of shape (samples, features), `labels` of shape (samples,)."""
        return {"features": split.features[indices], "labels": split.labels[indices]}


def prepare(
    train: Path, held_out: Path | None, names: Sequence[str], *, standardise: bool
) -> PreparedNumbers:
    """The columns `names` of both files as models take them, by the train split's scale.

    Raises `DataError` with file, line and column for what is no number, for a column that cannot be
    standardised, since its numbers are equal, and for a number that float32 does not hold then.
    """
    columns = [Column(name, "number") for name in names]
    table = read_table(train, columns)
    others = None if held_out is None else read_table(held_out, columns)
    scale = [_scale(table, names, i) if standardise else (0.0, 1.0) for i in range(len(names))]
    means, deviations = zip(*scale, strict=True)
    return PreparedNumbers(
        names=tuple(names),
        means=means,
        deviations=deviations,
        train=_split(table, names, scale),
        eval=None if others is None else _split(others, names, scale),
    )


def _scale(table: DataTable, names: Sequence[str], place: int) -> tuple[float, float]:
    """Mean and standard deviation of a column."""
    values = np.array(table.cells[place], np.float64)
    mean, deviation = float(values.mean()), float(values.std())
    if deviation == 0 or _constant(table, place):
        others = [shown(names[i]) for i in range(place + 1, len(names)) if _constant(table, i)]
        also = f"; the same is wrong with {listed(others, 20)}" if others else ""
        raise refusal(
            "must have numbers that differ, to be standardised: leave the column out, or write "
            "standardise: false",
            path=table.path,
            column=names[place],
            received=f"{values.min():g} to {values.max():g}{also}",
        )
    return mean, deviation


def _constant(table: DataTable, place: int) -> bool:
    values = np.array(table.cells[place], np.float64)
    return bool(values.min() == values.max())


def _split(
    table: DataTable, names: Sequence[str], scale: Sequence[tuple[float, float]]
) -> NumberSplit:
    numbers = standardised(table, names, scale)
    return NumberSplit(features=numbers[:, :-1].copy(), labels=numbers[:, -1].copy())


def standardised(
    table: DataTable, names: Sequence[str], scale: Sequence[tuple[float, float]]
) -> NDArray[np.float32]:
    """(number - mean) / deviation of each column, shape (rows, columns).

    Raises `DataError` for a number that float32 does not hold then.
    """
    columns = []
    for name, cells, (mean, deviation) in zip(names, table.cells, scale, strict=True):
        with np.errstate(over="ignore"):
            column: NDArray[Any] = ((np.array(cells, np.float64) - mean) / deviation).astype("f4")
        if not np.isfinite(column).all():
            row = int(np.argmin(np.isfinite(column)))
            raise refusal(
                "must be a number that float32 holds when it is standardised",
                path=table.path,
                line=table.lines[row],
                column=name,
                received=shown(cells[row]),
            )
        columns.append(column)
    return np.stack(columns, axis=1)
