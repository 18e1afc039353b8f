"""A run that leaves its states is what it would be; followed by itself, it is what it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count, pairwise
from pathlib import Path
from types import SimpleNamespace
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

UPDATES = 4
ONCE = [run for run in RUNS if run[0] == "adamw" or run[1] not in ("plain", "masters")]
"""Every rule with one variant, AdamW with all."""
VARIANTS = [variant for case, variant in ONCE if case == "adamw"]


def linear(backend: Backend, *, seed: int = 0) -> Any:
    """A Linear of random weights."""
    model = backend.build_linear(3, 2)
    random = np.random.default_rng(seed)
    shapes = {"weight": (2, 3), "bias": (2,)}
    backend.load_weights(
        model, {n: random.normal(size=s).astype(np.float32) for n, s in shapes.items()}
    )
    return model


def batches(size: int = 5) -> list[Mapping[str, NDArray[Any]]]:
    random = np.random.default_rng(1)
    return [
        {
            "input": random.normal(size=(4, 3)).astype(np.float32),
            "labels": random.integers(0, 2, 4),
        }
        for _ in range(size)
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


def metric_of(backend: Backend, spec: Spec) -> Any:
    """One, where the schedule waits for it."""
    if not spec.schedule.needs_metric:
        return None
    return lambda model: float(np.abs(backend.dump_weights(model)["weight"]).sum())


def led(backend: Backend, folder: Path, spec: Spec, *, every: int = 1, loss: Any = curved) -> None:
    """A run that leaves its states."""
    metric = metric_of(backend, spec)
    fit(spec, linear(backend), batches(), loss=loss, metric=metric, states=folder, every=every)


def followed(backend: Backend, folder: Path, spec: Spec, *, loss: Any = curved) -> Iterator[Shown]:
    return follow(spec, linear(backend, seed=9), batches(), states=folder, loss=loss)


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


@pytest.mark.parametrize(("case", "variant"), ONCE, indirect=["case"])
def test_a_run_followed_by_itself_repeats_it_to_the_bit(
    backend: Backend, case: str, variant: str, tmp_path: Path
) -> None:
    """Every rule; clips, averages, plateaus, loss scaling, masters, groups."""
    spec = spec_in(case, variant)
    led(backend, tmp_path / "states", spec)
    shown = list(followed(backend, tmp_path / "states", spec))

    assert [one.attempt for one in shown] == list(range(UPDATES))
    for one in shown:
        check_repeated(one, read_led(tmp_path / "states", one.attempt))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_that_leaves_states_is_what_it_is_without(
    backend: Backend, variant: str, tmp_path: Path
) -> None:
    """Its trace, behind what Paddle calls the parameters, and its weights: byte for byte."""
    spec, files = spec_in("adamw", variant), []
    for name, states in (("with", tmp_path / "states"), ("without", None)):
        model, trace = linear(backend), tmp_path / name / "trace.jsonl"
        fit(
            spec,
            model,
            batches(),
            loss=curved,
            metric=metric_of(backend, spec),
            trace=trace,
            output=trace.parent / "output",
            states=states,
        )
        weights = (trace.parent / "output" / "model.safetensors").read_bytes()
        files.append((trace.read_bytes().split(b"\n")[1:], weights))

    assert files[0] == files[1]


def test_states_follow_each_other(backend: Backend, tmp_path: Path) -> None:
    """What an update has left the next one begins with."""
    led(backend, tmp_path, spec_in("adamw", "ema"))
    updates = [read_led(tmp_path, attempt) for attempt in led_attempts(tmp_path)]

    for one, other in pairwise(updates):
        assert flat(one.after) == flat(other.before)


def test_gradients_are_those_of_the_formula(backend: Backend, tmp_path: Path) -> None:
    """Softmax and cross-entropy over two micro-batches, before unscaling and clipping."""
    spec = spec_in("adamw", "loss scale", batch={"accumulate": 2}, clip={"global_norm": 0.1})
    model, given = linear(backend), batches(2)
    fit(spec, model, given, states=tmp_path, every=100)
    found = read_led(tmp_path, 0)
    w, b = (found.before.tensors.weights[n].astype(np.float64) for n in ("weight", "bias"))
    expected, losses = {"weight": np.zeros((2, 3)), "bias": np.zeros(2)}, []
    for batch in given:
        logits = batch["input"] @ w.T + b
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        wanted = np.eye(2)[batch["labels"]]
        losses.append(-np.log((p * wanted).sum(1)).sum())
        each = (p - wanted) / (4 * 2) * 8.0  # samples, micro-batches, scale
        expected["weight"] += each.T @ batch["input"]
        expected["bias"] += each.sum(0)

    assert led_attempts(tmp_path) == (0, UPDATES - 1)
    np.testing.assert_allclose(found.passed.losses, losses, rtol=5e-3)  # float16, if it can be
    for name, gradient in expected.items():
        np.testing.assert_allclose(found.passed.gradients[name], gradient, rtol=5e-3, atol=5e-3)


def test_a_side_shows_its_own_gradients_and_moves_by_those_it_is_handed(
    backend: Backend, tmp_path: Path
) -> None:
    """Another loss on the side that follows: its gradients are others, its weights are not."""
    spec = spec_in("adamw", "clip")
    led(backend, tmp_path, spec)
    for one in followed(backend, tmp_path, spec, loss=lambda m, b: 3.0 * curved(m, b)):
        own = read_led(tmp_path, one.attempt)
        handed = own.passed.gradients
        assert equal(one.moved.handed, handed)
        assert flat(one.moved.after) == flat(own.after)
        for name, gradient in one.passed.gradients.items():
            np.testing.assert_allclose(gradient, 3.0 * handed[name], rtol=1e-5)
        norm = np.sqrt(sum(np.square(g, dtype=np.float64).sum() for g in handed.values()))
        assert one.moved.norm == pytest.approx(norm, rel=1e-6)
        for name, gradient in one.moved.clipped.items():
            np.testing.assert_allclose(gradient, handed[name] * min(1, 0.05 / norm), rtol=1e-5)
        assert len(one.nudges) == 3


def test_a_skipped_update_is_followed(backend: Backend, tmp_path: Path) -> None:
    """Its gradients are not finite: nothing moves, and the scale falls."""
    spec = spec_in("adamw", "loss scale")
    given = batches()
    given[1]["input"][0, 0] = np.inf
    fit(spec, linear(backend), given, loss=curved, states=tmp_path)
    second = list(follow(spec, linear(backend), given, states=tmp_path, loss=curved))[1]

    check_repeated(second, read_led(tmp_path, 1))
    assert second.moved.skipped
    assert (second.moved.norm, second.moved.clipped) == (None, {})
    assert second.moved.after.skipped == 1


def test_the_run_in_float64_is_the_formula_to_the_last_digits(
    backend: Backend, tmp_path: Path
) -> None:
    spec = spec_in("adamw", "plain")
    given = batches()
    fit(spec, linear(backend), given, states=tmp_path)
    for one in follow(spec, linear(backend), given, states=tmp_path):
        batch, weights = given[one.attempt], one.moved.before.tensors.weights
        w, b = (weights[name].astype(np.float64) for name in ("weight", "bias"))
        logits = batch["input"].astype(np.float64) @ w.T + b
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        each = (p - np.eye(2)[batch["labels"]]) / 4
        assert one.wide is not None
        np.testing.assert_allclose(
            one.wide.gradients["weight"], each.T @ batch["input"].astype(np.float64), atol=1e-15
        )
        np.testing.assert_allclose(one.wide.gradients["bias"], each.sum(0), atol=1e-15)
        assert (one.narrow, one.random) == ("", "")


def test_a_loss_that_casts_to_float32_is_narrow(backend: Backend, tmp_path: Path) -> None:
    """`curved` does, by `scaled`; the passes in float64 are there, and it is said."""
    spec = spec_in("adamw", "plain")
    led(backend, tmp_path, spec)
    for one in followed(backend, tmp_path, spec):
        assert one.wide is not None
        assert "float32 computes inside" in one.narrow


def test_a_model_that_cannot_be_copied_has_no_pass_in_float64(
    backend: Backend, tmp_path: Path
) -> None:
    spec, model = spec_in("adamw", "plain"), linear(backend)
    led(backend, tmp_path, spec)
    model.generator = (n for n in "abc")
    (first, *_) = follow(spec, model, batches(), states=tmp_path, loss=curved)

    assert first.wide is None
    assert "the model cannot be in float64: TypeError" in first.narrow


def test_a_copy_that_calls_the_model_itself_is_no_copy(backend: Backend, tmp_path: Path) -> None:
    """As a `forward` set by hand does: what it trains is the model."""
    spec, model = spec_in("adamw", "plain"), linear(backend)
    led(backend, tmp_path, spec)

    def loss(_: Any, batch: Mapping[str, Any]) -> Any:
        return curved(model, batch)

    (first, *_) = follow(spec, model, batches(), states=tmp_path, loss=loss)
    assert first.wide is None
    assert "does not train what it trains, bias, weight" in first.narrow


def test_only_judged_updates_are_left_and_followed(backend: Backend, tmp_path: Path) -> None:
    spec = spec_in("adamw", "plain")
    led(backend, tmp_path, spec, every=2)
    drawn = []

    def epoch(number: int) -> list[Any]:
        drawn.append(number)
        return batches(2)

    shown = follow(spec, linear(backend), epoch, states=tmp_path, loss=curved)
    with pytest.raises(PlanError, match="as many micro-batches an epoch"):
        list(shown)  # the run's epochs had 5
    assert [one.attempt for one in followed(backend, tmp_path, spec)] == [0, 2, 3]
    states = read_states(tmp_path)
    assert (states.judged, states.total, states.header.backend) == ((0, 2, 3), 4, backend.NAME)
    assert drawn == [0, 1]


def test_who_cannot_follow(backend: Backend, tmp_path: Path) -> None:
    led(backend, tmp_path, spec_in("adamw", "plain"))
    of_momentum = spec_in("momentum", "plain")
    with pytest.raises(PlanError, match=r"Optimizer: expected momentum. Received: adamw"):
        next(followed(backend, tmp_path, of_momentum))
    with pytest.raises(CheckpointError, match="weight"):
        next(
            follow(
                spec_in("adamw", "plain"),
                backend.build_linear(4, 2),
                batches(),
                states=tmp_path,
                loss=curved,
            )
        )
    led_file(tmp_path, 1).unlink()
    with pytest.raises(StatesError, match=r"the folder must hold update-0000001.safetensors"):
        followed(backend, tmp_path, spec_in("adamw", "plain"))


def test_where_no_states_are_left(backend: Backend, tmp_path: Path) -> None:
    """A folder of somebody else's, or of the output's; a number that is none."""
    spec = spec_in("adamw", "plain")
    (tmp_path / "update-1.safetensors").touch()
    with pytest.raises(OutputError, match=r"update-1.safetensors"):
        led(backend, tmp_path, spec)
    with pytest.raises(PlanError, match=r"every must be a whole number >= 1. Received: 0"):
        led(backend, tmp_path / "states", spec, every=0)
    timed = spec_of("adamw", duration={"updates": 4, "time_limit": 60.0})
    with pytest.raises(PlanError, match=r"have the last update of a run.*time_limit 60"):
        led(backend, tmp_path / "states", timed)
    with pytest.raises(OutputError, match=r"a folder of their own"):
        fit(spec, linear(backend), batches(), states=tmp_path / "a", output=tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["update-1.safetensors"]


def test_a_disk_without_room_is_told_at_the_first_update(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what that has taken, times the updates to come."""
    made = count()

    def counted(model: Any, batch: Mapping[str, Any]) -> Any:
        next(made)
        return curved(model, batch)

    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2_000))
    with pytest.raises(OutputError, match=r"the states must have room"):
        led(backend, tmp_path, spec_in("adamw", "plain"), loss=counted)
    assert next(made) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_breaks_off_leaves_what_was_there(backend: Backend, tmp_path: Path) -> None:
    led(backend, tmp_path, spec_in("adamw", "plain"))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    calls = count()

    def breaks(model: Any, batch: Mapping[str, Any]) -> Any:
        if next(calls) == 2:
            raise RuntimeError
        return curved(model, batch)

    with pytest.raises(RuntimeError):
        led(backend, tmp_path, spec_in("adamw", "ema"), loss=breaks)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
