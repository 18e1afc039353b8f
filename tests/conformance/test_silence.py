"""A run that trains nothing, or no numbers, says so; skipped updates are counted and told apart."""

from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain import Spec, fit
from dualtrain.backend import Backend
from dualtrain.errors import TrainingWarning
from dualtrain.parity import compare_files
from dualtrain.report._words import remarks, verdict
from dualtrain.trace import End, read_trace
from dualtrain.training import Run
from tests.conformance.test_amp import amp_spec, make, started

pytestmark = pytest.mark.usefixtures("without_autocast")

T = 6


def spec_of(amp: dict[str, Any] | None, **changes: Any) -> Spec:
    parts: dict[str, Any] = {"duration": {"updates": T}, "clip": None}
    return amp_spec(amp, **(parts | changes))


def batches_of(*factors: float) -> list[dict[str, NDArray[np.float32]]]:
    """One micro-batch a factor, by which its loss is multiplied."""
    return [{"x": np.ones((1, 2), np.float32), "by": np.array([by], np.float32)} for by in factors]


def own_loss(model: Any, tensors: dict[str, Any]) -> Any:
    return model(tensors["x"]).sum() * tensors["by"].sum()


def model_of(backend: Backend) -> Any:
    model = backend.build_linear(2, 2)
    weight, bias = np.array([[1, 2], [3, 4]], np.float32), np.array([-1, 0.1], np.float32)
    backend.load_weights(model, {"weight": weight, "bias": bias})
    return model


