"""What every task promises: it goes on, it moves, it ends and keeps its best by its own metric."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain.spec import Spec
from dualtrain.trace import Evaluation, Trace, read_trace
from dualtrain.training import predict, train
from tests.conformance.test_checkpoints import left_after, state_of
from tests.every_task import EVERY
from tests.parity.test_resumed_elsewhere import PAIRS, apart

pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")

FRAMEWORKS = ("torch", "paddle")
BAR = 1e-4
"""Of the norm of all weights: AdamW trains a key's bias on rounding, which is all its gradient."""
UPDATES = {"duration": {"updates": 8}, "evaluation": {"every": {"updates": 2}}}
"""Two epochs; left after five, the first of the second one."""


def judged(metric: str, mode: str, **more: Any) -> dict[str, Any]:
    """Words of a run that is judged by a metric every other update; its patience never ends."""
    by = {"metric": metric, "mode": mode}
    return {**UPDATES, "early_stopping": by | {"patience": 9} | more, "best": by}


def trained(spec: Spec, backend: str, name: str, **more: Any) -> Trace:
    """A run that writes `name`, and `name`.jsonl, beside its data."""
    folder = spec.folder
    train(spec, backend, trace=folder / f"{name}.jsonl", output=folder / name, **more)
    return read_trace(folder / f"{name}.jsonl")


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("backend", FRAMEWORKS)
@pytest.mark.parametrize("task", EVERY)
def test_a_run_whose_folder_was_moved_goes_on_to_the_bit(
    tmp_path: Path, task: str, backend: str
) -> None:
    """Dropout on, mid-epoch, its best already found; and predicts the same where it ends up."""
    here, there, end = (tmp_path / name for name in ("here", "there", "end"))
    one = EVERY[task]
    words = {"dropout": 0.3, **judged(one.metric, one.mode)}
    spec = one.made(here, **words)
    trained(spec, backend, "whole", checkpoints=here / "whole.kept")
    with pytest.raises(SystemExit):
        trained(spec, backend, "left", checkpoints=here / "kept", stop=left_after(5))
    here.rename(there)
    trained(one.again(there, **words), backend, "left", checkpoints=there / "kept", resume=True)
    assert state_of(there / "kept") == state_of(there / "whole.kept")
    assert files_of(there / "left") == files_of(there / "whole")
    rows = [(there / f"{n}.jsonl").read_text(encoding="utf-8") for n in ("left", "whole")]
    assert rows[0].splitlines()[1:-1] == rows[1].splitlines()[1:-1]
    expected = predict(there / "left", there / one.held_out, weights="best")
    (there / "left").rename(end)
    data = tmp_path / one.held_out
    data.write_bytes((there / one.held_out).read_bytes())
    there.rename(tmp_path / "gone")
    assert predict(end, data, weights="best") == expected


@pytest.mark.parametrize(("giver", "taker"), PAIRS)
@pytest.mark.parametrize("task", EVERY)
def test_the_other_framework_goes_on(tmp_path: Path, task: str, giver: str, taker: str) -> None:
    """And ends where it would have, itself: weights, the best of them, scores, predictions."""
    one = EVERY[task]
    spec = one.made(tmp_path, **judged(one.metric, one.mode))
    whole = trained(spec, taker, "whole")
    with pytest.raises(SystemExit):
        trained(spec, giver, "left", checkpoints=tmp_path / "kept", stop=left_after(5))
    left = trained(spec, taker, "left", checkpoints=tmp_path / "kept", resume=True)
    for file in ("model.safetensors", "best.safetensors"):
        assert apart(*(tmp_path / name / file for name in ("whole", "left"))) < BAR, file
    assert [u.batches for u in left.updates] == [u.batches for u in whole.updates]
    for mine, other in zip(left.evaluations, whole.evaluations, strict=True):
        assert mine.loss == pytest.approx(other.loss, rel=1e-4)
        assert mine.metrics == pytest.approx(dict(other.metrics), rel=1e-3)
    rows = [predict(tmp_path / name, tmp_path / one.held_out) for name in ("whole", "left")]
    names = [name for name, cell in rows[0][0].items() if isinstance(cell, float)]
    for name in names:
        left_out, right_out = (np.array([row[name] for row in side], float) for side in rows)
        np.testing.assert_allclose(left_out, right_out, rtol=1e-3, atol=1e-4)


def ended_at(found: list[float], mode: str, *, patience: int, threshold: float) -> int:
    """How many evaluations are made, of these: the rule of docs/spec.md, in other words."""
    best, bad = -math.inf, 0
    for count, score in enumerate(found, 1):
        better = score if mode == "max" else -score
        best, bad = (better, 0) if better > best + threshold else (best, bad + 1)
        if bad == patience:
            return count
    return len(found)


@pytest.mark.parametrize("task", EVERY)
def test_both_end_and_keep_their_best_at_one_update(tmp_path: Path, task: str) -> None:
    """By the task's own metric; the best are the weights that a run of that length ends with."""
    one, found = EVERY[task], {}
    rule: dict[str, Any] = {"patience": 2, "threshold": one.threshold}
    words: dict[str, Any] = {
        **judged(one.metric, one.mode, **rule),
        "optimizer": {"name": "adamw", "lr": 3e-2},
        "schedule": {"name": "constant"},
        "warmup": None,
    }
    words |= {"duration": {"updates": 60}, "evaluation": {"every": {"updates": 3}}}
    spec = one.made(tmp_path, **words)
    for backend in FRAMEWORKS:
        trace = trained(spec, backend, backend)
        scores = [measured(e)[one.metric] for e in trace.evaluations]
        assert len(scores) == ended_at(scores, one.mode, **rule)
        assert trace.outcome.startswith(f"early stopping: {one.metric}")
        assert len(trace.updates) == 3 * len(scores) < 60
        best = scores.index(max(scores) if one.mode == "max" else min(scores))
        words["duration"] = {"updates": 3 * (best + 1)}
        short = one.again(tmp_path, **words)
        trained(short, backend, "short")
        kept = (tmp_path / backend / "best.safetensors").read_bytes()
        assert kept == (tmp_path / "short" / "model.safetensors").read_bytes()
        found[backend] = (trace.outcome, scores)
    assert found["torch"][0] == found["paddle"][0]
    assert found["torch"][1] == pytest.approx(found["paddle"][1], rel=1e-3)


def measured(evaluation: Evaluation) -> dict[str, float]:
    """Each metric of a line of a trace."""
    found = dict(evaluation.metrics)
    if evaluation.correct is not None and evaluation.examples:
        found["accuracy"] = evaluation.correct / evaluation.examples
    return found
