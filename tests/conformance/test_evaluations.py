"""Evaluation, early stop and best model on every backend; none of it changes the training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from dualtrain import fit, start
from dualtrain.backend import Backend
from dualtrain.errors import MetricError, PlanError
from dualtrain.spec import Spec
from dualtrain.trace import read_trace
from dualtrain.training import train
from tests.builders import spec_of
from tests.tasks import small_spec, write_task


def batches(count: int = 2) -> list[dict[str, Any]]:
    random = np.random.RandomState(0)
    return [
        {"x": random.randn(4, 3).astype("float32"), "labels": random.randint(0, 2, 4)}
        for _ in range(count)
    ]


def fitted(backend: Backend, spec: Spec, metrics: list[Any], **more: Any) -> int:
    """How many updates are made of two an epoch; the evaluations that are left over are none."""
    coming = iter(metrics)

    def evaluate(model: Any) -> Mapping[str, float]:
        given = next(coming)
        return given if isinstance(given, Mapping) else {"loss": given}

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    model = backend.build_linear(3, 2)
    updates = fit(spec, model, batches(), loss=loss, evaluate=evaluate, **more)
    assert list(coming) == []
    return len(updates)


@pytest.mark.parametrize(
    ("stopping", "metrics", "made"),
    [
        ({"patience": 1}, [3.0, 2.0, 2.0], 6),  # an equal one is no better
        ({"patience": 2}, [3.0, 4.0, 2.0, 2.5, 2.5], 10),  # a better one in between
        ({"patience": 1, "threshold": 0.5}, [3.0, 2.4, 2.0], 6),
        ({"patience": 1, "metric": "accuracy"}, [{"accuracy": a} for a in (0.1, 0.5, 0.4)], 6),
        ({"patience": 1, "metric": "own", "mode": "max"}, [{"own": a} for a in (1, 2, 2)], 6),
        (
            {"patience": 1, "threshold": 0.25, "metric": "f1"},
            [{"f1": f} for f in (0.1, 0.5, 0.7)],
            6,
        ),
        ({"patience": 2}, [float("nan"), float("nan")], 4),  # never a number
        ({"patience": 9}, [1.0, 2.0, 2.0, 2.0, 2.0, 2.0], 12),  # the plan's end comes first
    ],
)
def test_the_run_ends_when_the_metric_no_longer_improves(
    backend: Backend, tmp_path: Path, stopping: dict[str, Any], metrics: list[Any], made: int
) -> None:
    spec = spec_of(duration={"epochs": 6}, early_stopping=stopping)
    assert fitted(backend, spec, metrics, trace=tmp_path / "trace.jsonl") == made
    trace = read_trace(tmp_path / "trace.jsonl")
    assert [evaluation.t for evaluation in trace.evaluations] == list(range(2, made + 1, 2))
    assert trace.outcome.startswith("early stopping" if made < 12 else "done")


def test_evaluations_by_updates_and_at_the_end(backend: Backend, tmp_path: Path) -> None:
    spec = spec_of(duration={"updates": 8}, evaluation={"every": {"updates": 3}})
    fitted(backend, spec, [1.0, 2.0, 3.0], trace=tmp_path / "trace.jsonl")
    told = [(e.t, e.loss) for e in read_trace(tmp_path / "trace.jsonl").evaluations]
    assert told == [(3, 1.0), (6, 2.0), (8, 3.0)]


def test_the_weights_of_the_best_evaluation_are_kept(backend: Backend, tmp_path: Path) -> None:
    """They are those that a run of as many updates ends with."""
    spec = spec_of(duration={"epochs": 4}, best={})
    seen: dict[int, dict[str, Any]] = {}

    def best_of(metrics: list[float], output: Path) -> dict[str, Any]:
        coming = iter(metrics)

        def evaluate(model: Any) -> Mapping[str, float]:
            seen[len(seen)] = backend.dump_weights(model)
            return {"loss": next(coming)}

        def loss(model: Any, tensors: dict[str, Any]) -> Any:
            return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

        seen.clear()
        model = backend.build_linear(3, 2)
        fit(spec, model, batches(), loss=loss, evaluate=evaluate, output=output)
        kept: dict[str, Any] = load_file(output / "best.safetensors")
        return kept

    for name, metrics, at in (("a", [3.0, 1.0, 2.0, 1.0], 1), ("b", [1.0, 2.0, 3.0, 0.5], 3)):
        kept = best_of(metrics, tmp_path / name)
        assert {n: a.tobytes() for n, a in kept.items()} == {
            n: a.tobytes() for n, a in seen[at].items()
        }


def test_the_best_of_averages_is_the_averages(backend: Backend) -> None:
    """What an evaluation looks at is what is kept."""
    spec = spec_of(best={}, ema={"decay": 0.5}, duration={"updates": 4})
    model = backend.build_linear(3, 2)
    with start(spec, model, micro_batches_per_epoch=4) as run:
        for batch in batches(3):
            run.step(model(backend.to_device(batch, run.device)["x"]).mean())
        with run.averaged():
            averages = backend.dump_weights(model)
        assert run.evaluated({"loss": 1.0})
        assert not run.evaluated({"loss": 1.0})
        for name, array in averages.items():
            assert run.best[name].tobytes() == array.tobytes()
            assert backend.dump_weights(model)[name].tobytes() != array.tobytes()


def test_a_loop_of_ones_own_leaves_when_the_run_is_over(backend: Backend) -> None:
    spec = spec_of(early_stopping={"patience": 1}, duration={"updates": 9})
    model = backend.build_linear(3, 2)
    with start(spec, model, micro_batches_per_epoch=9) as run:
        made = 0
        while not run.is_over:
            run.step(model(backend.to_device(batches(1)[0], run.device)["x"]).mean())
            made += 1
            run.evaluated({"loss": float(made)})
        assert made == 2
        assert run.ending is not None
        with pytest.raises(PlanError, match="no further update"):
            run.step(model(backend.to_device(batches(1)[0], run.device)["x"]).mean())


@pytest.mark.parametrize("changes", [{}, {"ema": {"decay": 0.9}}])
def test_an_evaluation_changes_no_number_of_the_training(
    backend: Backend, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Bit for bit, with dropout, at every update or not at all."""
    write_task(tmp_path)
    task = small_spec(tmp_path).model_dump()["task"]
    task["model"]["dropout"] = 0.5
    runs = {}
    for name, words in (("without", {}), ("with", {"evaluation": {"every": {"updates": 1}}})):
        spec = small_spec(tmp_path, task=task, duration={"updates": 6}, **changes, **words)
        train(spec, backend.NAME, trace=tmp_path / f"{name}.jsonl", output=tmp_path / name)
        runs[name] = read_trace(tmp_path / f"{name}.jsonl")
    assert len(runs["with"].evaluations) == 6
    assert runs["with"].updates == runs["without"].updates
    assert runs["with"].evaluations[-1] == runs["without"].evaluations[-1]
    assert runs["with"].end is not None
    assert runs["without"].end is not None
    assert runs["with"].end.weights_digest == runs["without"].end.weights_digest


