"""Whether named shapes are the ones a model needs."""

from __future__ import annotations

from collections.abc import Mapping

from dualtrain.errors import Problem

__all__ = ["Shape", "mismatches"]

Shape = tuple[int, ...]


def mismatches(needed: Mapping[str, Shape], received: Mapping[str, Shape]) -> list[Problem]:
    """One problem per name that is only on one side, or that has another shape; in name order."""
    problems = []
    for name in sorted({*needed, *received}):
        wanted, shape = needed.get(name), received.get(name)
        if wanted is None:
            rule = "the model has no tensor of this name"
        elif wanted != shape:
            rule = f"the model needs shape {wanted}"
        else:
            continue
        given = "nothing" if shape is None else f"shape {shape}"
        problems.append(Problem(where=name, rule=rule, received=given))
    return problems
