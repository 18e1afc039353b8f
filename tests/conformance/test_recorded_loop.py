"""A loop of one's own, recorded: what it says is what `fit` says of the same run."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain import Spec, fit, start
from dualtrain.backend import Backend
from dualtrain.errors import OutputError, PlanError
from dualtrain.parity import compare_files
from dualtrain.trace import Trace, TraceWriter, read_trace
from dualtrain.training import Run
from tests import builders
from tests.conformance.test_run import BIAS, WEIGHT, batch, classify

PARTS = [batch(4, seed=1), batch(2, seed=2), batch(4, seed=3)]


spec_of = partial(
    builders.spec_of,
    schedule={"name": "linear"},
    warmup={"steps": 1},
    clip={"global_norm": 0.5},
    batch={"accumulate": 2},
    duration={"epochs": 2},
)


def linear_of(backend: Backend) -> Any:
    model = backend.build_linear(3, 2)
    backend.load_weights(model, {"weight": WEIGHT, "bias": BIAS})
    return model


def loss_of(run: Run, part: dict[str, Any]) -> Any:
    """The sum over the samples."""
    return classify(run.backend)(run.model, run.backend.to_device(part, run.device))


def looped(backend: Backend, spec: Spec, folder: Path, *, steps: int = 6) -> Trace:
    """The trace of a loop of means, or with token_mean of sums."""
    files: dict[str, Any] = {"trace": folder / "loop.jsonl", "output": folder / "loop"}
    with start(spec, linear_of(backend), micro_batches_per_epoch=3, **files) as run:
        for index in range(steps):
            part = PARTS[index % 3]
            if spec.batch.normalise == "micro_mean":
                run.step(loss_of(run, part) / len(part["x"]))
            else:
                group = ((0, 1), (0, 1), (2,))[index % 3]
                run.step(loss_of(run, part), divisor=sum(len(PARTS[i]["x"]) for i in group))
    return read_trace(folder / "loop.jsonl")


def fitted(backend: Backend, spec: Spec, folder: Path) -> Trace:
    trace = folder / "fit.jsonl"
    fit(spec, linear_of(backend), PARTS, loss=classify(backend), trace=trace, output=folder / "fit")
    return read_trace(trace)


@pytest.mark.parametrize("normalise", ["micro_mean", "token_mean"])
def test_it_records_what_fit_does(backend: Backend, normalise: str, tmp_path: Path) -> None:
    """But for digests of batches, which it never sees, and with token_mean their own means."""
    spec = spec_of(batch={"accumulate": 2, "normalise": normalise})
    loop, whole = looped(backend, spec, tmp_path), fitted(backend, spec, tmp_path)
    facts = [replace(p, native="") for p in loop.header.parameters]  # Paddle numbers its layers
    assert facts == [replace(p, native="") for p in whole.header.parameters]
    assert loop.header == replace(whole.header, parameters=loop.header.parameters)
    assert loop.end is not None
    assert whole.end is not None
    files: dict[str, Any] = {"weights": "fit/model.safetensors"}
    files["initial_weights"] = "fit/initial.safetensors"
    assert replace(loop.end, **files) == whole.end
    unseen: dict[str, Any] = {"batches": ()}
    if normalise == "token_mean":
        unseen["micro_losses"] = ()
    for mine, theirs in zip(loop.updates, whole.updates, strict=True):
        rounded = replace(mine, loss=theirs.loss, micro_losses=theirs.micro_losses)
        assert replace(rounded, **unseen) == replace(theirs, **unseen)
        assert mine.loss == pytest.approx(theirs.loss, rel=1e-6)
        if normalise == "micro_mean":
            assert mine.micro_losses == pytest.approx(theirs.micro_losses, rel=1e-6)
    for file in ("initial.safetensors", "model.safetensors"):
        assert (tmp_path / "loop" / file).read_bytes() == (tmp_path / "fit" / file).read_bytes()


@pytest.mark.parametrize("normalise", ["micro_mean", "token_mean"])
def test_it_can_be_compared_with_any_other(
    backend: Backend, normalise: str, tmp_path: Path
) -> None:
    spec = spec_of(batch={"accumulate": 2, "normalise": normalise})
    looped(backend, spec, tmp_path)
    fitted(backend, spec, tmp_path)
    (tmp_path / "again").mkdir()
    looped(backend, spec, tmp_path / "again")
    for other in ("fit.jsonl", "again/loop.jsonl"):
        comparison = compare_files(tmp_path / "loop.jsonl", tmp_path / other)
        assert comparison.first is None, comparison.first


def test_it_can_be_compared_with_a_fit_that_took_the_model_s_output(
    backend: Backend, tmp_path: Path
) -> None:
    """`fit` without a loss of one's own has the first output in its trace; a loop never has."""
    looped(backend, spec_of(), tmp_path)
    parts = [(part["x"], part["labels"]) for part in PARTS]
    trace, output = tmp_path / "fit.jsonl", tmp_path / "fit"
    fit(spec_of(), linear_of(backend), parts, trace=trace, output=output)
    assert read_trace(tmp_path / "fit.jsonl").header.probe is not None
    comparison = compare_files(tmp_path / "loop.jsonl", tmp_path / "fit.jsonl")
    assert comparison.first is None, comparison.first


