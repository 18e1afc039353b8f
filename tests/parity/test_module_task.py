"""A task of the user's own in both frameworks: two sides agree, and a mistake in one is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualtrain.parity import Comparison, compare_files
from dualtrain.report._words import remarks
from dualtrain.spec import Spec
from dualtrain.trace import read_trace
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


def test_what_one_framework_needs_alone_is_taken_along(tmp_path: Path) -> None:
    """Each model is imported where it is made: a run of one predicts in the other."""
    first, second = OWN.split("        import paddle\n")
    torch_half = first.split("        if backend")[1].split("\n", 1)[1]
    for name, half in (("torch", torch_half), ("paddle", "            import paddle\n" + second)):
        body = half if name == "torch" else half.replace("\n        ", "\n            ")
        code = "if True:\n    if True:\n        def net():\n" + body
        (tmp_path / f"{name}_net.py").write_text(code, encoding="utf-8")
    uses = """        if backend == "torch":
            from torch_net import net
        else:
            from paddle_net import net
        return net()
"""
    write(tmp_path, first.split("        if backend")[0] + uses + PREDICT)
    spec = spec_of(tmp_path)
    traces = [side(tmp_path, name, spec) for name in ("torch", "paddle")]
    assert compare_files(*traces).agrees
    for file in tmp_path.glob("*.py"):
        file.unlink()
    rows = [
        [row["first"] for row in predict(tmp_path / "torch", tmp_path / "eval.csv", backend=name)]
        for name in ("torch", "paddle")
    ]
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-5, atol=1e-6)


def test_other_code_is_told_and_not_held_against_the_runs(tmp_path: Path) -> None:
    """A comment more is no difference; a reader is told of it."""
    write(tmp_path)
    spec = spec_of(tmp_path)
    a = side(tmp_path, "torch", spec)
    write(tmp_path, OWN + "\n# more\n")
    comparison = compare_files(a, side(tmp_path, "paddle", spec))
    assert comparison.agrees
    told = "The code of the task is another on the two sides: task.py."
    assert told in remarks(comparison)
    assert told not in remarks(compare_files(a, a))


def test_the_commands_take_it(run: Run, tmp_path: Path) -> None:
    """plan, ledger, explain and parity, from the spec alone; the code is in two files."""
    import yaml

    write(tmp_path, "from net import Net\n\nclass Make(Net): pass\n")
    (tmp_path / "net.py").write_text(OWN.replace("class Make", "class Net"), encoding="utf-8")
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
    for name in ("torch", "paddle"):
        trace = read_trace(tmp_path / "report" / f"{name}.trace.jsonl")
        assert trace.header.code.keys() == {"net.py", "task.py"}
