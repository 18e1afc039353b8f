"""A run that leaves its states is what it would be; followed by itself, it is what it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain import Spec, fit
from dualtrain.backend import Backend, backend_of, load_backend
from dualtrain.errors import CheckpointError, OutputError, PlanError, StatesError
from dualtrain.lockstep import Led, Shown, led_attempts, led_file, read_led, read_states
from dualtrain.state import RunState
from dualtrain.training import follow
from tests.conformance.test_optimizers import case
from tests.conformance.test_state import RUNS, spec_of

__all__ = ["case"]

pytestmark = [
    pytest.mark.usefixtures("without_autocast"),
    pytest.mark.filterwarnings("ignore:amp_guard can only be enabled:UserWarning"),
]

UPDATES = 6


def linear(backend: Backend, *, seed: int = 0) -> Any:
    """A Linear of random weights."""
    model = backend.build_linear(3, 2)
    random = np.random.default_rng(seed)
    shapes = {"weight": (2, 3), "bias": (2,)}
    backend.load_weights(
        model, {n: random.normal(size=s).astype(np.float32) for n, s in shapes.items()}
    )
    return model


def batches(count: int = 5) -> list[Mapping[str, NDArray[Any]]]:
    random = np.random.default_rng(1)
    return [
        {
            "input": random.normal(size=(4, 3)).astype(np.float32),
            "labels": random.integers(0, 2, 4),
        }
        for _ in range(count)
    ]


def curved(model: Any, batch: Mapping[str, Any]) -> Any:
    """A sum over the parameters that needs no product in a low type, as Paddle has none."""
    wide = load_backend(backend_of(model).NAME)
    means = [batch["input"][:, 0].sum(), batch["input"][:, 1].sum()]
    terms = [
        ((wide.scaled(parameter, 1.0) - mean) ** 2).sum()
        for parameter, mean in zip(model.parameters(), means, strict=True)
    ]
    return sum(terms)


def spec_in(case: str, variant: str, **changes: Any) -> Spec:
    return spec_of(case, variant, duration={"updates": UPDATES}, **changes)


def led(
    backend: Backend, folder: Path, spec: Spec, *, every: int = 1, loss: Any = curved
) -> tuple[Any, Any]:
    """The updates of a run that leaves its states, and its weights."""
    model, metric = linear(backend), None
    if spec.schedule.needs_metric:
        metric = lambda model: float(np.abs(backend.dump_weights(model)["weight"]).sum())  # noqa: E731
    updates = fit(spec, model, batches(), loss=loss, metric=metric, states=folder, every=every)
    return updates, backend.dump_weights(model)


def flat(state: RunState) -> dict[str, Any]:
    return {**state.scalars(), **{n: a.tolist() for n, a in state.arrays().items()}}


def equal(a: Mapping[str, NDArray[Any]], b: Mapping[str, NDArray[Any]]) -> bool:
    """To the bit, type included."""
    alike = (a[n].dtype == b[n].dtype and np.array_equal(a[n], b[n]) for n in a)
    return a.keys() == b.keys() and all(alike)


def check_repeated(shown: Shown, led: Led) -> None:
    """What a side shows of an update of its own is what it was."""
    assert shown.batches == led.batches
    assert shown.passed.losses == led.passed.losses
    assert equal(shown.passed.gradients, led.passed.gradients)
    assert equal(shown.passed.statistics, led.passed.statistics)
    assert flat(shown.moved.before) == flat(led.before)
    assert flat(shown.moved.after) == flat(led.after)
    assert (shown.nudges, shown.reached) == ((), {})


@pytest.mark.parametrize(("case", "variant"), RUNS, indirect=["case"])
def test_a_run_followed_by_itself_repeats_it_to_the_bit(
    backend: Backend, case: str, variant: str, tmp_path: Path
) -> None:
    """Every rule; clips, averages, plateaus, loss scaling, masters, groups."""
    spec = spec_in(case, variant)
    led(backend, tmp_path / "states", spec)
    shown = list(follow(spec, linear(backend, seed=9), batches(), states=tmp_path / "states", loss=curved))

    assert [one.attempt for one in shown] == list(range(UPDATES))
    for one in shown:
        check_repeated(one, read_led(tmp_path / "states", one.attempt))
