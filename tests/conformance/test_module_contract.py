"""What the methods of a task's object must take and give: one message, with the user's line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualtrain.backend import Backend
from dualtrain.errors import DataError, DualtrainError
from dualtrain.training import predict, train
from tests.conformance.test_module_task import LOSS, OWN, SCORE, spec_of, write
from tests.tasks import prepare


def method(name: str, arguments: str, line: str) -> str:
    return f"\n    def {name}(self, {arguments}):\n        {line}\n"


def loss(line: str) -> str:
    return OWN + SCORE + method("loss", "output, labels", line)


def score(line: str) -> str:
    return OWN + LOSS + method("score", "output, labels", line)


SUM = "loss must give the sum over the samples, a tensor of one number"
WRONG = {
    "loss gives nothing": (loss("return None"), rf"{SUM}\. Received: a NoneType$"),
    "loss gives a number": (loss("return 1.0"), rf"{SUM}\. Received: a float$"),
    "loss gives a row": (loss("return output[:, 0]"), rf"{SUM}\. Received: a Tensor of \(8,\)$"),
    "loss fails": (loss("return output.none()"), r"loss must not fail.*AttributeError.*\.py:\d+\)"),
    "loss takes less": (
        OWN + SCORE + method("loss", "output", "return output.sum()"),
        r"loss must not fail.*TypeError: .*2 positional arguments but 3.*task\.py:\d+\)$",
    ),
    "score gives nothing": (score("return None"), "score must give a mapping of metrics"),
    "score gives a text": (score("return {'loss': 'a'}"), r"score must give numbers.* loss: 'a'"),
    "score fails": (score("return 1 / 0"), r"score must not fail.*ZeroDivisionError.*\.py:\d+\)$"),
    "model gives nothing": (
        OWN.replace("return Net()", "return").replace("return Layers()", "return"),
        "model must give a native model for '(torch', a torch|paddle', a paddle).*a NoneType$",
    ),
    "model of the other framework": (
        OWN.replace("def model(self, backend):", "def model(self, backend):\n        return self"),
        "model must give a native model for .* Received: a Make$",
    ),
    "model fails": (
        OWN.replace("def model(self, backend):", "def model(self, backend):\n        1 / 0"),
        r"model must not fail.*ZeroDivisionError: division by zero \(.*task\.py:\d+\)$",
    ),
    "forward fails": (
        OWN.replace("self.norm(", "self.none("),
        r"Make must not fail\. Received: AttributeError: .*none.* \(.*task\.py:\d+\)$",
    ),
    "forward of another width": (
        OWN.replace("Linear(3, 8)", "Linear(4, 8)"),
        r"task\.py:Make must not fail\. Received: (RuntimeError|ValueError): .*task\.py:\d+\)$",
    ),
    "made with an argument": (
        OWN.replace("class Make:", "class Make:\n    def __init__(self, a): pass"),
        r"task\.py:Make must not fail\. Received: TypeError: .* 'a' \(.*task\.py\)$",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_breaks_the_contract_is_one_message(
    backend: Backend, tmp_path: Path, case: str
) -> None:
    code, message = WRONG[case]
    write(tmp_path, code)
    with pytest.raises(DualtrainError, match=message) as caught:
        train(spec_of(tmp_path, duration={"updates": 1}), backend.NAME)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("return [{'a': 1}]", "one mapping for each sample, 8. Received: a list of 1: dict"),
        (
            "return [1 for _ in output]",
            "one mapping for each sample, 8. Received: a list of 8: int",
        ),
        ("return None", "one mapping for each sample, 8. Received: a NoneType of 0: nothing"),
        ("return [{str(len(output) - i // 7): 1} for i in range(len(output))]", "the same columns"),
        ("return [{'sample': 1} for _ in output]", "none of them 'sample'"),
        ("return [{} for _ in output]", "the same columns"),
        ("return [{'a': one} for one in output]", r"numbers and texts.* a: array\("),
        ("return [{'a': one[7]} for one in output]", r"not fail.*IndexError.*module\.task\.py:\d+"),
        ("for one in output: yield {'a': one[7]}", r"not fail.*IndexError.*module\.task\.py:\d+"),
    ],
)
def test_predictions_are_rows_of_one_form(
    backend: Backend, tmp_path: Path, line: str, message: str
) -> None:
    write(tmp_path, OWN + method("predict", "output", line))
    train(spec_of(tmp_path, duration={"updates": 1}), backend.NAME, output=tmp_path / "out")
    with pytest.raises(DataError, match=f"module.task.py:Make: predict must .*{message}"):
        predict(tmp_path / "out", tmp_path / "eval.csv")


def test_predictions_may_be_numbers_of_numpy(backend: Backend, tmp_path: Path) -> None:
    """As JSON and CSV have them, no less exact."""
    line = "for one in output: yield {'a': one[0], 'b': one.argmax(), 'c': 'x', 'd': None}"
    write(tmp_path, OWN + method("predict", "output", line))
    train(spec_of(tmp_path, duration={"updates": 1}), backend.NAME, output=tmp_path / "out")
    (first, *_) = predict(tmp_path / "out", tmp_path / "eval.csv")
    assert [type(cell) for cell in first.values()] == [int, float, int, str, type(None)]
    assert np.float32(first["a"]) == first["a"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("table[:, :3]", "table[:, :3] * 1e39"), "numbers that float32 holds. Received: x: "),
        (("np.int32", "np.uint64"), None),
        (("table[:, 3].astype(np.int32)", "np.full(len(table), 2**63, np.uint64)"), "int64 holds"),
        (("table[:, :3]", "[[1], [1, 2]]"), r"read must not fail.*ValueError: .*task\.py:5\)$"),
        (("table[:, :3]", "table[:, :3] if 'train' in str(path) else table[:, :3] > 0"), "float32"),
    ],
)
def test_arrays_are_numbers_that_both_frameworks_hold(
    tmp_path: Path, change: tuple[str, str], message: str | None
) -> None:
    write(tmp_path, OWN.replace(*change))
    if message is None:
        assert prepare(spec_of(tmp_path)).train.arrays["labels"].dtype == np.int64
        return
    with pytest.raises(DataError, match=message):
        prepare(spec_of(tmp_path))
