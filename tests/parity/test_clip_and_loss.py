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

CLIPS: tuple[dict[str, Any], ...] = (
    {"global_norm": 0.05},
    {"norm": 0.02},
    {"value": 0.002},
    {"global_norm": 2e-5, "rule": "torch"},
    {"norm": 2e-5, "rule": "torch"},
)


@pytest.mark.parametrize("clip", CLIPS)
def test_the_clip_stage_agrees(clip: dict[str, Any]) -> None:
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


@pytest.mark.parametrize("clip", CLIPS[:3])
def test_float64_is_clipped_too(clip: dict[str, Any]) -> None:
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


@pytest.mark.parametrize("kind", ["global_norm", "norm"])
@pytest.mark.parametrize("c", [3e-6, 0.05, 1e3])
def test_by_torchs_rule_both_end_where_torchs_own_clip_does(kind: str, c: float) -> None:
    """`clip_grad_norm_` of all parameters, or of each; its 1e-6 is a quarter of the first limit."""
    random = np.random.RandomState(3)
    x, weight = random.randn(4, 3), random.randn(3, 2)
    clip, optimizer = {kind: c, "rule": "torch"}, {"name": "sgd", "lr": 0.5}
    spec = spec_of(optimizer=optimizer, duration={"updates": 3}, clip=clip)
    models: list[Any] = [torch.nn.Linear(3, 2).double() for _ in range(2)]
    for model in models:
        with torch.no_grad():
            model.weight.copy_(torch.from_numpy(weight.T))
            model.bias.zero_()
    models.append(paddle.nn.Linear(3, 2))
    models[2].to(dtype="float64")
    models[2].weight.set_value(weight)
    by_hand, *ours = models
    native = torch.optim.SGD(by_hand.parameters(), lr=0.5)
    for _ in range(3):
        native.zero_grad()
        ((by_hand(torch.from_numpy(x)) ** 2).sum() / len(x)).backward()
        groups = [[*by_hand.parameters()]] if kind == "global_norm" else by_hand.parameters()
        for group in groups:
            torch.nn.utils.clip_grad_norm_(group, c)
        native.step()
    for model in ours:
        fit(spec, model, [{"x": x}], loss=lambda model, t: (model(t["x"]) ** 2).sum())
    end = by_hand.weight.detach().numpy().T
    np.testing.assert_allclose(ours[0].weight.detach().numpy().T, end, rtol=0, atol=1e-14)
    np.testing.assert_allclose(ours[1].weight.numpy(), end, rtol=0, atol=1e-8)


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