def test_an_evaluation_that_draws_random_numbers_changes_none_of_the_training(
    backend: Backend, tmp_path: Path
) -> None:
    """The user's own may do what it wants: random numbers, modes."""

    def weights(evaluate: Any, name: str) -> str:
        import random

        def own(model: Any) -> Mapping[str, float]:
            return {"loss": evaluate(model)}

        def shaken(model: Any, tensors: dict[str, Any]) -> Any:
            noise = float(np.random.rand()) + random.random()
            return noise * backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

        np.random.seed(0)
        random.seed(0)
        spec = spec_of(evaluation={"every": {"updates": 1}}, duration={"updates": 4})
        trace = tmp_path / f"{name}.jsonl"
        model = backend.build_linear(3, 2)
        backend.load_weights(
            model, {"weight": np.ones((2, 3), np.float32), "bias": np.zeros(2, np.float32)}
        )
        fit(spec, model, batches(), loss=shaken, evaluate=own, trace=trace)
        return repr(read_trace(trace).updates)

    def restless(model: Any) -> float:
        import random

        backend.seed_everything(7)
        model.train()
        return float(np.random.rand()) + random.random()

    assert weights(lambda model: 1.0, "calm") == weights(restless, "restless")


def test_words_that_need_an_evaluation_say_so(backend: Backend) -> None:
    with pytest.raises(MetricError, match="early_stopping needs an evaluation"):
        fit(spec_of(early_stopping={"patience": 1}), backend.build_linear(3, 2), batches())


def test_a_metric_that_is_not_there_is_named(backend: Backend) -> None:
    with pytest.raises(MetricError, match="must give the metric 'f1'"):
        fitted(backend, spec_of(best={"metric": "f1"}, duration={"epochs": 2}), [1.0])
