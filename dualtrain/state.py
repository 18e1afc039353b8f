"""The state of a run between two updates: all that its next update depends on, framework-free.

Names are canonical and arrays lie in the core's layout, so that a run of either framework takes it.
What only the framework that gave it can read, such as its random state, stands apart, in `own`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from numpy.typing import NDArray

__all__ = [
    "Arrays",
    "LossScaleState",
    "MetricState",
    "PlateauState",
    "RunState",
    "Scalars",
    "TensorState",
]

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class TensorState:
    """What the live tensors of a framework hold: the part of a state that a backend gives."""

    weights: Arrays
    """Canonical name -> parameter or running statistic, in float32, or in float64 where the model
    is; of a parameter with a master, the master."""
    optimizer: Mapping[str, Arrays] = field(default_factory=dict)
    """Canonical name -> what the optimizer's rule keeps of the parameter, by neutral name:
    `first_moment`, `velocity`, `step` (an int64 number) and so on. A parameter that was not updated
    yet is absent."""
    own: Arrays = field(default_factory=dict)
    """For the same framework alone: its random state, further buffers of the model, powers of the
    betas as it has rounded them."""


@dataclass(frozen=True, kw_only=True)
class Scalars:
    """The numbers of an update of one parameter, where a framework's are not float64's own."""

    single: bool = False
    """Whether the rule's numbers, such as the betas, are float32's: 1 - beta is that of float32."""
    powers: Mapping[str, float] = field(default_factory=dict)
    """The number, by the name that it has in `dualtrain.optimizers` -> its value, where the
    framework goes on with a product that it rounds: `beta1` (beta^k with k = t + 1) and so on."""


@dataclass(frozen=True, kw_only=True)
class LossScaleState:
    """Where dynamic loss scaling stands."""

    scale: float
    good: int
    """Finite updates in a row."""
    bad: int
    """Skipped updates in a row."""


@dataclass(frozen=True, kw_only=True)
class PlateauState:
    """Where the schedule `reduce_on_plateau` stands."""

    rate: float
    best: float | None
    """The best metric; None before the first."""
    bad: int
    """Metrics in a row that were no better."""
    cooling: int
    """Metrics that a cut is still waited after."""


@dataclass(frozen=True, kw_only=True)
class MetricState:
    """What early stopping, or the best model, remembers of the evaluations so far."""

    best: float | None
    """The best metric; None before the first that is a number."""
    at: int
    """Updates made or skipped before it."""
    bad: int
    """Evaluations since that were no better."""


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The state of a run: `Run.state` gives it, `Run.restore` takes it.

    Gradients are no part of it: between two updates there are none.

    >>> import numpy as np
    >>> kept = {"bias": {"step": np.array(3)}}
    >>> tensors = TensorState(weights={"bias": np.zeros(2)}, optimizer=kept)
    >>> where = {"t": 3, "attempts": 3, "skipped": 0, "epoch": 0, "micro_batch": 6}
    >>> state = RunState(backend="torch", rule="adamw", tensors=tensors, **where)
    >>> sorted(state.arrays())  # safetensors can hold these, JSON the scalars
    ['optimizer/step/bias', 'weights/bias']
    >>> RunState.joined(state.arrays(), state.scalars()) == state
    True
    """

    backend: str
    """The framework that gave it, which alone reads `tensors.own`."""
    rule: str
    """The name of the optimizer, as the spec has it."""
    t: int
    """The clock: the update that comes next."""
    attempts: int
    """Updates made or skipped."""
    skipped: int
    """Updates skipped."""
    epoch: int
    """The epoch, from 0, of the next micro-batch."""
    micro_batch: int
    """The place of the next micro-batch in its epoch, from 0."""
    tensors: TensorState
    averages: Arrays = field(default_factory=dict)
    """Canonical name -> moving average of the parameter, with `spec.ema`."""
    averaged: int = 0
    """Updates that are in the averages."""
    loss_scale: LossScaleState | None = None
    plateau: PlateauState | None = None
    stopping: MetricState | None = None
    """With `spec.early_stopping`."""
    best: Arrays = field(default_factory=dict)
    """Canonical name -> weight of the best evaluation, with `spec.best`; empty before the first."""
    kept: MetricState | None = None
    """Which evaluation that was, with `spec.best`."""

    def misshapen(self) -> list[str]:
        """The parameters of which the optimizer keeps arrays of another shape than theirs."""
        shapes = {name: array.shape for name, array in self.tensors.weights.items()}
        return sorted(
            name
            for name, held in self.tensors.optimizer.items()
            if any(array.ndim and array.shape != shapes.get(name) for array in held.values())
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array under one flat name: `weights/NAME`, `optimizer/first_moment/NAME` ..."""
        flat = {f"weights/{name}": array for name, array in self.tensors.weights.items()}
        for name, held in self.tensors.optimizer.items():
            flat |= {f"optimizer/{what}/{name}": array for what, array in held.items()}
        flat |= {f"own/{name}": array for name, array in self.tensors.own.items()}
        flat |= {f"averages/{name}": array for name, array in self.averages.items()}
        flat |= {f"best/{name}": array for name, array in self.best.items()}
        return flat

    def scalars(self) -> dict[str, Any]:
        """All the rest, as JSON has it: finite numbers, strings, None, and mappings of them."""
        held = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _ARRAYS}
        for part in _RECORDS:
            held[part] = None if held[part] is None else asdict(held[part])
        return held

    @classmethod
    def joined(cls, arrays: Arrays, scalars: Mapping[str, Any]) -> RunState:
        """The state that gave these."""
        parts: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
        for flat, array in arrays.items():
            part, _, name = flat.partition("/")
            if part == "optimizer":
                what, _, name = name.partition("/")
                parts[part].setdefault(name, {})[what] = array
            else:
                parts[part][name] = array
        averages, best = parts.pop("averages"), parts.pop("best")
        given = dict(scalars)
        for part, record in _RECORDS.items():
            held = given.pop(part, None)
            given[part] = None if held is None else record(**held)
        return cls(**given, tensors=TensorState(**parts), averages=averages, best=best)


_ARRAYS = ("tensors", "averages", "best")
_PARTS = ("weights", "optimizer", "own", "averages", "best")
_RECORDS: Mapping[str, type[Any]] = {
    "loss_scale": LossScaleState,
    "plateau": PlateauState,
    "stopping": MetricState,
    "kept": MetricState,
}
