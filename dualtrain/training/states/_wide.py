"""The passes of a run in float64, where rounding is no excuse; and what they cannot show."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend import train_as_chosen
from dualtrain.lockstep import Pass
from dualtrain.plan import Plan
from dualtrain.state import Arrays, RunState
from dualtrain.training.loop._batch import micro_batch
from dualtrain.training.loop._objective import Objective
from dualtrain.training.run._run import Run
from dualtrain.training.states._passes import Group, Passes

__all__ = ["WidePasses", "random_in", "without_random"]

STEP = 1e-9
"""By how much weights are moved, relatively, to see whether float32 computes inside."""

NOISE = 1e-12
"""Of the whole gradient: more than float64 leaves of a second difference, less than float32."""


class WidePasses:
    """The gradients of a second run, over a copy of the model in float64 and without autocast.

    It makes no update. model: the copy. own: the run whose passes these are in float64.
    """

    def __init__(
        self, plan: Plan, model: Any, own: Run, objective: Callable[[Run], Objective]
    ) -> None:
        spec = plan.spec.model_copy(update={"amp": None, "ema": None})
        wide, backend, device = replace(plan, spec=spec), own.backend, own.device
        with warnings.catch_warnings():  # the side's own run has said all
            warnings.simplefilter("ignore")
            self._run = Run(wide, model, backend=backend, device=device, measure=False)
            train_as_chosen(model, backend.modules(model))
        self._passes = Passes(self._run, objective(self._run))

    def close(self) -> None:
        """End the run."""
        self._run.close()

    def alone(self, state: RunState, group: Group, *, steps: int = 0) -> Pass:
        """The gradients of a state, times its loss scale.

        steps: how far each weight is moved, up or down at random, each time alike.
        """
        model, backend = self._run.model, self._run.backend
        batches = {n: _in_float64(micro_batch(b, model)) for n, b in group.batches.items()}
        with backend.in_float64():
            passed = self._passes.alone(_wide(state, steps), Group(group.epoch, batches))
        scale = 1.0 if state.loss_scale is None else state.loss_scale.scale
        return replace(passed, gradients={n: g * scale for n, g in passed.gradients.items()})

    def narrow(self, state: RunState, group: Group, passed: Pass) -> str:
        """How it shows that float32 computes inside: gradients follow tiny moves in jumps, or not.

        passed: the gradients where nothing is moved.
        """
        up, down = (self.alone(state, group, steps=steps).gradients for steps in (1, -1))
        if all(np.array_equal(up[name], g) for name, g in passed.gradients.items()):
            return f"{_NARROW}, no gradient is another"
        middle = {name: (gradient + down[name]) / 2 for name, gradient in up.items()}
        name, share = _spread(middle, passed.gradients)
        return f"{_NARROW}, that of {name!r} jumps by {share:.0e} of all" if share > NOISE else ""

    def random(self, state: RunState, group: Group, passed: Pass) -> str:
        """How it shows that passes draw random numbers: a second one is another."""
        again = self.alone(without_random(state), group)
        return random_in(again, passed, NOISE)


_NARROW = f"float32 computes inside the model: with weights {STEP:.0e} off"


def random_in(again: Pass, passed: Pass, noise: float) -> str:
    """How it shows in a pass that was made twice; noise: what may be without, of the whole."""
    name, share = _spread(again.gradients, passed.gradients)
    if share <= noise:
        return ""
    return f"made twice, the gradient of {name!r} is {share:.0e} of all gradients apart"


def without_random(state: RunState) -> RunState:
    """The state, but for where random numbers stand."""
    own = {n: a for n, a in state.tensors.own.items() if not n.startswith("random/")}
    return replace(state, tensors=replace(state.tensors, own=own))


def _spread(a: Arrays, b: Arrays) -> tuple[str, float]:
    """The tensor that differs most, and by how much of the whole gradient's norm."""
    whole = np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in b.values()))
    apart = {n: float(np.linalg.norm((a[n] - g).ravel())) for n, g in b.items() if n in a}
    name = max(apart, key=lambda n: apart[n], default="")
    return name, apart.get(name, 0.0) / whole if whole else 0.0


def _wide(state: RunState, steps: int) -> RunState:
    """A state as the wide run takes it: what gradients depend on, and no more."""
    signs = np.random.default_rng(0)
    weights = {
        name: w.astype(np.float64) * (1.0 + steps * STEP * signs.choice((-1.0, 1.0), w.shape))
        for name, w in sorted(state.tensors.weights.items())
    }
    tensors = replace(state.tensors, weights=weights, optimizer={})
    return replace(state, tensors=tensors, averages={}, averaged=0, loss_scale=None)


def _in_float64(batch: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A micro-batch whose numbers, but for whole ones, are wide."""
    wide = {"f": np.float64, "c": np.complex128}
    return {n: a.astype(wide.get(a.dtype.kind, a.dtype), copy=False) for n, a in batch.items()}
