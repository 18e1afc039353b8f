"""One run that is left and goes on: to the bit on the device, within rounding on the CPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from dualtrain import Spec, start
from dualtrain.state import RunState
from dualtrain.training import Run
from tests.builders import spec_of
from tests.gpu.nets import batches, mlp

BEFORE, AFTER = 7, 9
CASES: dict[str, dict[str, Any]] = {
    "float32": {"ema": {"decay": 0.9}, "clip": {"global_norm": 0.5}},
    "O1, float16": {
        "amp": {"dtype": "float16", "loss_scale": {"init": 2.0**24, "growth_interval": 3}}
    },
    "O2, bfloat16": {"amp": {"dtype": "bfloat16", "level": "O2"}, "ema": {"decay": 0.9}},
}


def spec_in(device: str, case: str) -> Spec:
    usual: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 3e-3},
        "schedule": {"name": "linear"},
        "warmup": {"steps": 4},
        "duration": {"updates": BEFORE + AFTER},
    }
    return spec_of(**usual | CASES[case], device=device)


def began(device: str, case: str, *, dropout: float) -> Run:
    run = start(spec_in(device, case), mlp(dropout), micro_batches_per_epoch=5)
    run.model.train()
    return run


def go_on(run: Run, updates: int) -> list[tuple[float, float, float | None, bool]]:
    """Loss, rate, scale and whether it was skipped, of each update."""
    seen = []
    for _ in range(updates):
        given = run.backend.to_device(batches()[run.attempts % 5], run.device)
        with run.autocast():
            loss = run.backend.cross_entropy_sum(run.model(given["input"]), given["labels"])
        done = run.step(loss, divisor=len(given["labels"]))
        assert done is not None
        seen.append((loss.item(), done.lr, done.loss_scale, done.skipped))
    return seen


def through_files(state: RunState, folder: Path) -> RunState:
    """Written as arrays and JSON, and read back."""
    save_file(state.arrays(), folder / "state.safetensors")
    (folder / "state.json").write_text(json.dumps(state.scalars(), allow_nan=False))
    scalars = json.loads((folder / "state.json").read_text())
    return RunState.joined(load_file(folder / "state.safetensors"), scalars)


def flat(state: RunState) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(array) for name, array in state.arrays().items()}


@pytest.mark.parametrize("case", CASES)
def test_it_goes_on_to_the_bit_with_dropout_on(case: str, device: str, tmp_path: Path) -> None:
    """Masks come from the device's own random state; what the process draws since is none of it."""
    whole = began(device, case, dropout=0.3)
    go_on(whole, BEFORE)
    state = through_files(whole.state(), tmp_path)
    expected, end = go_on(whole, AFTER), flat(whole.state())
    assert any("random" in name for name in flat(state))
    run = began(device, case, dropout=0.3)
    torch.rand(1000, device=run.device)
    run.restore(state)
    assert go_on(run, AFTER) == expected
    np.testing.assert_equal(flat(run.state()), end)


def test_dropout_draws_anew_without_it(device: str) -> None:
    """The check above can fail: another seed, other masks."""
    first, other = (began(device, "float32", dropout=0.3) for _ in range(2))
    torch.manual_seed(1)
    again = go_on(other, 3)
    torch.manual_seed(0)
    assert go_on(first, 3) != again


@pytest.mark.parametrize("there", [True, False], ids=["device to CPU", "CPU to device"])
def test_a_run_changes_places(there: bool, device: str, tmp_path: Path) -> None:
    """Left on one, continued on the other: what an uninterrupted run on the CPU comes to."""
    places = [device, "cpu"] if there else ["cpu", device]
    left = began(places[0], "float32", dropout=0.0)
    go_on(left, BEFORE)
    run = began(places[1], "float32", dropout=0.0)
    run.restore(through_files(left.state(), tmp_path))
    whole = began("cpu", "float32", dropout=0.0)
    seen, expected = go_on(run, AFTER), go_on(whole, BEFORE + AFTER)[BEFORE:]
    assert [one[1:] for one in seen] == [one[1:] for one in expected]
    np.testing.assert_allclose([one[0] for one in seen], [one[0] for one in expected], rtol=1e-5)
    first = dict(mlp().named_parameters())
    end = whole.backend.dump_weights(whole.model)
    for name, found in run.backend.dump_weights(run.model).items():
        moved = np.abs(end[name] - first[name].detach().numpy()).max()
        assert np.abs(found - end[name]).max() < 1e-4 * moved, name
