"""`benchmarks.same_traces` must object to a number that moved by its last bit."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmarks.same_traces.numbers import differences, numbers_of
from benchmarks.trees import tree

UPDATE = {"record": "update", "t": 0, "lr": 0.1, "loss": 1.25, "micro_losses": [1.0, 1.5]}
END = {"record": "end", "correct": 3, "total": 4, "eval_loss": 0.5}


def _run(folder: Path, weight: float = 1.0, **changes: Any) -> Path:
    trace = folder / "torch.jsonl"
    (folder / "torch").mkdir(parents=True)
    save_file({"w": np.array([weight], np.float32)}, folder / "torch" / "model.safetensors")
    lines = [{"record": "header"}, UPDATE | changes, END]
    trace.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return trace


def test_the_same_numbers_are_the_same(tmp_path: Path) -> None:
    a, b = (numbers_of(_run(tmp_path / side)) for side in "ab")

    assert differences(a, b) == []
    assert {"update 0, loss", "evaluation, correct", "weights, model.safetensors"} <= a.keys()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"loss": math.nextafter(1.25, 2)}, "update 0, loss"),
        ({"micro_losses": [1.0, math.nextafter(1.5, 2)]}, "update 0, micro_losses"),
        ({"lr": None}, "update 0, lr"),
        ({"weight": float(np.nextafter(np.float32(1), np.float32(2)))}, "weights, model.safe"),
    ],
)
def test_one_ulp_is_found(changes: dict[str, Any], name: str, tmp_path: Path) -> None:
    old, new = numbers_of(_run(tmp_path / "a")), numbers_of(_run(tmp_path / "b", **changes))

    (told,) = differences(old, new)

    assert told.startswith(name)


def test_a_missing_update_is_found(tmp_path: Path) -> None:
    old = numbers_of(_run(tmp_path / "a"))
    new = {name: value for name, value in old.items() if not name.startswith("update")}

    assert len(differences(old, new)) == sum(value is not None for value in old.values()) - 4


def test_the_evaluation_of_both_versions_has_one_name(tmp_path: Path) -> None:
    old = _run(tmp_path / "a")
    new = _run(tmp_path / "b")
    evaluation = {"record": "evaluation", "t": 1, "examples": 4, "correct": 3, "loss": 0.5}
    lines = [{"record": "header"}, UPDATE, evaluation, {"record": "end", "reason": "done"}]
    new.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")

    assert differences(numbers_of(old), numbers_of(new)) == []


def test_a_version_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"a version must be .* Received: 'no-such-version'"):
        tree("no-such-version", tmp_path)
