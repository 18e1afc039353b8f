"""What a backend finds when it walks through a live model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from dualtrain.ledger import Ledger
from dualtrain.model._match import Shape

__all__ = ["NamedTensor", "keepers"]


class NamedTensor(NamedTuple):
    """A parameter or running statistic of a model, and where it stands."""

    name: str
    """Canonical."""
    structured: str
    """In the framework's module tree."""
    owner: Any
    """The module that holds it."""
    tensor: Any
    """The live one."""
    shape: Shape
    """In canonical layout."""
    is_parameter: bool
    """False for the running statistics of batch normalisation."""
    is_transposed: bool
    """True where the framework keeps it the other way round than canonical."""


def keepers(tensors: Iterable[NamedTensor], ledger: Ledger) -> list[Any]:
    """The modules whose running statistics stand still, by the spec's `freeze.batch_stats: keep`.

    They are those that have statistics, and parameters that all stand still; one without
    parameters has none that could be frozen, so its statistics go on. None with `train`.
    """
    if ledger.batch_stats == "train":
        return []
    trains = {row.parameter.name: row.trains for row in ledger.rows}
    owners: dict[int, Any] = {}
    has_statistics: set[int] = set()
    its_parameters: dict[int, list[bool]] = {}
    for found in tensors:
        key = id(found.owner)
        owners[key] = found.owner
        if found.is_parameter:
            its_parameters.setdefault(key, []).append(trains[found.name])
        else:
            has_statistics.add(key)
    return [
        owner
        for key, owner in owners.items()
        if key in has_statistics and key in its_parameters and not any(its_parameters[key])
    ]
