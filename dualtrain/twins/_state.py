"""The state of a run, as a run of the twin has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dualtrain.state import Arrays, RunState, TensorState
from dualtrain.twins._twins import Twins

__all__ = ["state_to_target"]


def state_to_target(state: RunState, twins: Twins) -> RunState:
    """The state of a run of the source, for one of the target.

    What the rule keeps of each number is carried as the weights are; what it keeps of a tensor as a
    whole, such as how often it was moved, is said of each of its parts. Nothing of what only one
    framework reads is in it, so random numbers are drawn anew.

    Raises `TwinsError` for tensors that are joined, of which some have not been moved yet.
    """
    kept: dict[str, dict[str, Any]] = {}
    for what in sorted({what for held in state.tensors.optimizer.values() for what in held}):
        for name, array in _carried(state.tensors.optimizer, what, twins).items():
            kept.setdefault(name, {})[what] = array
    weights = twins.to_target(state.tensors.weights)
    return replace(
        state,
        tensors=TensorState(weights=weights, optimizer=kept),
        averages=twins.to_target(state.averages),
    )


def _carried(kept: Mapping[str, Arrays], what: str, twins: Twins) -> Arrays:
    held = {name: arrays[what] for name, arrays in kept.items() if what in arrays}
    whole = {name: array for name, array in held.items() if not array.ndim}
    each = {name: array for name, array in held.items() if array.ndim}
    return {**twins.to_target(each), **twins.values_to_target(whole)}
