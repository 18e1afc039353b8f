"""Which labels of a data file are classes, and what a user reads of those that are none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from dualtrain.cli import main
from dualtrain.errors import DataError
from dualtrain.spec import Spec, load_spec
from tests.tasks import prepare, text_task

SPEC = """\
task:
  name: text_classification
  train: d.csv
  text: text
  label: label
  model: {family: bert, hidden_size: 8, layers: 1, heads: 2, max_length: 8, vocab_size: 40}
optimizer: {name: sgd, lr: 0.1}
schedule: {name: linear}
batch: {size: 4}
duration: {epochs: 1}
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def spec_of(labels: Sequence[str], held_out: Sequence[str] = ()) -> Spec:
    """A spec whose train split has these labels, a row each from line 2 on."""
    for name, split in (("d.csv", labels), ("e.csv", held_out)):
        rows = "".join(f'"good film",{json.dumps(label, ensure_ascii=False)}\n' for label in split)
        Path(name).write_text(f"text,label\n{rows}", encoding="utf-8")
    there = SPEC.replace("  text:", "  eval: e.csv\n  text:") if held_out else SPEC
    Path("s.yaml").write_text(there, encoding="utf-8")
    return load_spec(Path("s.yaml"))


def message_of(labels: Sequence[str], held_out: Sequence[str] = ()) -> str:
    with pytest.raises(DataError) as caught:
        spec = spec_of(labels, held_out)
        text_task(spec).read(spec.folder)
    return str(caught.value).removeprefix(f"{Path.cwd()}/")


GOOD = {
    "names": ["pos", "neg"],
    "whole numbers": ["1", "0", "-1", "1"],
    "whole numbers of a column with gaps, as pandas writes them": ["1.0", "0.0"],
    "numbers that a float cannot tell apart": ["9007199254740993", "9007199254740992"],
    "a name among numbers": ["0.5", "1.7", "unknown"],
    "versions": ["2.0.1", "2.0.0"],
    "words that Python reads as numbers": ["nan", "inf"],
    "codes that Python reads as one number": ["1_1", "11", "2_1"],
    "few rows for a class, but more than one for most": [f"c{i % 25}" for i in range(40)],
    "twenty classes of one row": [str(i) for i in range(20)],
    "two rows for a class": [f"c{i}" for i in range(50)] * 2,
}


@pytest.mark.parametrize("labels", GOOD.values(), ids=GOOD)
def test_what_is_a_class(labels: list[str]) -> None:
    assert tuple(sorted(set(labels))) == text_task(spec_of(labels)).read(Path()).classes


FRACTION = (
    "must be the name of a class, not a number with a fraction: values to predict (a regression) "
    "need a model and a loss of your own, dualtrain.fit(loss=); where it is a class all the same, "
    "give it a name that is no number."
)


@pytest.mark.parametrize(
    ("labels", "line", "received"),
    [
        (["0.5", "1.7"], 2, "'0.5'"),
        (["1", "2", "2.5", "1"], 4, "'2.5'"),
        (["1e-3", "2"], 2, "'1e-3'"),
        (["3,5", "4"], 2, "'3,5'"),
        (["3", "-.5"], 3, "'-.5'"),
    ],
)
def test_numbers_with_a_fraction_are_no_classes(
    labels: list[str], line: int, received: str
) -> None:
    assert f"d.csv:{line}: column 'label': {FRACTION} Received: {received}" == message_of(labels)


def test_a_number_is_written_in_one_way() -> None:
    """Else the rows of one class are two."""
    assert message_of(["1", "0", "1.0"]) == (
        "d.csv:4: column 'label': must write a class in one way; an earlier row has '1'. "
        "Received: '1.0'"
    )


@pytest.mark.parametrize(
    ("labels", "earlier", "received"),
    [
        (["Pos", "neg", "pos"], "'Pos'", "'pos'"),
        (["True", "False", "true"], "'True'", "'true'"),
        (["nan", "inf", "NaN"], "'nan'", "'NaN'"),
        (["AI", "x", "\uff21\uff29"], "'AI'", "'\uff21\uff29'"),
        (
            ["caf\u00e9", "tea", "cafe\u0301"],
            "'caf\u00e9'",
            "'cafe\\u0301'",
        ),  # seen, they are alike
        (["\u597d", "\u5dee", "\u597d\u200b"], "'\u597d'", "'\u597d\\u200b'"),
    ],
)
def test_a_name_is_written_in_one_way(labels: list[str], earlier: str, received: str) -> None:
    assert message_of(labels) == (
        f"d.csv:4: column 'label': must write a class in one way; an earlier row has {earlier}, "
        "which differs by no more than capitals, the width or form of a character, or one that is "
        f"not seen; two classes need two names. Received: {received}"
    )


@pytest.mark.parametrize("gap", ["nan", "NaN", "inf"])
def test_a_gap_among_numbers_is_no_class(gap: str) -> None:
    assert message_of(["1", gap, "0"]) == (
        "d.csv:3: column 'label': must not have a gap among numbers: leave the row out, or give a "
        f"class of its own a name that is no number. Received: {gap!r}"
    )


@pytest.mark.parametrize(
    ("labels", "received"),
    [
        ([str(i) for i in range(500)], "500 classes in 500 rows, 500 of them in one row only"),
        ([f"id{i}" for i in range(21)], "21 classes in 21 rows, 21 of them in one row only"),
        (
            [str(i * 7 % 90) for i in range(120)],
            "90 classes in 120 rows, 60 of them in one row only",
        ),
    ],
)
def test_more_classes_than_half_the_rows(labels: list[str], received: str) -> None:
    assert message_of(labels) == (
        "d.csv: column 'label': must have two rows or more for a class, on average: is this the "
        "column of an id, a text or a number? Rare classes can be left out, or share a name such "
        f"as 'other'. Received: {received}"
    )


BAD = {
    "one class": (["a", "a"], [], "must have two classes or more. Received: only 'a'"),
    "fractions": (["0.5", "1.7"], [], "not a number with a fraction"),
    "a class for each row": ([str(i) for i in range(500)], [], "500 classes in 500 rows"),
    "a header as a row": (["a", "b"], ["a"], "must not have the header again"),
    "a class of the held-out split alone": (["a", "b"], ["a", "c"], "e.csv:3: column 'label'"),
}


@pytest.mark.parametrize("command", ["plan", "explain", "compare", "plot"])
@pytest.mark.parametrize(("labels", "held_out", "message"), BAD.values(), ids=BAD)
def test_commands_that_count_rows_refuse_what_training_refuses(
    labels: list[str],
    held_out: list[str],
    message: str,
    command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the same words."""
    spec = spec_of(labels, held_out)
    if "header" in message:
        with Path("e.csv").open("a", encoding="utf-8") as file:
            file.write("text,label\n")
    with pytest.raises(DataError) as caught:
        prepare(spec)
    assert message in str(caught.value)
    with pytest.raises(SystemExit) as end:
        main([command, "s.yaml"])
    assert end.value.code == 2
    assert str(caught.value) in capsys.readouterr().err
