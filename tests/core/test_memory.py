"""A model that this machine cannot hold is refused at once, before data, weights or a framework."""

from __future__ import annotations

import json
import time
from math import prod
from pathlib import Path
from typing import Any

import pytest

from dualtrain import Spec
from dualtrain.errors import SpecError
from dualtrain.spec import load_spec
from dualtrain.training import check_before, parameters_of, task_ledger, task_of
from tests.tasks import number_spec, small_spec, write_numbers, write_task

ERNIE = {"family": "ernie", "hidden_size": 16, "layers": 1, "heads": 2, "max_length": 16}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the data of a small task."""
    write_task(tmp_path)
    return tmp_path


def with_model(folder: Path, **model: Any) -> Spec:
    return small_spec(folder, task=small_spec(folder).model_dump()["task"] | {"model": model})


HUGE = [{"hidden_size": 10**9}, {"vocab_size": 10**15}, {"hidden_size": 10**6, "layers": 10_000}]


@pytest.mark.parametrize("sizes", HUGE)
def test_a_fresh_model_that_no_machine_holds(sizes: dict[str, int], folder: Path) -> None:
    spec = with_model(folder, **ERNIE | sizes)
    started = time.process_time()
    for refused in (check_before, lambda s: task_ledger(s, "torch")):
        with pytest.raises(SpecError) as caught:
            refused(spec)
        assert str(caught.value).startswith("task.model: must fit in this machine's memory, ")

    assert time.process_time() - started < 1


def test_a_checkpoint_that_no_machine_holds(folder: Path) -> None:
    """Refused by its config.json: no other file is there."""
    sizes = ("vocab_size", "max_position_embeddings", "type_vocab_size", "num_attention_heads")
    fields: dict[str, Any] = dict.fromkeys((*sizes, "num_hidden_layers", "intermediate_size"), 8)
    fields |= {"model_type": "bert", "hidden_size": 2**30, "pad_token_id": 0}
    (folder / "config.json").write_text(json.dumps(fields))
    with pytest.raises(SpecError, match=r"task\.model: must fit in this machine's memory"):
        check_before(with_model(folder, path=".", max_length=16))


def test_a_regression_that_no_machine_holds(folder: Path) -> None:
    write_numbers(folder)
    task = number_spec(folder).model_dump()["task"]
    task["model"] |= {"hidden": [10**9, 10**9]}
    with pytest.raises(SpecError, match=r"task\.model: must fit in this machine's memory"):
        check_before(number_spec(folder, task=task))


def test_it_is_said_where_in_the_spec(folder: Path) -> None:
    path = folder / "spec.json"
    spec = with_model(folder, **ERNIE | {"hidden_size": 10**9})
    dumped = spec.model_dump(mode="json", exclude_none=True)
    path.write_text(json.dumps(dumped, indent=1))
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if '"model"' in text)
    with pytest.raises(SpecError) as caught:
        check_before(load_spec(path))

    assert str(caught.value).startswith(f"{path}:{line}: task.model: must fit")


def test_the_limit_is_eight_bytes_a_weight(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = small_spec(folder)
    weights = sum(prod(p.shape) for p in parameters_of(task_of(spec).config(folder)))
    for memory in (8 * weights, None):  # None: the system does not say
        monkeypatch.setattr("dualtrain.training.checks._memory._memory", lambda m=memory: m)
        check_before(spec)
    monkeypatch.setattr("dualtrain.training.checks._memory._memory", lambda: 8 * weights - 1)
    with pytest.raises(SpecError, match=f"Received: {weights:,} weights, 0.0 GiB"):
        check_before(spec)
