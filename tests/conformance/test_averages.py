"""Moving averages of the weights on every backend: the formula, what they cover, where they go."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from dualtrain import fit
from dualtrain.backend import Backend
from dualtrain.errors import PlanError
from dualtrain.trace import read_trace, weights_digest
from dualtrain.training import Run, start, train
from tests import builders
from tests.builders import plateau_spec
from tests.tasks import small_spec, write_task

Weights = dict[str, NDArray[np.float32]]

INITIAL: Weights = {
    "weight": np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]], np.float32),
    "bias": np.array([0.1, -0.2], np.float32),
}


spec_of = partial(builders.spec_of, duration={"updates": 12})


def batch(seed: int) -> dict[str, Any]:
    random = np.random.RandomState(seed)
    x = random.randn(4, 3).astype("float32")
    return {"input": x, "x": x, "labels": random.randint(0, 2, 4)}


@pytest.fixture
def linear(backend: Backend) -> Any:
    model = backend.build_linear(3, 2)
    backend.load_weights(model, INITIAL)
    return model


def averages_of(run: Run) -> Weights:
    with run.averaged():
        return run.backend.dump_weights(run.model)


def step(run: Run, seed: int, factor: float = 1.0) -> None:
    tensors = run.backend.to_device(batch(seed), run.device)
    loss = run.backend.cross_entropy_sum(run.model(tensors["x"]), tensors["labels"])
    run.step(loss * factor, divisor=4)


@pytest.mark.parametrize("ema", [{"decay": 0.9}, {"decay": 0.3}, {"decay": 0.5, "warmup": True}])
def test_the_average_after_each_update_is_the_formulas(
    backend: Backend, linear: Any, ema: dict[str, Any]
) -> None:
    """It starts as the initial weights; with a warm-up 12 updates reach the decay of 0.5."""
    run = start(spec_of(ema=ema), linear, micro_batches_per_epoch=1)
    expected = {name: array.astype(np.float64) for name, array in INITIAL.items()}
    np.testing.assert_array_equal(averages_of(run)["weight"], INITIAL["weight"])
    for k in range(12):
        step(run, seed=k)
        d = min(ema["decay"], (1 + k) / (10 + k)) if "warmup" in ema else ema["decay"]
        trained = backend.dump_weights(run.model)
        for name, average in averages_of(run).items():
            expected[name] = d * expected[name] + (1 - d) * trained[name]
            np.testing.assert_allclose(average, expected[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("start_at", ["first", "zero", "debiased"])
@pytest.mark.parametrize("warmup", [False, True])
def test_the_average_starts_where_the_spec_says(
    backend: Backend, linear: Any, start_at: str, warmup: bool
) -> None:
    """After the first update, at 0, or at 0 and divided by 1 - d_0 d_1 ... d_k."""
    spec = spec_of(ema={"decay": 0.8, "warmup": warmup, "start": start_at})
    run = start(spec, linear, micro_batches_per_epoch=1)
    held = {name: 0.0 * array.astype(np.float64) for name, array in INITIAL.items()}
    product = 1.0
    state, found = run.state(), averages_of(run)
    for k in range(12):
        step(run, seed=k)
        d = min(0.8, (1 + k) / (10 + k)) if warmup else 0.8
        product *= d
        trained = backend.dump_weights(run.model)
        found = averages_of(run)
        for name, weight in trained.items():
            held[name] = d * held[name] + (1 - d) * weight
            if start_at == "first" and k == 0:
                held[name] = weight.astype(np.float64)
            wanted = held[name] / (1 - product if start_at == "debiased" else 1.0)
            np.testing.assert_allclose(found[name], wanted, rtol=1e-5, atol=1e-6)
        if k == 5:
            state = run.state()
    run.restore(state)
    for k in range(6, 12):
        step(run, seed=k)
    for name, average in averages_of(run).items():
        np.testing.assert_array_equal(average, found[name])


def test_the_trained_weights_come_back_to_the_bit(backend: Backend, linear: Any) -> None:
    """And training goes on as if nobody had looked, also after an error."""
    other = backend.build_linear(3, 2)
    backend.load_weights(other, INITIAL)
    looked = start(spec_of(ema={"decay": 0.9}), linear, micro_batches_per_epoch=1)
    plain = start(spec_of(ema=None), other, micro_batches_per_epoch=1)
    for k in range(3):
        for run in (looked, plain):
            step(run, seed=k)
        with pytest.raises(KeyError), looked.averaged():
            raise KeyError
        for name, array in backend.dump_weights(plain.model).items():
            np.testing.assert_array_equal(backend.dump_weights(looked.model)[name], array)


def test_a_step_with_the_averages_in_the_model_is_refused(backend: Backend, linear: Any) -> None:
    """Its update would be lost when the context is left; a block inside a block is one block."""
    run = start(spec_of(ema={"decay": 0.5}), linear, micro_batches_per_epoch=4)
    step(run, 0)
    with run.averaged():
        with run.averaged():
            pass
        with pytest.raises(PlanError, match=r"outside averaged\(\)"):
            step(run, 1)
    assert run.t == 1
    step(run, 1)
    assert run.t == 2


def test_without_ema_the_model_stays_as_it_is(backend: Backend, linear: Any) -> None:
    run = start(spec_of(ema=None), linear, micro_batches_per_epoch=1)
    step(run, seed=0)
    trained = backend.dump_weights(run.model)
    np.testing.assert_array_equal(averages_of(run)["weight"], trained["weight"])


def test_a_weight_that_stands_still_is_its_own_average(backend: Backend, linear: Any) -> None:
    """To the bit, after many updates with a decay that float32 rounds; a frozen one as well."""
    spec = spec_of(
        ema={"decay": 0.999}, optimizer={"name": "sgd", "lr": 0.1}, duration={"updates": 50}
    )
    run = start(spec, linear, micro_batches_per_epoch=1)
    for k in range(50):
        step(run, seed=k, factor=0.0)
    frozen = start(
        spec_of(ema={"decay": 0.9}, freeze={"patterns": ["bias"], "batch_stats": "train"}),
        linear,
        micro_batches_per_epoch=1,
    )
    step(frozen, seed=1)
    np.testing.assert_array_equal(averages_of(run)["weight"], INITIAL["weight"])
    np.testing.assert_array_equal(averages_of(frozen)["bias"], INITIAL["bias"])


@pytest.mark.usefixtures("without_autocast")
def test_a_skipped_update_is_not_averaged(backend: Backend, linear: Any) -> None:
    """Nor does it count in the warm-up of the decay, even where it advances the clock."""
    spec = spec_of(
        ema={"decay": 0.5, "warmup": True}, amp={"dtype": "float16", "on_skip": "advance"}
    )
    run = start(spec, linear, micro_batches_per_epoch=1)
    for k in range(2):
        step(run, seed=0, factor=float("inf"))
        assert run.t == 2 * k + 1
        before = averages_of(run)
        step(run, seed=k)
        trained, d = backend.dump_weights(run.model), (1 + k) / (10 + k)
        for name, average in averages_of(run).items():
            expected = d * before[name] + (1 - d) * trained[name]
            np.testing.assert_allclose(average, expected, rtol=1e-5)


@pytest.mark.usefixtures("without_autocast")
def test_at_level_o2_the_masters_are_averaged(backend: Backend, linear: Any) -> None:
    """Not the low type's roundings of them, in which small steps are lost."""
    spec = spec_of(ema={"decay": 0.75}, amp={"dtype": "bfloat16", "level": "O2"})
    run = start(spec, linear, micro_batches_per_epoch=1)
    run.step(sum(backend.scaled(p, 1.0).sum() for p in run.model.parameters()))
    trained = backend.dump_weights(run.model)
    for name, average in averages_of(run).items():
        expected = 0.75 * INITIAL[name] + 0.25 * trained[name]
        np.testing.assert_allclose(average, expected, rtol=1e-6)
        np.testing.assert_array_equal(backend.dump_weights(run.model)[name], trained[name])
    low = backend.to_numpy(run.model.bias)
    with run.averaged():
        assert "bfloat16" in str(run.model.bias.dtype)
        used, averages = backend.to_numpy(run.model.bias), backend.dump_weights(run.model)["bias"]
    np.testing.assert_allclose(used, averages, rtol=2.0**-7)
    assert not np.allclose(used, low, rtol=0.1)
    np.testing.assert_array_equal(backend.to_numpy(run.model.bias), low)


