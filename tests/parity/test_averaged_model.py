"""Averages that start after the first update, statistics too, against torch's `AveragedModel`."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dualtrain.backend import Backend, load_backend
from dualtrain.training import start
from tests.builders import spec_of

# Paddle's batch norm says so in every forward pass.
pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")

UPDATES = 6


def models() -> tuple[torch.nn.Sequential, Any]:
    torch.manual_seed(0)
    layers = torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    return torch.nn.Sequential(*layers), paddle.nn.Sequential(
        paddle.nn.Linear(3, 4), paddle.nn.BatchNorm1D(4), paddle.nn.Linear(4, 2)
    )


def batches() -> list[Any]:
    random = np.random.RandomState(1)
    return [random.randn(8, 3).astype("float32") for _ in range(UPDATES)]


def averaged(backend: Backend, model: Any, statistics: bool) -> dict[str, Any]:
    spec = spec_of(
        optimizer={"name": "sgd", "lr": 0.1},
        ema={"decay": 0.75, "start": "first", "statistics": statistics},
        batch_norm="torch",
        duration={"updates": UPDATES},
    )
    with start(spec, model, micro_batches_per_epoch=UPDATES) as run:
        model.train()
        for x in batches():
            tensors = backend.to_device({"x": x}, run.device)
            run.step((run.model(tensors["x"]) ** 2).mean())
        with run.averaged():
            return backend.dump_weights(run.model)


@pytest.mark.parametrize("statistics", [False, True])
def test_they_are_those_of_torchs_averaged_model(statistics: bool) -> None:
    native, _ = models()
    twin = AveragedModel(
        native, multi_avg_fn=get_ema_multi_avg_fn(0.75), use_buffers=statistics
    )  # which reads the weights after the first update
    optimizer = torch.optim.SGD(native.parameters(), lr=0.1)
    native.train()
    for x in batches():
        optimizer.zero_grad()
        (native(torch.from_numpy(x)) ** 2).mean().backward()
        optimizer.step()
        twin.update_parameters(native)
    expected = {n.removeprefix("module."): t.detach().numpy() for n, t in twin.state_dict().items()}
    for name in ("1.running_mean", "1.running_var") if not statistics else ():
        expected[name] = native.state_dict()[name].numpy()
    sides = zip(("torch", "paddle"), models(), strict=True)
    verbs = {name: (load_backend(name), model) for name, model in sides}
    initial = verbs["torch"][0].dump_weights(verbs["torch"][1])
    for backend, model in verbs.values():
        backend.load_weights(model, initial)
        found = averaged(backend, model, statistics)
        assert "1.running_var" in found
        for name, average in found.items():
            np.testing.assert_allclose(average, expected[name], rtol=2e-5, atol=2e-6, err_msg=name)
