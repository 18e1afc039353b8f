"""Running statistics are those of the batches that the layer saw, on both sides alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain import Spec, fit
from dualtrain.backend import backend_of

# Paddle's layer says so in every forward pass.
pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")

PARTS: dict[str, Any] = {
    "optimizer": {"name": "adamw", "lr": 0.1},
    "schedule": {"name": "constant"},
    "duration": {"updates": 2},
}


def torch_model(**settings: Any) -> Any:
    """The norm comes first, so that it sees the data as it is: 6 elements of each channel."""
    layers = torch.nn.BatchNorm2d(3, **settings), torch.nn.Flatten(), torch.nn.Linear(9, 2)
    return torch.nn.Sequential(*layers)


def paddle_model() -> Any:
    layers = paddle.nn.BatchNorm2D(3), paddle.nn.Flatten(), paddle.nn.Linear(9, 2)
    return paddle.nn.Sequential(*layers)


def batches() -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    return [
        {
            "input": random.normal(2.0, 3.0, (2, 3, 3, 1)).astype("float32"),
            "labels": np.array([0, 1]),
        }
        for _ in range(2)
    ]


def expected(rates: tuple[float, float]) -> Any:
    """Mean and variance start at 0 and 1; each batch's replaces the part that its rate tells."""
    mean, variance = np.zeros(3), np.ones(3)
    for batch, rate in zip(batches(), rates, strict=True):
        mean = (1 - rate) * mean + rate * batch["input"].mean(axis=(0, 2, 3), dtype="float64")
        variance = (1 - rate) * variance + rate * batch["input"].var(
            axis=(0, 2, 3), dtype="float64"
        )
    return mean, variance


@pytest.mark.parametrize(
    ("model", "rates"),
    [
        (torch_model, (0.1, 0.1)),
        (paddle_model, (0.1, 0.1)),
        (lambda: torch_model(momentum=None), (1.0, 0.5)),
    ],
    ids=["torch", "paddle", "torch, averaging over all batches"],
)
def test_the_running_variance_is_of_all_elements(model: Any, rates: tuple[float, float]) -> None:
    built = model()
    found = statistics(built)
    for statistic, right in zip(found, expected(rates), strict=True):
        np.testing.assert_allclose(statistic, right, rtol=1e-5)


def statistics(model: Any, **parts: Any) -> tuple[Any, Any]:
    """The running mean and variance after training."""
    verbs = backend_of(model)

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return verbs.cross_entropy_sum(model(tensors["input"]), tensors["labels"])

    fit(Spec(**PARTS, **parts), model, batches(), loss=loss)
    found = verbs.dump_weights(model)
    return found["0.running_mean"], found["0.running_var"]


@pytest.mark.parametrize("model", [torch_model, paddle_model])
def test_statistics_that_are_kept_stay_as_they_are(model: Any) -> None:
    mean, variance = statistics(model(), freeze={"patterns": ["0.*"], "batch_stats": "keep"})
    assert (mean == 0).all() and (variance == 1).all()


def test_a_second_run_corrects_no_more_than_the_first() -> None:
    once, twice = torch_model(), torch_model()
    twice.load_state_dict(once.state_dict())
    verbs = backend_of(once)
    verbs.use_batch_norm(twice, "paddle")
    x = torch.from_numpy(batches()[0]["input"])
    for model in (once, twice):
        verbs.use_batch_norm(model, "paddle")
        model(x)
    torch.testing.assert_close(once[0].running_var, twice[0].running_var, rtol=0, atol=0)


def test_afterwards_the_model_has_its_frameworks_own_rule() -> None:
    """Also when training breaks off: a run changes the rule for itself alone."""

    def broken(model: Any, tensors: dict[str, Any]) -> Any:
        raise ZeroDivisionError

    plain, trained, stopped = torch_model(), torch_model(), torch_model()
    statistics(trained)
    with pytest.raises(ZeroDivisionError):
        fit(Spec(**PARTS), stopped, batches(), loss=broken)
    x = torch.from_numpy(batches()[0]["input"])
    held = []
    for model in (plain, trained, stopped):
        model.train()
        model[0].reset_running_stats()
        model(x)
        held.append(model[0].running_var)
    torch.testing.assert_close(held[1], held[0], rtol=0, atol=0)
    torch.testing.assert_close(held[2], held[0], rtol=0, atol=0)
    torch.testing.assert_close(held[0], 0.9 + 0.1 * x.var(dim=(0, 2, 3)))


def test_evaluation_leaves_the_statistics_as_they_are() -> None:
    model = torch_model()
    backend_of(model).use_batch_norm(model, "paddle")
    model.train()(torch.from_numpy(batches()[0]["input"]))
    before = model[0].running_var.clone()
    model.eval()(torch.from_numpy(batches()[1]["input"]))
    assert torch.equal(before, model[0].running_var)
