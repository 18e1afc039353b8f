"""Each kind of clip and a smoothed loss, torch against Paddle: the weights end alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dualtrain import Spec
from dualtrain.testing import assert_update_parity
from tests.pairs import make_batch, make_config, make_pair


@pytest.mark.parametrize("clip", [{"global_norm": 0.05}, {"norm": 0.02}, {"value": 0.002}])
def test_the_clip_stage_agrees(clip: dict[str, float]) -> None:
    config = make_config("bert", dropout=0.0, attention_dropout=0.0, classifier_dropout=0.0)
    random = np.random.RandomState(3)
    batches = [
        make_batch(config, seed=i) | {"labels": random.randint(0, config.classes, 6)}
        for i in range(4)
    ]
    parts: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 1e-3},
        "schedule": {"name": "linear"},
        "duration": {"updates": 12},
        "batch": {"accumulate": 2},
        "clip": clip,
        "loss": {"label_smoothing": 0.1},
    }
    comparison = assert_update_parity(Spec(**parts), make_pair(config), batches)
    assert "clip" in [finding.stage for finding in comparison.findings]
    shares = [(u.clipped_norm or 0.0) / (u.grad_norm or 0.0) for u in comparison.a.updates]
    assert min(shares) < 0.9
