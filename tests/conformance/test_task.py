"""A whole task on every backend: what its dropout and its seed decide, how it is scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain.backend import Backend
from dualtrain.parity import compare
from dualtrain.trace import Trace, read_trace
from dualtrain.training import nudge, train
from tests.builders import spec_of
from tests.tasks import epochs, prepare, small_spec, write_task


def traced(
    backend: Backend, folder: Path, *, dropout: float, seed: int = 42, nudge: int = 0
) -> Trace:
    """The trace of two updates."""
    task = small_spec(folder).model_dump()["task"]
    task["model"]["dropout"] = dropout
    spec = small_spec(folder, task=task, seed=seed, warmup={"steps": 1}, duration={"updates": 2})
    train(spec, backend.NAME, trace=folder / "trace.jsonl", nudge=nudge)
    return read_trace(folder / "trace.jsonl")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_task(tmp_path)
    return tmp_path


def test_dropout_is_for_training_alone(backend: Backend, folder: Path) -> None:
    """The output before training is that of the model without; the first losses are not."""
    without, dropped = (traced(backend, folder, dropout=p) for p in (0.0, 0.5))
    assert dropped.header.probe == without.header.probe
    assert dropped.updates[0].micro_losses != without.updates[0].micro_losses


def test_the_seed_decides_weights_order_and_dropout(backend: Backend, folder: Path) -> None:
    first, again, other = (traced(backend, folder, dropout=0.5, seed=s) for s in (1, 1, 2))
    assert (first.updates, first.end) == (again.updates, again.end)
    assert first.header.initial_digest != other.header.initial_digest
    assert first.updates[0].batches != other.updates[0].batches


def test_a_nudge_moves_every_weight(backend: Backend, folder: Path) -> None:
    """By so little that the output agrees; the run after it shows the chaos floor."""
    plain, nudged, other = (traced(backend, folder, dropout=0.0, nudge=n) for n in (0, 1, 2))
    agrees = {f.stage: f.agrees for f in compare(plain, nudged).findings}
    assert (agrees["initial weights"], agrees["initial output"]) == (False, True)
    begun, first, second = (run.header.initial_digest for run in (plain, nudged, other))
    assert not begun.items() & (first.items() | second.items())
    assert first != second


@pytest.mark.parametrize(
    ("amp", "share"),
    [(None, 2.0**-23), ({"dtype": "float16"}, 2.0**-10), ({"dtype": "bfloat16"}, 2.0**-7)],
)
def test_a_nudge_is_of_the_type_that_computes(
    backend: Backend, amp: dict[str, Any] | None, share: float
) -> None:
    """Of 1 ULP: between half and the whole share of each weight that its type holds exactly."""
    model = backend.build_linear(5, 3)
    before = backend.dump_weights(model)
    nudge(model, backend, spec_of(amp=amp), seed=1)
    for name, after in backend.dump_weights(model).items():
        x = before[name].astype(np.float64)
        _, exponent = np.frexp(before[name])
        expected = np.where(x == 0, 0, np.ldexp(share, exponent - 1))
        np.testing.assert_allclose(np.abs(after - x), expected, rtol=1e-5, atol=1e-38)


def test_the_score_is_of_the_weights_that_training_ends_with(
    backend: Backend, folder: Path
) -> None:
    """At a rate of 0, over the train split in one batch: the loss and the output of update 0."""
    task = small_spec(folder).model_dump()["task"] | {"eval": "train.csv"}
    spec = small_spec(
        folder,
        task=task,
        batch={"size": 76},
        warmup={"steps": 1},
        horizon=2,
        duration={"updates": 1},
    )
    score = train(spec, backend.NAME, trace=folder / "trace.jsonl")
    trace = read_trace(folder / "trace.jsonl")
    labels = epochs(spec, prepare(spec))(0)[0]["labels"]
    assert trace.header.probe is not None
    correct = int((np.argmax(trace.header.probe, axis=1) == labels).sum())
    assert score is not None
    assert (score.correct, score.examples) == (correct, 76)
    assert score.loss == pytest.approx(trace.updates[0].loss, rel=1e-6)
    (told,) = trace.evaluations
    assert (told.correct, told.examples, told.loss) == (score.correct, score.examples, score.loss)
