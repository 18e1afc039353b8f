"""`dualtrain twins A B`: a map of two models of the user's own, printed or in a file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dualtrain import copy_weights
from tests import twin_models
from tests.command import Run
from tests.command import run as run
from tests.twin_models import IMAGES, PaddleCNN, TorchCNN, shaken


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The models in a module of the user's, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "mine", twin_models)


CNN = """\
# torch's TorchCNN: paddle's PaddleCNN; lines to look at, by their remarks: 2; tensors left open: 0
stem.0.weight: first.weight
stem.1.*: first_norm.*  # by order alone
conv.*: rest.0.*
bn.*: rest.1.*  # by order alone
fc.*: output.*
"""


def test_it_is_printed(run: Run) -> None:
    assert run("twins", "mine:TorchCNN", "mine:PaddleCNN") == (0, CNN, "")


def test_its_file_is_a_map(run: Run) -> None:
    status, out, _ = run("twins", "mine:TorchCNN", "mine:PaddleCNN", "--output", "map.yaml")

    assert (status, out) == (0, CNN.splitlines(keepends=True)[0][2:])
    assert Path("map.yaml").read_text(encoding="utf-8") == CNN
    apart = copy_weights(shaken(TorchCNN()), PaddleCNN(), "map.yaml", check=IMAGES)
    assert apart is not None and apart < 1e-5


def test_what_is_open_is_no_proof(run: Run) -> None:
    status, out, _ = run("twins", "mine:TorchCNN", "mine:PaddleDenses")

    assert status == 4
    assert "# open, of torch's TorchCNN: stem.0.weight (8, 3, 3, 3)\n" in out
    assert "# open, of paddle's PaddleDenses: layers.*.bias (9,) x 2\n" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("mine:TorchCNN", "mine:None_"), "Invalid value for B: must be module:function"),
        (("TorchCNN", "mine:PaddleCNN"), "Invalid value for A: must be module:function"),
        (
            ("mine:TorchCNN", "mine:PaddleCNN", "--output", "map.txt"),
            "Invalid value for --output: must end in .yaml or .yml. Received: map.txt",
        ),
        (
            ("mine:TorchCNN", "mine:PaddleCNN", "--output", "there.yaml"),
            "--output: must be a new file: a map that is there may be edited. Received: there.yaml",
        ),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], told: str, run: Run) -> None:
    Path("there.yaml").write_text("mine")
    status, out, err = run("twins", *arguments)

    assert (status, out) == (2, "")
    assert told in " ".join(err.split())
    assert Path("there.yaml").read_text() == "mine"
