"""Predictions of a finished run: those that its score is of, in this framework and the other."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dualtrain.backend import Backend
from dualtrain.errors import CheckpointError, DataError
from dualtrain.training import predict, train
from tests.command import Run, run
from tests.conformance.conftest import NAMES
from tests.tasks import number_spec, small_spec, text_task, write_numbers, write_task

__all__ = ["run"]


def column(file: Path, name: str) -> list[str]:
    with file.open(encoding="utf-8", newline="") as opened:
        return [row[name] for row in csv.DictReader(opened)]


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """A folder with data, of which only the inputs are there to predict from."""
    write_numbers(tmp_path)
    rows = [line.rsplit(",", 1)[0] for line in (tmp_path / "eval.csv").read_text().splitlines()]
    (tmp_path / "new.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("standardise", [True, False])
def test_numbers_are_in_the_targets_own_unit(
    backend: Backend, numbers: Path, standardise: bool
) -> None:
    """Their mean distance from the targets is the score's `mae`."""
    task = number_spec(numbers).model_dump()["task"] | {"standardise": standardise}
    score = train(number_spec(numbers, task=task), backend.NAME, output=numbers / "out")
    found = predict(numbers / "out", numbers / "new.csv")
    errors = [
        row["prediction"] - float(wanted)
        for row, wanted in zip(found, column(numbers / "eval.csv", "y"), strict=True)
    ]
    assert score is not None
    assert [row["line"] for row in found] == list(range(2, 26))
    assert np.abs(errors).mean() == pytest.approx(score.metrics["mae"], rel=1e-5)


@pytest.mark.parametrize("count", [1, 21])
def test_the_last_micro_batch_may_be_short(backend: Backend, numbers: Path, count: int) -> None:
    """Of 24 rows in micro-batches of 8 none is; each row has the prediction that it has there."""
    train(number_spec(numbers), backend.NAME, output=numbers / "out")
    lines = (numbers / "new.csv").read_text(encoding="utf-8").splitlines()[: count + 1]
    (numbers / "few.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    few, whole = (predict(numbers / "out", numbers / f"{name}.csv") for name in ("few", "new"))
    assert [row["line"] for row in few] == [row["line"] for row in whole[:count]]
    np.testing.assert_allclose(
        [row["prediction"] for row in few],
        [row["prediction"] for row in whole[:count]],
        rtol=1e-5,
    )


@pytest.mark.parametrize("pair", [None, "text"])
def test_classes_are_those_of_the_score(backend: Backend, tmp_path: Path, pair: str | None) -> None:
    """Of fresh models with dropout, of texts and of pairs; the spec and its data are gone."""
    source = tmp_path / "source"
    source.mkdir()
    write_task(source)
    changed: dict[str, Any] = {"name": "text_classification"}
    if pair:
        for name in ("train", "eval"):
            file = source / f"{name}.csv"
            rows = [line.split(",") for line in file.read_text().splitlines()]
            head, *body = [
                f"first,{a},{b}" if i == 0 else f"is it,{a},{b}" for i, (a, b) in enumerate(rows)
            ]
            file.write_text("\n".join([head, *body]) + "\n", encoding="utf-8")
        changed |= {"text": "first", "pair": pair}
    task = text_task(small_spec(source)).model_dump() | changed
    task["model"]["dropout"] = 0.5
    score = train(small_spec(source, task=task), backend.NAME, output=tmp_path / "out")
    shutil.move(source / "eval.csv", tmp_path / "eval.csv")
    shutil.rmtree(source)
    labels = column(tmp_path / "eval.csv", "label")
    by_backend = {
        name: predict(tmp_path / "out", tmp_path / "eval.csv", backend=name)
        for name in {backend.NAME, *NAMES}
    }
    mine = by_backend[backend.NAME]
    assert score is not None
    right = sum(row["prediction"] == label for row, label in zip(mine, labels, strict=True))
    assert right == score.correct
    for other in by_backend.values():
        assert [r["prediction"] for r in other] == [r["prediction"] for r in mine]
        np.testing.assert_allclose(
            [r["probability"] for r in other], [r["probability"] for r in mine], rtol=1e-5
        )
    assert all(1 / 3 <= row["probability"] <= 1 for row in mine)


def test_which_weights(backend: Backend, numbers: Path) -> None:
    """Averages and the best are files of their own; what is not there is refused."""
    spec = number_spec(numbers, ema={"decay": 0.5}, best={"metric": "loss"})
    train(spec, backend.NAME, output=numbers / "out")
    found = {
        weights: [
            r["prediction"] for r in predict(numbers / "out", numbers / "new.csv", weights=weights)
        ]
        for weights in ("final", "best", "averages")
    }
    assert found["final"] != found["averages"]
    assert found["best"] == found["averages"]  # the last evaluation, which is of the averages
    (numbers / "out" / "best.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"must have best\.safetensors.*final, averages"):
        predict(numbers / "out", numbers / "new.csv", weights="best")


def test_what_is_refused(backend: Backend, numbers: Path) -> None:
    spec = number_spec(numbers)
    train(spec, backend.NAME, output=numbers / "out")
    (numbers / "bad.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="must have a column 'c'"):
        predict(numbers / "out", numbers / "bad.csv")
    with pytest.raises(CheckpointError, match=r"task\.json: must be what"):
        predict(numbers, numbers / "new.csv")
    (numbers / "out" / "regression.json").write_text('{"hidden": [8, 4]}', encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"regression\.json: activation: is required"):
        predict(numbers / "out", numbers / "new.csv")
    (numbers / "out" / "task.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"task\.json: must be valid JSON"):
        predict(numbers / "out", numbers / "new.csv")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_the_command(backend: Backend, run: Run, numbers: Path, ending: str) -> None:
    train(number_spec(numbers), backend.NAME, output=numbers / "out")
    file = numbers / f"predictions.{ending}"
    arguments = ("predict", numbers / "out", numbers / "new.csv")
    status, told, refused = run(*arguments, "-o", file)
    assert (status, refused) == (0, "")
    assert told.replace("\n", "").endswith("24 predictions")
    expected = predict(numbers / "out", numbers / "new.csv")
    if ending == "csv":
        assert [float(cell) for cell in column(file, "prediction")] == [
            row["prediction"] for row in expected
        ]
    else:
        assert [json.loads(line) for line in file.read_text().splitlines()] == expected
    status, _, refused = run(*arguments, "-o", numbers / "predictions.txt")
    assert (status, "must end in .csv or .jsonl" in refused) == (2, True)
    status, _, refused = run(*arguments, "-o", numbers / "new.csv")
    assert (status, "must not take the place of what the run reads" in refused) == (2, True)


def test_weights_that_are_no_numbers_predict_nothing(backend: Backend, numbers: Path) -> None:
    """A class would be found among logits that are none."""
    train(number_spec(numbers), backend.NAME, output=numbers / "out")
    file = numbers / "out" / "model.safetensors"
    arrays = load_file(file)
    name = sorted(arrays)[0]
    arrays[name][0] = np.nan
    save_file(arrays, file)
    message = f"weights must be numbers.*Received: {name}, not finite"
    with pytest.raises(CheckpointError, match=message):
        predict(numbers / "out", numbers / "new.csv")
