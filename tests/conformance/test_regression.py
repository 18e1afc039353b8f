"""Regression on every backend, against its formulas in numpy; what `train` takes of a user's."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from dualtrain.backend import Backend
from dualtrain.errors import BackendError, DataError, MetricError, SpecError
from dualtrain.ledger import roles_of
from dualtrain.spec import Spec
from dualtrain.tasks import ModelConfig
from dualtrain.tasks.regression import Mlp, MlpConfig
from dualtrain.trace import read_trace
from dualtrain.training import parameters_of, task_ledger, train
from tests.tasks import epochs, number_spec, prepare, write_numbers

ACTIVATIONS: dict[str, Any] = {
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
}

PLATEAU = {
    "name": "reduce_on_plateau",
    "mode": "min",
    "factor": 0.5,
    "patience": 0,
    "threshold": 0.0,
    "threshold_mode": "rel",
    "cooldown": 0,
    "min_lr": 0.0,
    "eps": 0.0,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_numbers(tmp_path)
    return tmp_path


def config_of(spec: Spec) -> MlpConfig:
    assert spec.task is not None
    config = spec.task.config(spec.folder)
    assert isinstance(config, MlpConfig)
    return config


def forward(
    config: MlpConfig, weights: dict[str, NDArray[np.float32]], x: NDArray[Any]
) -> NDArray[np.float64]:
    """The perceptron in float64."""
    for name in config.layers:
        x = x @ weights[f"{name}.weight"].T.astype(np.float64) + weights[f"{name}.bias"]
        if name != "output":
            x = ACTIVATIONS[config.activation](x)
    return np.asarray(x[:, 0])


def test_what_is_known_of_the_parameters(backend: Backend) -> None:
    config = MlpConfig(inputs=3, hidden=(5, 4), activation="gelu")
    live, known = backend.parameters(backend.build_model(config)), parameters_of(config)
    assert {p.name: (p.shape, roles_of(p)) for p in live} == {
        p.name: (p.shape, roles_of(p)) for p in known
    }
    assert all(p.trainable for p in live)


def test_the_model_of_a_configuration_that_no_task_has(backend: Backend) -> None:
    class Other(ModelConfig):
        def tensors(self) -> Any:
            return iter(())

    with pytest.raises(BackendError, match=r"must be one of a task's\. Received: Other"):
        backend.build_model(Other())


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_losses_and_score_are_those_of_the_formulas(
    backend: Backend, folder: Path, activation: str
) -> None:
    """Of the initial weights at update 0, of the final ones at the end."""
    assert set(ACTIVATIONS) == set(Mlp.model_json_schema()["properties"]["activation"]["enum"])
    task = number_spec(folder).model_dump()["task"]
    task["model"] = {"hidden": (8, 4), "activation": activation}
    spec = number_spec(folder, task=task)
    score = train(spec, backend.NAME, trace=folder / "out.jsonl", output=folder / "out")
    trace, config, data = read_trace(folder / "out.jsonl"), config_of(spec), prepare(spec)

    first = epochs(spec, data)(0)[:3]
    initial = load_file(folder / "out" / "initial.safetensors")
    for batch, loss in zip(first, trace.updates[0].micro_losses, strict=True):
        errors = forward(config, initial, batch["features"]) - batch["labels"]
        assert loss == pytest.approx((errors**2).mean(), rel=1e-5)
    assert trace.updates[0].loss == pytest.approx(np.mean(trace.updates[0].micro_losses), rel=1e-6)
    assert len(trace.updates) == 12

    final = load_file(folder / "out" / "model.safetensors")
    errors = forward(config, final, data.eval.features) - data.eval.labels
    assert score is not None
    assert (score.examples, score.correct) == (24, None)
    assert score.loss == pytest.approx((errors**2).mean(), rel=1e-5)
    assert score.metrics["mae"] == pytest.approx(abs(errors).mean() * data.deviations[-1], rel=1e-5)
    assert score.metrics["r2"] == pytest.approx(
        1 - (errors**2).mean() / data.eval.labels.astype(np.float64).var(), rel=1e-5
    )
    (told,) = trace.evaluations
    assert (told.correct, told.examples, told.loss) == (None, 24, score.loss)
    assert told.metrics == score.metrics


def test_it_learns(backend: Backend, folder: Path) -> None:
    """Most of the variance is explained; the seed decides the run."""
    spec = number_spec(folder, optimizer={"name": "adamw", "lr": 0.02}, clip=None)
    spec = spec.model_copy(update={"duration": spec.duration.model_copy(update={"epochs": 30})})
    scores = [train(spec, backend.NAME) for _ in range(2)]
    assert scores[0] is not None
    assert scores[0] == scores[1]
    assert scores[0].metrics["r2"] > 0.9


def test_what_a_trained_model_consists_of(backend: Backend, folder: Path) -> None:
    """Weights and a description; with both a row becomes a prediction without dualtrain."""
    spec = number_spec(folder)
    train(spec, backend.NAME, output=folder / "out")
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "dualtrain.json",
        "model.safetensors",
        "regression.json",
        "task.json",
    ]
    told = json.loads((folder / "out" / "regression.json").read_text(encoding="utf-8"))
    assert [feature["name"] for feature in told["features"]] == ["a", "b", "c"]
    assert (told["hidden"], told["activation"]) == ([8, 4], "tanh")
    data = prepare(spec)
    assert [column["mean"] for column in (*told["features"], told["target"])] == [*data.means]


def test_without_hidden_layers(backend: Backend, folder: Path) -> None:
    task = number_spec(folder).model_dump()["task"] | {"model": {"hidden": []}, "eval": None}
    assert train(number_spec(folder, task=task), backend.NAME) is None


def test_the_ledger(backend: Backend, folder: Path) -> None:
    ledger = task_ledger(number_spec(folder), backend.NAME)
    assert sum(decay > 0 for decay in ledger.decay().values()) == 3
    assert len(ledger.rows) == 6


def test_the_held_out_loss_is_a_metric(backend: Backend, folder: Path) -> None:
    """At a rate that moves nothing it stays what it was, so the second reading halves the rate."""
    spec = number_spec(
        folder, schedule=PLATEAU, warmup=None, optimizer={"name": "adamw", "lr": 1e-20}
    )
    train(spec, backend.NAME, trace=folder / "t.jsonl")
    rates = [update.lr for update in read_trace(folder / "t.jsonl").updates]
    assert rates == [1e-20] * 8 + [5e-21] * 4


class TestOfTheUsers:
    def test_a_model(self, backend: Backend, folder: Path) -> None:
        """It is trained from the weights that it has; the task's files are not written."""
        spec = number_spec(folder)
        model = backend.build_model(replace(config_of(spec), hidden=(7,)))
        before = backend.dump_weights(model)
        score = train(
            spec, backend.NAME, model=model, trace=folder / "t.jsonl", output=folder / "out"
        )
        after = backend.dump_weights(model)

        assert score is not None and score.examples == 24
        assert (after["output.weight"] != before["output.weight"]).any()
        initial = load_file(folder / "out" / "initial.safetensors")
        np.testing.assert_array_equal(initial["layers.0.weight"], before["layers.0.weight"])
        assert not (folder / "out" / "regression.json").exists()

    def test_a_model_whose_output_is_of_another_shape(self, backend: Backend, folder: Path) -> None:
        class Wide(type(backend.build_linear(3, 2))):  # type: ignore[misc]
            def forward(self, features: Any) -> Any:
                return super().forward(features)

        spec = number_spec(folder)
        with pytest.raises(DataError, match=r"must have the shape \(samples, 1\), \(24, 1\)"):
            train(
                spec.model_copy(update={"batch": spec.batch.model_copy(update={"size": 24})}),
                backend.NAME,
                model=Wide(3, 2),
            )

    def test_what_is_no_model(self, backend: Backend, folder: Path) -> None:
        with pytest.raises(BackendError, match="the backend cannot be told"):
            train(number_spec(folder), backend.NAME, model=object())

    def test_a_loss(self, backend: Backend, folder: Path) -> None:
        """The sum of absolute errors, over all samples; the score stays the task's."""
        spec = number_spec(folder)

        def absolute(model: Any, batch: dict[str, Any]) -> Any:
            return (model(batch["features"])[..., 0] - batch["labels"]).abs().sum()

        score = train(
            spec, backend.NAME, loss=absolute, trace=folder / "t.jsonl", output=folder / "out"
        )
        trace = read_trace(folder / "t.jsonl")
        initial = load_file(folder / "out" / "initial.safetensors")
        batch = epochs(spec, prepare(spec))(0)[0]
        errors = forward(config_of(spec), initial, batch["features"]) - batch["labels"]
        assert trace.updates[0].micro_losses[0] == pytest.approx(abs(errors).mean(), rel=1e-5)
        assert score is not None and "mae" in score.metrics

    def test_a_target_of_minus_100_counts(self, backend: Backend, folder: Path) -> None:
        """It is a number here, not the mark of a label that does not count."""
        (folder / "train.csv").write_text(
            "a,b,c,y\n" + "1,2,3,-100\n" * 8 + "1,2,3,4\n" * 8, encoding="utf-8"
        )
        task = number_spec(folder).model_dump()["task"] | {"standardise": False}
        spec = number_spec(folder, task=task, batch={"size": 16}, warmup=None)

        def one_each(model: Any, batch: dict[str, Any]) -> Any:
            return (model(batch["features"])[..., 0] * 0 + 1).sum()

        train(spec, backend.NAME, loss=one_each, trace=folder / "t.jsonl")
        assert read_trace(folder / "t.jsonl").updates[0].loss == 1.0

    def test_a_metric(self, backend: Backend, folder: Path) -> None:
        """Asked after each epoch that another follows; it decides the rate."""
        asked = []

        def worse(model: Any) -> float:
            asked.append(model)
            return float(len(asked))

        spec = number_spec(folder, schedule=PLATEAU, warmup=None)
        train(spec, backend.NAME, metric=worse, trace=folder / "t.jsonl")
        rates = [update.lr for update in read_trace(folder / "t.jsonl").updates]
        assert len(asked) == 2
        assert rates == [5e-3] * 8 + [2.5e-3] * 4

    def test_a_metric_that_nothing_asks_for(self, backend: Backend, folder: Path) -> None:
        with pytest.raises(MetricError, match="a metric is for the schedule 'reduce_on_plateau'"):
            train(number_spec(folder), backend.NAME, metric=lambda model: 0.0)

    def test_a_loss_beside_the_words_for_one(self, backend: Backend, folder: Path) -> None:
        from tests.tasks import small_spec, write_task

        write_task(folder)
        spec = small_spec(folder, loss={"label_smoothing": 0.1})
        with pytest.raises(SpecError, match="excludes a loss function of your own"):
            train(spec, backend.NAME, loss=lambda model, batch: 0.0)
