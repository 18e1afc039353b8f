"""A task of the user's own in both frameworks: two sides agree, and a mistake in one is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualtrain.parity import Comparison, compare_files
from dualtrain.spec import Spec
from dualtrain.training import predict, train
from tests.command import Run, run
from tests.conformance.test_module_task import LOSS, OWN, PREDICT, SCORE, spec_of, write

__all__ = ["run"]

pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")


def side(folder: Path, backend: str, spec: Spec) -> Path:
    trace = folder / f"{backend}.trace.jsonl"
    train(spec, backend, trace=trace, output=folder / backend)
    return trace


def compared(folder: Path, code: str) -> Comparison:
    write(folder, code)
    spec = spec_of(folder)
    return compare_files(*(side(folder, name, spec) for name in ("torch", "paddle")))


@pytest.mark.parametrize("own", ["", LOSS + SCORE])
def test_both_sides_agree(tmp_path: Path, own: str) -> None:
    """And either predicts with the weights of the other."""
    comparison = compared(tmp_path, OWN + own + PREDICT)
    assert comparison.agrees, comparison.findings
    first, second = (
        predict(tmp_path / "torch", tmp_path / "eval.csv", backend=name)
        for name in ("torch", "paddle")
    )
    np.testing.assert_allclose(
        [row["first"] for row in first], [row["first"] for row in second], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("right", "wrong", "stage"),
    [
        ("paddle.tanh(self.first(x))", "paddle.sin(self.first(x))", "initial output"),
        (
            "paddle.nn.BatchNorm1D(8)",
            "paddle.nn.BatchNorm1D(8, momentum=0.5)",
            "running statistics",
        ),
        ("paddle.nn.Linear(8, 2)", "paddle.nn.Linear(8, 2, bias_attr=False)", "initial weights"),
    ],
)
def test_a_mistake_in_one_model_is_found(
    tmp_path: Path, right: str, wrong: str, stage: str
) -> None:
    assert right in OWN
    comparison = compared(tmp_path, OWN.replace(right, wrong))
    assert comparison.first is not None
    assert stage in {f.stage for f in comparison.findings if not f.agrees}


def test_the_commands_take_it(run: Run, tmp_path: Path) -> None:
    """plan, ledger, explain and parity, from the spec alone."""
    import yaml

    write(tmp_path)
    spec = tmp_path / "spec.yaml"
    words = spec_of(tmp_path, duration={"updates": 4}, warmup={"updates": 1}).model_dump(
        mode="json", exclude_none=True
    )
    spec.write_text(yaml.safe_dump(words), encoding="utf-8")
    for command in (["plan"], ["explain"], ["check"], ["ledger", "--backend", "paddle"]):
        status, told, refused = run(command[0], spec, *command[1:])
        assert (status, refused) == (0, ""), told
    status, told, refused = run("parity", spec, "--report", tmp_path / "report")
    assert (status, refused) == (0, ""), told
    assert "torch and paddle agree" in " ".join(told.split())