@pytest.fixture(autouse=True)
def no_autocast(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """`fit` opens none, so that its numbers are the same on every backend."""
    monkeypatch.setattr(backend, "autocast", lambda amp, device: nullcontext())


def fitted(backend: Backend, spec: Spec, factors: list[float], **files: Any) -> Any:
    return fit(spec, model_of(backend), batches_of(*factors), loss=own_loss, **files)


# Skipped updates


def test_a_run_whose_every_update_was_skipped_says_so(backend: Backend, tmp_path: Path) -> None:
    """The scale falls from 65536 by halves; two such runs prove nothing, but for their specs."""
    traces = []
    for name, betas in (("a", (0.9, 0.999)), ("b", (0.9, 0.999)), ("c", (0.1, 0.2))):
        optimizer = {"name": "adamw", "lr": 0.1, "betas": betas}
        traces.append(tmp_path / f"{name}.jsonl")
        with pytest.warns(TrainingWarning, match=r"no update was made: all 6.*loss scale of 1024"):
            updates = fitted(
                backend,
                spec_of({}, optimizer=optimizer),
                [math.inf] * T,
                trace=traces[-1],
                output=tmp_path / name,
            )
        assert [u.skipped for u in updates] == [True] * T
        end = read_trace(traces[-1]).end
        assert end is not None
        assert end.skipped == T
    comparison = compare_files(*traces[:2])
    assert comparison.verdict == "no proof"
    assert verdict(comparison).startswith("No proof: every update was skipped on both sides, all 6")
    first = compare_files(*traces[1:]).first
    assert first is not None
    assert (first.stage, first.verdict) == ("spec", "differs")


def test_skipped_updates_are_counted_and_told(backend: Backend, tmp_path: Path) -> None:
    """Without a warning, which would fail here: float16 begins with some."""
    trace = tmp_path / "a.jsonl"
    updates = fitted(backend, spec_of({}), [1.0, math.inf, math.nan, 1.0, 1.0, 1.0], trace=trace)
    assert [u.attempt for u in updates] == [0, 1, 2, 3, 4, 5]
    assert [u.t for u in updates] == [0, 1, 1, 1, 2, 3]
    written = read_trace(trace)
    assert written.end == End(reason="done", skipped=2)
    assert [u.attempt for u in written.updates] == [0, 1, 2, 3, 4, 5]
    comparison = compare_files(trace, trace)
    assert comparison.agrees
    assert any("2 of 6, " in remark for remark in remarks(comparison))


def test_an_own_loop_can_count_them(backend: Backend) -> None:
    run = started(backend, amp_spec({}))
    applied = make(run, ".x.xx.")
    assert [a.attempt for a in applied] == [0, 1, 2, 3, 4, 5]
    assert (run.skipped, run.t) == (3, 3)


PER_EPOCH = {"name": "step", "every": 1, "gamma": 0.1, "per": "epoch"}


@pytest.mark.parametrize("on_skip", ["hold", "advance"])
def test_a_schedule_per_epoch_goes_by_the_epochs(backend: Backend, on_skip: str) -> None:
    """Whatever was skipped: the rates of three epochs of four updates are 0.1, 0.01, 0.001."""
    spec = spec_of({"on_skip": on_skip}, schedule=PER_EPOCH, duration={"epochs": 3})
    run = started(backend, spec, micro_batches=4)
    applied = make(run, "xx...x....x.")
    assert [a.lr for a in applied] == pytest.approx([0.1] * 4 + [0.01] * 4 + [0.001] * 4)
    assert [a.t for a in applied] == list(range(12))


def test_an_epoch_that_is_left_early_has_ended_for_its_schedule(backend: Backend) -> None:
    """Two of its four updates were made, then none, then all, then one."""
    spec = spec_of(None, schedule=PER_EPOCH, duration={"epochs": 4}, batch={"accumulate": 2})
    run = started(backend, spec, micro_batches=8)
    rates = []
    for micro_batches in (5, 1, 8, 2):
        run.begin_epoch()
        done = [run.step(loss(run)) for _ in range(micro_batches)]
        rates.append({round(applied.lr, 9) for applied in done if applied is not None})
    assert rates == [{0.1}, set(), {0.001}, {0.0001}]


def loss(run: Run) -> Any:
    x = run.backend.to_device({"x": np.ones((1, 2), np.float32)}, run.device)["x"]
    return run.model(x).sum()


# Numbers that are none


@pytest.mark.parametrize("amp", [None, {"dtype": "bfloat16"}])
@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_the_first_number_that_is_none_is_named(
    backend: Backend, amp: dict[str, Any] | None, factor: float, tmp_path: Path
) -> None:
    """Once, and the run goes on: its trace is what somebody may want to compare."""
    trace = tmp_path / "a.jsonl"
    with pytest.warns(TrainingWarning, match=r"no longer numbers: the loss of update 3") as told:
        updates = fitted(backend, spec_of(amp), [1.0, 1.0, 1.0, factor, 1.0, 1.0], trace=trace)
    assert len(told) == 1
    assert [math.isfinite(u.loss) for u in updates] == [True] * 3 + [False] * 3
    assert len(read_trace(trace).updates) == T


def test_a_loss_that_overflows_alone_does_not_accuse_the_weights(backend: Backend) -> None:
    """The gradient of loss + inf is that of the loss."""

    def shifted(model: Any, tensors: dict[str, Any]) -> Any:
        return own_loss(model, tensors) + math.inf

    with pytest.warns(TrainingWarning, match="weights are finite as yet: the loss of update 0 is"):
        fitted_model = model_of(backend)
        fit(spec_of(None), fitted_model, batches_of(*[1.0] * T), loss=shifted)
    weights = backend.dump_weights(fitted_model).values()
    assert all(np.isfinite(w).all() for w in weights)


def test_gradients_that_are_none_at_the_very_end_are_seen_in_the_weights(backend: Backend) -> None:
    """The root of 0 is 0 and its gradient infinite: no loss tells of the last update."""

    def rooted(model: Any, tensors: dict[str, Any]) -> Any:
        return (model(tensors["x"]).sum() * tensors["by"].sum()) ** 0.5

    with pytest.warns(TrainingWarning, match="no longer numbers: the last gradients"):
        updates = fit(
            spec_of(None, optimizer={"name": "sgd", "lr": 0.001}),
            model_of(backend),
            batches_of(1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
            loss=rooted,
        )
    assert all(math.isfinite(u.loss) for u in updates)


def test_a_run_with_numbers_says_nothing(backend: Backend) -> None:
    """A warning would fail here."""
    assert len(fitted(backend, spec_of(None), [1.0] * T)) == T
