"""The free run's statistics: honest runs are not called different, hidden faults are found.

Each is `assert_update_parity` of a torch and a Paddle model, with its chaos floor.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from benchmarks import zoo
from dualtrain.parity import Comparison
from dualtrain.testing import assert_update_parity
from tests import builders

# Paddle's layer says so in every forward pass.
pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")

spec_of = partial(builders.spec_of, optimizer={"name": "adamw", "lr": 1e-3}, clip=None)


def convolutions(*, bias: bool) -> list[Any]:
    """Convolution, batch norm and ReLU, twice, with a head; in torch and in Paddle."""
    in_paddle: dict[str, Any] = {} if bias else {"bias_attr": False}
    return [
        torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 3, padding=1, bias=bias),
            torch.nn.BatchNorm2d(8),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 8, 3, padding=1, bias=bias),
            torch.nn.BatchNorm2d(8),
            torch.nn.ReLU(),
            torch.nn.Flatten(),
            torch.nn.Linear(8 * 36, 5),
        ),
        paddle.nn.Sequential(
            paddle.nn.Conv2D(1, 8, 3, padding=1, **in_paddle),
            paddle.nn.BatchNorm2D(8),
            paddle.nn.ReLU(),
            paddle.nn.Conv2D(8, 8, 3, padding=1, **in_paddle),
            paddle.nn.BatchNorm2D(8),
            paddle.nn.ReLU(),
            paddle.nn.Flatten(),
            paddle.nn.Linear(8 * 36, 5),
        ),
    ]


def images(seed: int = 0) -> list[dict[str, Any]]:
    """Of five kinds, with noise; bright, so that the statistics move far."""
    random = np.random.default_rng(seed)
    kinds = random.normal(2.0, 3.0, (5, 1, 6, 6))
    batches = []
    for _ in range(5):
        labels = random.integers(0, 5, 16)
        noisy = kinds[labels] + random.normal(0, 3, (16, 1, 6, 6))
        batches.append({"input": noisy.astype(np.float32), "labels": labels})
    return batches


def layers(*sizes: int, activation: str) -> list[Any]:
    """A perceptron in both frameworks."""
    return [
        library.Sequential(
            *(
                layer
                for n, (width, out) in enumerate(pairwise(sizes))
                for layer in (
                    library.Linear(width, out),
                    *([getattr(library, activation)()] if n < len(sizes) - 2 else []),
                )
            )
        )
        for library in (torch.nn, paddle.nn)
    ]


def vectors(classes: int, width: int, count: int = 5) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    rule = random.normal(size=(width, classes))
    batches = []
    for _ in range(count):
        x = random.normal(size=(32, width)).astype(np.float32)
        noise = 2 * random.normal(size=(32, classes))
        batches.append({"input": x, "labels": (x @ rule + noise).argmax(1)})
    return batches


def trained(
    models: list[Any], batches: list[dict[str, Any]], updates: int, **how: Any
) -> Comparison:
    changes = {key: how.pop(key) for key in ("optimizer", "weight_decay") if key in how}
    torch.manual_seed(0)
    spec = spec_of(duration={"updates": updates}, **changes)
    return assert_update_parity(spec, models, batches, **how)


# Honest runs


def test_a_bias_before_a_batch_norm_moves_by_noise_and_its_mean_follows_it() -> None:
    torch.manual_seed(0)
    weights = trained(convolutions(bias=True), images(), 40).weights
    assert weights is not None
    assert {tensor.name for tensor in weights.by_rounding} == {"0.bias", "3.bias"}
    assert len(weights.statistics) == 4
    assert {t.name for t in weights.statistics if t.raised} == {"1.running_mean", "4.running_mean"}


def test_statistics_without_such_a_bias_are_judged_sharply() -> None:
    torch.manual_seed(0)
    weights = trained(convolutions(bias=False), images(), 20, nudges=1).weights
    assert weights is not None
    assert not weights.by_rounding
    assert max(tensor.bound for tensor in weights.statistics) < 1e-4


def squares(model: Any, batch: Any) -> Any:
    apart = model(batch["input"]) - batch["labels"]
    return (apart * apart).sum()


def test_a_regression_with_losses_in_the_thousands() -> None:
    """Two ULP of float32 at 10,000 are 0.002."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    batches = []
    for _ in range(5):
        x = random.normal(size=(32, 8)).astype(np.float32)
        labels = (60 + 40 * x[:, :1] * x[:, 1:2] + 30 * x[:, 2:3]).astype(np.float32)
        batches.append({"input": x, "labels": labels})
    models = layers(8, 32, 32, 1, activation="Tanh")
    optimizer = {"name": "adamw", "lr": 1e-2}
    found = trained(models, batches, 60, optimizer=optimizer, loss=squares, nudges=1)
    assert found.a.updates[0].loss > 3000


@pytest.mark.parametrize("seed", range(5))
def test_two_updates_of_a_fresh_bert(seed: int) -> None:
    """Adam's first steps are of full size even where a gradient is little but noise."""
    pair = zoo.pair("bert", updates=2, batches=2, seed=seed, warmup=None, schedule=CONSTANT)
    assert_update_parity(pair.spec, pair.models, pair.batches, nudges=1)


CONSTANT = {"name": "constant"}


def test_a_run_that_rounding_decides_is_no_difference() -> None:
    """A ReLU net at a high rate: nobody can say, and no field of the spec is to blame."""
    torch.manual_seed(0)
    models = layers(32, 128, 128, 128, 8, activation="ReLU")
    optimizer = {"name": "momentum", "lr": 0.2, "momentum": 0.9}
    with pytest.raises(AssertionError) as caught:
        trained(models, vectors(8, 32), 120, optimizer=optimizer, nudges=1)
    text = str(caught.value)
    assert text.startswith("no proof, by the stage ")
    assert "Look at" not in text


# Faults, on the Paddle side alone


def shrinking(model: Any) -> None:
    """A decay of 2e-6 of the weight at each update."""
    weight = model[7].weight
    weight.set_value(weight * (1 - 2e-6))


def wandering(model: Any) -> None:
    """The head goes elsewhere: by about its own movement at the end."""
    weight = model[7].weight
    weight.set_value(weight + 1e-3 * paddle.randn(weight.shape))


def forgetting(model: Any) -> None:
    """The running variance takes in 1e-4 less."""
    model[4]._variance.set_value(model[4]._variance * (1 - 1e-4))


@pytest.mark.parametrize(
    ("fault", "stage", "tensor"),
    [
        (shrinking, "update", "7.weight"),
        (wandering, "update", "7.weight"),
        (forgetting, "running statistics", "4.running_var"),
    ],
)
def test_batch_norm_hides_no_fault(fault: Callable[[Any], None], stage: str, tensor: str) -> None:
    """The statistics move a hundred times as far as the weights, and are none."""

    def loss(model: Any, batch: Any) -> Any:
        if isinstance(model, torch.nn.Module):
            return torch.nn.functional.cross_entropy(
                model(batch["input"]), batch["labels"], reduction="sum"
            )
        with paddle.no_grad():
            fault(model)
        return paddle.nn.functional.cross_entropy(
            model(batch["input"]), batch["labels"], reduction="sum"
        )

    torch.manual_seed(0)
    with pytest.raises(AssertionError) as caught:
        trained(convolutions(bias=True), images(), 20, loss=loss, nudges=1)
    text = str(caught.value)
    assert f"the stage {stage!r}: {tensor}" in text or "the stage 'loss'" in text
