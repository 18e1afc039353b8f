"""Which samples an update is made of: sample i has gradient 2**i, so each update names its own.

PaddleNLP's Trainer lets the short group of an epoch leak into the next one, still divided by the
whole `accumulate`; here nothing does unless the spec says `tail: leak`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain import fit
from dualtrain.backend import Backend
from dualtrain.errors import PlanError
from dualtrain.trace import read_trace
from dualtrain.training import start
from tests.builders import spec_of

Samples = list[list[int]]

PER_EPOCH = 10
FIRST: Samples = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
SECOND: Samples = [[10, 11, 12, 13], [14, 15, 16, 17], [18, 19]]

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], Samples]] = {
    "the tail is an update of its own": ({"accumulate": 4}, {"epochs": 2}, FIRST + SECOND),
    "the tail is dropped": (
        {"accumulate": 4, "tail": "drop"},
        {"epochs": 2},
        FIRST[:2] + SECOND[:2],
    ),
    "no tail": ({"accumulate": 5}, {"epochs": 1}, [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]),
    "a group larger than an epoch": (
        {"accumulate": 16},
        {"epochs": 2},
        [list(range(10)), list(range(10, 20))],
    ),
    "the end within an epoch": ({"accumulate": 4}, {"updates": 4}, FIRST + SECOND[:1]),
}


def epoch(number: int) -> list[dict[str, Any]]:
    """Micro-batches of one sample each, 0 ... 9 in the first epoch."""
    first = number * PER_EPOCH
    return [{"x": np.array([2.0**i], np.float32)} for i in range(first, first + PER_EPOCH)]


def loss(model: Any, tensors: dict[str, Any]) -> Any:
    return (model.weight * tensors["x"]).sum()


def named(total: float) -> list[int]:
    """The samples whose gradients add up to this."""
    assert total == round(total)
    return [i for i in range(40) if round(total) >> i & 1]


@pytest.mark.parametrize(("batch", "duration", "expected"), CASES.values(), ids=CASES.keys())
def test_an_update_has_its_groups_samples_over_its_real_size(
    backend: Backend,
    batch: dict[str, Any],
    duration: dict[str, Any],
    expected: Samples,
    tmp_path: Path,
) -> None:
    spec, model = spec_of(batch=batch, duration=duration), backend.build_linear(1, 1)
    updates = fit(spec, model, epoch, loss=loss, trace=tmp_path / "trace.jsonl")
    sizes = [len(update.micro_losses) for update in updates]
    norms = [update.grad_norm or 0.0 for update in updates]
    assert expected == [
        named(round(norm * size, 1)) for norm, size in zip(norms, sizes, strict=True)
    ]
    assert sizes == [len(samples) for samples in expected]


@pytest.mark.parametrize(("batch", "duration", "expected"), CASES.values(), ids=CASES.keys())
def test_so_it_is_in_a_loop_of_ones_own(
    backend: Backend, batch: dict[str, Any], duration: dict[str, Any], expected: Samples
) -> None:
    """`step(loss)` knows by itself where a group ends, and how large it is."""
    model = backend.build_linear(1, 1)
    spec = spec_of(batch=batch, duration=duration)
    run = start(spec, model, micro_batches_per_epoch=PER_EPOCH, measure=True)
    found: Samples = []
    pending = 0
    for part in (part for number in range(2) for part in epoch(number)):
        if run.is_over:
            break
        done = run.step(loss(run.model, backend.to_device(part, run.device)))
        pending += 1
        if done is not None:
            (norm,) = backend.numbers([done.grad_norm])
            found.append(named(round(norm * pending, 1)))
        if done is not None or run.micro_batch == 0:
            pending = 0
    assert expected == found


LEAKING: Samples = [*FIRST[:2], [8, 9, *SECOND[0]], SECOND[1]]


@pytest.mark.parametrize(("normalise", "divisor"), [("micro_mean", 4), ("sum", 1)])
def test_a_tail_leaks_into_the_next_epochs_first_update(
    backend: Backend, normalise: str, divisor: int, tmp_path: Path
) -> None:
    """As in a loop that steps at `(i + 1) % 4 == 0`; what the last epoch leaves is not used."""
    batch = {"accumulate": 4, "tail": "leak", "normalise": normalise}
    spec, trace = spec_of(batch=batch, duration={"epochs": 2}), tmp_path / "trace.jsonl"
    updates = fit(spec, backend.build_linear(1, 1), epoch, loss=loss, trace=trace)
    found = [named(round((update.grad_norm or 0.0) * divisor, 1)) for update in updates]
    assert found == LEAKING
    assert [len(update.batches) for update in updates] == [4, 4, 6, 4]
    means = [sum(update.micro_losses) / divisor for update in updates]
    assert [update.loss for update in updates] == pytest.approx(means)
    read_trace(trace)


@pytest.mark.parametrize(("normalise", "divisor"), [("micro_mean", 4), ("sum", 1)])
def test_so_it_leaks_in_a_loop_of_ones_own(backend: Backend, normalise: str, divisor: int) -> None:
    """It may say where epochs begin: a whole one leaves its tail all the same."""
    spec = spec_of(
        batch={"accumulate": 4, "tail": "leak", "normalise": normalise}, duration={"epochs": 2}
    )
    run = start(spec, backend.build_linear(1, 1), micro_batches_per_epoch=PER_EPOCH, measure=True)
    found: Samples = []
    for number in range(2):
        run.begin_epoch()
        for part in epoch(number):
            done = run.step(loss(run.model, backend.to_device(part, run.device)))
            if done is not None:
                (norm,) = backend.numbers([done.grad_norm])
                found.append(named(round(norm * divisor, 1)))
    assert found == LEAKING


def test_an_epoch_left_early_leaks_nothing(backend: Backend) -> None:
    spec = spec_of(batch={"accumulate": 4, "tail": "leak"}, duration={"epochs": 2})
    run = start(spec, backend.build_linear(1, 1), micro_batches_per_epoch=PER_EPOCH, measure=True)
    found: Samples = []
    for parts in (epoch(0)[:9], epoch(1)[:4]):
        run.begin_epoch()
        for part in parts:
            done = run.step(loss(run.model, backend.to_device(part, run.device)))
            if done is not None:
                found.append(named(4 * backend.numbers([done.grad_norm])[0]))
    assert found == [*FIRST[:2], SECOND[0]]


@pytest.mark.parametrize("micro_batches", [9, 10])
def test_a_tail_that_leaks_is_in_no_state(backend: Backend, micro_batches: int) -> None:
    """Its gradients would be lost, within the epoch and at its end."""
    spec = spec_of(batch={"accumulate": 4, "tail": "leak"}, duration={"epochs": 2})
    run = start(spec, backend.build_linear(1, 1), micro_batches_per_epoch=PER_EPOCH)
    for part in epoch(0)[:micro_batches]:
        run.step(loss(run.model, backend.to_device(part, run.device)))
    with pytest.raises(PlanError, match=rf"Received: {micro_batches - 8} of a group's 4 "):
        run.state()


def test_a_dropped_tail_needs_one_whole_group(backend: Backend) -> None:
    spec = spec_of(batch={"accumulate": 16, "tail": "drop"}, duration={"epochs": 2})
    with pytest.raises(PlanError, match=r"Received: 10 micro-batches, accumulate 16$"):
        fit(spec, backend.build_linear(1, 1), epoch, loss=loss)


def test_an_epoch_has_what_the_spec_says(backend: Backend) -> None:
    batch, model = {"accumulate": 4, "micro_batches_per_epoch": 9}, backend.build_linear(1, 1)
    spec = spec_of(batch=batch, duration={"epochs": 2})
    before = backend.dump_weights(model)["weight"].tolist()
    with pytest.raises(
        PlanError, match=r"write 10, or leave it out\. Received: 9, micro-batches 10"
    ):
        fit(spec, model, epoch, loss=loss)
    assert backend.dump_weights(model)["weight"].tolist() == before
    spec = spec_of(batch=batch | {"micro_batches_per_epoch": 10}, duration={"epochs": 2})
    fit(spec, model, epoch, loss=loss)
    assert backend.dump_weights(model)["weight"].tolist() != before


def test_an_earlier_loop_leaves_no_gradient_behind(backend: Backend) -> None:
    """One that broke off within a group: the next run's first update is its own alone."""
    spec = spec_of(batch={"accumulate": 4}, duration={"epochs": 1})
    model = backend.build_linear(1, 1)
    broken_off = start(spec, model, micro_batches_per_epoch=PER_EPOCH)
    part = backend.to_device(epoch(0)[9], broken_off.device)
    assert broken_off.step(loss(broken_off.model, part)) is None
    run = start(spec, model, micro_batches_per_epoch=PER_EPOCH, measure=True)
    done = [run.step(loss(run.model, backend.to_device(part, run.device))) for part in epoch(0)[:4]]
    assert done[3] is not None
    (norm,) = backend.numbers([done[3].grad_norm])
    assert named(4 * norm) == [0, 1, 2, 3]


def test_an_epoch_left_early_leaves_no_gradient_behind(backend: Backend) -> None:
    """`begin_epoch` drops the unfinished group, and the groups begin anew."""
    spec, model = (
        spec_of(batch={"accumulate": 4}, duration={"epochs": 2}),
        backend.build_linear(1, 1),
    )
    run = start(spec, model, micro_batches_per_epoch=PER_EPOCH, measure=True)
    found = []
    for part in (*epoch(0)[:6], None, *epoch(1)[:4]):
        if part is None:
            run.begin_epoch()
            continue
        done = run.step(loss(run.model, backend.to_device(part, run.device)))
        if done is not None:
            found.append(named(4 * backend.numbers([done.grad_norm])[0]))
    assert found == [FIRST[0], SECOND[0]]
