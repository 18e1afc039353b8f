"""Each kind of clip and a smoothed loss, torch against Paddle: the weights end alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain import fit
from dualtrain.testing import assert_update_parity
from tests.builders import spec_of
from tests.pairs import make_batch, make_config, make_pair


@pytest.mark.parametrize("clip", [{"global_norm": 0.05}, {"norm": 0.02}, {"value": 0.002}])
def test_the_clip_stage_agrees(clip: dict[str, float]) -> None:
    config = make_config("bert", dropout=0.0, attention_dropout=0.0, classifier_dropout=0.0)
    random = np.random.RandomState(3)
    batches = [
        make_batch(config, seed=i) | {"labels": random.randint(0, config.classes, 6)}
        for i in range(4)
    ]
    spec = spec_of(
        optimizer={"name": "adamw", "lr": 1e-3},
        schedule={"name": "linear"},
        duration={"updates": 12},
        batch={"accumulate": 2},
        clip=clip,
        loss={"label_smoothing": 0.1},
    )
    comparison = assert_update_parity(spec, make_pair(config), batches)
    assert "clip" in [finding.stage for finding in comparison.findings]
    shares = [(u.clipped_norm or 0.0) / (u.grad_norm or 0.0) for u in comparison.a.updates]
    assert min(shares) < 0.9


@pytest.mark.parametrize("clip", [{"global_norm": 0.05}, {"norm": 0.02}, {"value": 0.002}])
def test_float64_is_clipped_too(clip: dict[str, float]) -> None:
    """In float64: the weights are equal far below float32's rounding."""
    random = np.random.RandomState(3)
    x, weight = random.randn(4, 3), random.randn(3, 2)
    optimizer = {"name": "sgd", "lr": 0.5}  # float32 has it
    spec = spec_of(optimizer=optimizer, duration={"updates": 3}, clip=clip)
    models: list[Any] = [torch.nn.Linear(3, 2).double(), paddle.nn.Linear(3, 2)]
    models[1].to(dtype="float64")
    with torch.no_grad():
        models[0].weight.copy_(torch.from_numpy(weight.T))
        models[0].bias.zero_()
    models[1].weight.set_value(weight)
    for model in models:
        fit(spec, model, [{"x": x}], loss=lambda model, t: (model(t["x"]) ** 2).sum())
    ends = [models[0].weight.detach().numpy().T, models[1].weight.numpy()]
    assert np.abs(ends[0] - weight).max() > 1e-3
    np.testing.assert_allclose(ends[0], ends[1], rtol=0, atol=1e-8)


@pytest.mark.parametrize("soft", [False, True])
def test_a_micro_batch_of_which_no_label_counts_agrees(soft: bool) -> None:
    """It adds 0 to its group on both sides, a number that traces hold and parity compares."""
    config = make_config("bert", dropout=0.0, attention_dropout=0.0, classifier_dropout=0.0)
    random = np.random.RandomState(3)
    rows = np.eye(config.classes, dtype=np.float32)
    batches = []
    for i in range(4):
        labels = random.randint(0, config.classes, 6)
        kept = np.full(6, i % 2 == 0)
        counted = rows[labels] * kept[:, None] if soft else np.where(kept, labels, -100)
        batches.append(make_batch(config, seed=i) | {"labels": counted})
    spec = spec_of(
        optimizer={"name": "adamw", "lr": 1e-3},
        schedule={"name": "linear"},
        duration={"updates": 6},
        batch={"accumulate": 2, "normalise": "token_mean"},
    )
    comparison = assert_update_parity(spec, make_pair(config), batches)
    for trace in (comparison.a, comparison.b):
        assert [u.micro_losses[1] for u in trace.updates] == [0.0] * 6
        assert all(u.loss == pytest.approx(u.micro_losses[0], rel=1e-6) for u in trace.updates)