def test_the_files_have_both_and_the_trace_their_digests(
    backend: Backend, linear: Any, tmp_path: Path
) -> None:
    """model.safetensors as trained, ema.safetensors the averages, here of d = 0.5."""
    spec = spec_of(ema={"decay": 0.5}, duration={"updates": 1})
    fit(spec, linear, [batch(0)], trace=tmp_path / "trace.jsonl", output=tmp_path / "out")
    trained, averages = (load_file(tmp_path / "out" / f"{n}.safetensors") for n in ("model", "ema"))
    for name, array in INITIAL.items():
        np.testing.assert_array_equal(trained[name], backend.dump_weights(linear)[name])
        np.testing.assert_allclose(averages[name], (array + trained[name]) / 2, rtol=1e-6)
    end = read_trace(tmp_path / "trace.jsonl").end
    assert end is not None
    assert end.averages == "out/ema.safetensors"
    assert end.averages_digest == weights_digest(averages)
    assert end.weights_digest == weights_digest(trained)


def test_a_metric_is_taken_of_the_averages(backend: Backend, linear: Any) -> None:
    """As the evaluation is: at d = 0.5, after one update an epoch."""
    seen: list[Weights] = []

    def metric(model: Any) -> float:
        seen.append(backend.dump_weights(model))
        return 1.0

    fit(spec_of(ema={"decay": 0.5}, duration={"updates": 1}), linear, [batch(0)])
    after_one = backend.dump_weights(linear)
    backend.load_weights(linear, INITIAL)
    spec = spec_of(
        ema={"decay": 0.5}, schedule=plateau_spec().schedule.model_dump(), duration={"updates": 2}
    )
    fit(spec, linear, [batch(0)], metric=metric)
    for name, average in seen[0].items():
        np.testing.assert_allclose(average, (INITIAL[name] + after_one[name]) / 2, rtol=1e-6)


def test_without_ema_there_is_no_file_of_averages(
    backend: Backend, linear: Any, tmp_path: Path
) -> None:
    fit(spec_of(ema=None), linear, [batch(0)], output=tmp_path / "out")
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"dualtrain.json", "model.safetensors"}


def test_a_task_is_scored_with_the_averages(backend: Backend, tmp_path: Path) -> None:
    """With d near 1 they are the initial weights, however far training has come."""
    write_task(tmp_path)
    losses = []
    for ema in (None, {"decay": 0.99999}):
        for lr in (1e-3, 1e-2):
            optimizer = {"name": "adamw", "lr": lr}
            spec = small_spec(tmp_path, ema=ema, optimizer=optimizer, duration={"updates": 6})
            score = train(spec, backend.NAME)
            assert score is not None
            assert score.loss is not None
            losses.append(score.loss)
    trained, averaged = losses[:2], losses[2:]
    assert averaged[0] == pytest.approx(averaged[1], abs=1e-3)
    assert abs(trained[0] - trained[1]) > 1e-2
