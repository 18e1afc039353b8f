"""Moving averages, torch against Paddle; what they cover of a model with all kinds of tensors."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from dualtrain.backend import backend_of
from dualtrain.testing import assert_update_parity
from dualtrain.training import start
from tests import builders
from tests.pairs import make_batch, make_config, make_pair
from tests.parity.test_user_models import BATCH, LISTED, STATISTICS, PaddleModel, TorchModel

spec_of = partial(
    builders.spec_of,
    optimizer={"name": "adamw", "lr": 1e-3},
    schedule={"name": "linear"},
    duration={"updates": 40},
    ema={"decay": 0.9},
)


def test_both_frameworks_come_to_the_same_averages(capsys: pytest.CaptureFixture[str]) -> None:
    config = make_config("bert", dropout=0.0, attention_dropout=0.0, classifier_dropout=0.0)
    random = np.random.RandomState(3)
    batches = [
        make_batch(config, seed=i) | {"labels": random.randint(0, config.classes, 6)}
        for i in range(10)
    ]
    comparison = assert_update_parity(
        spec_of(weight_decay={"value": 0.01, "exclude": ["bias", "norm"]}),
        make_pair(config),
        batches,
    )
    weights, averages = comparison.weights, comparison.averages
    assert weights is not None
    assert averages is not None
    worst = max(averages.judged, key=lambda tensor: tensor.difference / tensor.bound)
    with capsys.disabled():
        print(
            f"\naverages after 40 updates: at most {worst.difference:.2g} of their movement apart "
            f"({worst.name}, allowed {worst.bound:.2g})"
        )
    assert worst.difference <= worst.bound < 1e-4
    assert 0.3 < averages.movement / weights.movement < 0.95


@pytest.mark.parametrize("build", [TorchModel, PaddleModel])
def test_they_cover_what_trains_once_and_leave_the_rest(build: Any) -> None:
    """Parameters move to between then and now; statistics and what is frozen are those of now."""
    model = build()
    backend = backend_of(model)
    run = start(spec_of(ema={"decay": 0.75}), model, micro_batches_per_epoch=1)
    before = backend.dump_weights(model)
    model.train()
    tensors = backend.to_device(BATCH, run.device)
    run.step((model(tensors["input_ids"]) ** 2).sum())
    after = backend.dump_weights(model)
    with run.averaged():
        averages = backend.dump_weights(model)
    frozen = {name for name, _, _, trainable in LISTED if not trainable}
    assert sorted(averages) == sorted(after)
    for name, average in averages.items():
        now = name in STATISTICS or name in frozen
        expected = after[name] if now else 0.75 * before[name] + 0.25 * after[name]
        np.testing.assert_allclose(average, expected, rtol=1e-6, atol=1e-7)
        assert now == np.array_equal(average, after[name])
    assert not np.array_equal(before["table.weight"], after["table.weight"])
    assert not np.array_equal(before["batch_norm.running_mean"], after["batch_norm.running_mean"])