def test_the_probe_is_the_first_output_as_far_as_it_goes(backend: Backend, tmp_path: Path) -> None:
    """x W.T + b of 70 samples and 70 classes, of which 64 and 64 are kept."""
    draw = np.random.default_rng(0)
    x, weight = draw.normal(size=(70, 3)).astype("f4"), draw.normal(size=(70, 3)).astype("f4")
    bias = draw.normal(size=70).astype("f4")
    model = backend.build_linear(3, 70)
    backend.load_weights(model, {"weight": weight, "bias": bias})
    fit(spec_of(), model, [(x, np.zeros(70, np.int64))] * 2, trace=tmp_path / "trace.jsonl")
    expected = (x @ weight.astype(np.float64).T + bias)[:64, :64]
    probe = read_trace(tmp_path / "trace.jsonl").header.probe
    assert probe is not None
    np.testing.assert_allclose(np.array(probe), expected, atol=1e-5)


def test_the_header_is_written_before_the_first_update(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    run = start(spec_of(), linear_of(backend), micro_batches_per_epoch=3, trace=path)
    trace = read_trace(path)
    assert (trace.header.backend, trace.updates, trace.end) == (backend.NAME, (), None)
    run.close()


@pytest.mark.parametrize(
    ("steps", "reason"), [(6, "done"), (2, "closed after 1 of 4 updates"), (0, "closed after 0 of")]
)
def test_closing_ends_it_with_a_reason(
    backend: Backend, steps: int, reason: str, tmp_path: Path
) -> None:
    trace = looped(backend, spec_of(), tmp_path, steps=steps)
    assert trace.end is not None
    assert trace.end.reason.startswith(reason)
    assert (tmp_path / "loop" / "model.safetensors").exists()


def test_an_error_ends_it_too(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    with (
        pytest.raises(ZeroDivisionError, match="mine"),
        start(spec_of(batch={}), linear_of(backend), micro_batches_per_epoch=3, trace=path) as run,
    ):
        run.step(loss_of(run, PARTS[0]) / 4)
        raise ZeroDivisionError("mine")
    trace = read_trace(path)
    assert len(trace.updates) == 1
    assert trace.end is not None
    assert trace.end.reason == "error: ZeroDivisionError: mine"


def test_closing_twice_does_nothing(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    run = start(spec_of(), linear_of(backend), micro_batches_per_epoch=3, trace=path)
    run.close()
    before = path.read_bytes()
    run.close()
    assert path.read_bytes() == before


def test_a_step_after_the_end_is_refused(backend: Backend, tmp_path: Path) -> None:
    """It would be made by another rule of batch norm, and in no trace."""
    path = tmp_path / "trace.jsonl"
    with start(spec_of(), linear_of(backend), micro_batches_per_epoch=3, trace=path) as run:
        run.step(loss_of(run, PARTS[0]))
    left = start(spec_of(batch={}), linear_of(backend), micro_batches_per_epoch=3)
    left.step(loss_of(left, PARTS[0]))
    left.close()
    for one, count in ((run, 0), (left, 1)):
        with pytest.raises(PlanError, match=rf"before the run is closed.* after {count} updates"):
            one.step(loss_of(one, PARTS[1]))


def test_a_trace_that_cannot_be_begun_leaves_the_model_as_it_was(
    backend: Backend, tmp_path: Path
) -> None:
    """Its batch norms would follow the rule of a run that there is not."""
    undone: list[str] = []
    path = tmp_path / "trace.jsonl"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "use_batch_norm", lambda model, rule: lambda: undone.append(rule))
        patch.setattr(TraceWriter, "_write", full)
        with pytest.raises(OutputError, match="No space left on device"):
            start(spec_of(), linear_of(backend), micro_batches_per_epoch=3, trace=path)
    assert not path.exists()
    assert undone == ["paddle"]


def test_a_state_is_not_restored_into_a_trace(backend: Backend, tmp_path: Path) -> None:
    """The updates in it would not follow each other, and nobody could read it."""
    files: dict[str, Any] = {"trace": tmp_path / "trace.jsonl"}
    with start(spec_of(batch={}), linear_of(backend), micro_batches_per_epoch=3, **files) as run:
        run.step(loss_of(run, PARTS[0]))
        state = run.state()
        with pytest.raises(PlanError, match=r"without one\. Received: a state after 1 updates"):
            run.restore(state)
        run.step(loss_of(run, PARTS[1]))
    assert len(read_trace(files["trace"]).updates) == 2
    output = tmp_path / "output"
    with start(
        spec_of(batch={}), linear_of(backend), micro_batches_per_epoch=3, output=output
    ) as other:
        other.restore(state)
        assert other.attempts == 1


def test_a_group_that_breaks_off_is_not_recorded(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    with start(spec_of(), linear_of(backend), micro_batches_per_epoch=3, trace=path) as run:
        run.step(loss_of(run, PARTS[0]) / 4)
        run.begin_epoch()
        for part in PARTS[:2]:
            run.step(loss_of(run, part) / len(part["x"]))
    (update,) = read_trace(path).updates
    assert len(update.micro_losses) == 2


def test_steps_past_the_end_are_refused(backend: Backend) -> None:
    """At the rate that the schedule has there: 0, for most."""
    run = start(spec_of(), linear_of(backend), micro_batches_per_epoch=3)
    for index in range(6):
        assert not run.is_over
        run.step(loss_of(run, PARTS[index % 3]))
    assert run.is_over
    before = backend.dump_weights(run.model)
    with pytest.raises(PlanError, match=r"the plan's 4 updates and no more, .* a step after 4$"):
        run.step(loss_of(run, PARTS[0]))
    np.testing.assert_equal(backend.dump_weights(run.model), before)


def test_the_last_tail_is_no_step_past_the_end(backend: Backend) -> None:
    """What is dropped after the last update of an epoch is dropped in the last epoch as well."""
    spec = spec_of(batch={"accumulate": 2, "tail": "drop"})
    run = start(spec, linear_of(backend), micro_batches_per_epoch=3)
    done = [run.step(loss_of(run, PARTS[index % 3])) for index in range(6)]
    assert [d is not None for d in done] == [False, True, False, False, True, False]
    assert run.is_over
    with pytest.raises(PlanError, match="the plan's 2 updates and no more"):
        run.step(loss_of(run, PARTS[0]))


def test_epochs_that_end_early_end_the_run_by_its_clock(backend: Backend) -> None:
    """A schedule per epoch has moved on to the end, though fewer updates were made."""
    spec = spec_of(schedule={"name": "step", "gamma": 0.5, "every": 1, "per": "epoch"}, warmup=None)
    run = start(spec, linear_of(backend), micro_batches_per_epoch=3)
    for _ in range(2):
        for part in PARTS[:2]:
            run.step(loss_of(run, part))
        run.begin_epoch()
    with pytest.raises(PlanError, match=r"a step after 2$"):
        run.step(loss_of(run, PARTS[0]))
