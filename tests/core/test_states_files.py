"""Updates on disk: what is written is read back, and what is no such file is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dualtrain.errors import StatesError
from dualtrain.lockstep import (
    Led,
    Move,
    Pass,
    Scalars,
    Shown,
    States,
    led_file,
    read_led,
    read_shown,
    read_states,
    write_led,
    write_shown,
    write_states,
)
from dualtrain.state import LossScaleState, PlateauState, RunState, TensorState
from tests.irregular import IRREGULAR, make_irregular
from tests.traces import make_trace

WEIGHTS = {"a/b.weight": np.arange(6, dtype=np.float32).reshape(2, 3).T, "c": np.array(1.5)}
STATE = RunState(
    backend="torch",
    rule="adamw, amsgrad",
    t=3,
    attempts=4,
    skipped=1,
    epoch=0,
    micro_batch=8,
    tensors=TensorState(
        weights=WEIGHTS,
        optimizer={"a/b.weight": {"first_moment": WEIGHTS["a/b.weight"], "step": np.array(3)}},
        own={"random/cpu": np.arange(5, dtype=np.uint8)},
    ),
    averages={"c": np.array(0.1)},
    averaged=3,
    loss_scale=LossScaleState(scale=8.0, good=1, bad=0),
    plateau=PlateauState(rate=0.1, best=None, bad=0, cooling=0),
)
PASS = Pass(
    gradients={"a/b.weight": np.array([[np.inf, -0.0], [np.nan, 1e-45]], np.float32)},
    losses=(0.1, float("nan"), float("inf")),
    statistics={"n.running_var": np.ones(2)},
)
LED = Led(attempt=4, batches=("aa", "bb"), before=STATE, passed=PASS, after=replace(STATE, t=4))
MOVE = Move(
    before=STATE,
    handed=PASS.gradients,
    lr=0.1,
    momentum=None,
    skipped=False,
    norm=float("inf"),
    clipped={},
    scalars={"c": Scalars(single=True, powers={"beta1": 0.9})},
    after=STATE,
)
SHOWN = Shown(
    attempt=4,
    batches=("aa", "bb"),
    passed=PASS,
    wide=None,
    narrow="why",
    random="how",
    moved=MOVE,
    probe=replace(MOVE, momentum=0.9, skipped=True, norm=None),
    nudges=({"c": 0.1}, {"c": 1e-9}),
    reached={"c": 0.2},
)


def same(a: Any, b: Any) -> None:
    """Equal to the bit, through all that one holds."""
    if hasattr(a, "__dataclass_fields__"):
        assert type(a) is type(b)
        for name in a.__dataclass_fields__:
            same(getattr(a, name), getattr(b, name))
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for name in a:
            same(a[name], b[name])
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    else:
        np.testing.assert_equal(b, a)


def test_an_update_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Non-finite numbers, names with slashes, numbers without a shape, a transposed array."""
    write_led(tmp_path, LED)
    same(read_led(tmp_path, 4), LED)


@pytest.mark.parametrize("wide", [None, PASS])
def test_what_a_side_shows_is_read_as_it_was_written(wide: Pass | None, tmp_path: Path) -> None:
    shown = replace(SHOWN, wide=wide)
    write_shown(tmp_path / "a.safetensors", shown)
    same(read_shown(tmp_path / "a.safetensors"), shown)


def test_a_folder_says_of_which_run_it_is(tmp_path: Path) -> None:
    states = States(header=make_trace().header, judged=(4,), total=5)
    write_states(tmp_path, states)
    with pytest.raises(StatesError, match=r"the folder must hold update-0000004.safetensors"):
        read_states(tmp_path)
    write_led(tmp_path, LED)
    assert read_states(tmp_path) == states


def test_what_is_no_folder_of_states_is_refused(tmp_path: Path) -> None:
    for text, received in (
        (None, "No such file or directory"),
        ("[", "Expecting value"),
        ('{"version": 1, "version": 2}', "key 'version' twice"),
        ("[]", "its version must be 1. Received: None"),
        ('{"version": 2}', "its version must be 1. Received: 2"),
        ('{"version": 1, "judged": [0]}', "header: Field required"),
    ):
        if text is not None:
            (tmp_path / "states.json").write_text(text)
        with pytest.raises(StatesError) as refused:
            read_states(tmp_path)
        assert str(refused.value).startswith(f"{tmp_path / 'states.json'}: ")
        assert received in str(refused.value)


def test_states_without_a_plan_are_refused(tmp_path: Path) -> None:
    write_states(
        tmp_path, States(header=replace(make_trace().header, plan=None), judged=(), total=5)
    )
    with pytest.raises(StatesError, match=r"a run with a plan. Received: none"):
        read_states(tmp_path)


def refusal(folder: Path) -> str:
    with pytest.raises(StatesError) as refused:
        read_led(folder, 4)
    assert str(refused.value).startswith(f"{led_file(folder, 4)}: an update must be a safetensors")
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("kind", IRREGULAR)
def test_what_has_no_end_is_not_read(kind: str, tmp_path: Path) -> None:
    make_irregular(led_file(tmp_path, 4), kind)
    assert refusal(tmp_path).endswith(f"Received: {kind}")


def test_a_file_that_is_cut_or_of_something_else_is_refused(tmp_path: Path) -> None:
    path = led_file(tmp_path, 4)
    assert "No such file" in refusal(tmp_path)
    write_led(tmp_path, LED)
    whole, arrays = path.read_bytes(), load_file(path)
    for bad, received in ((whole[:-1], "incomplete"), (whole[:100], ""), (b"", "")):
        path.write_bytes(bad)
        assert received in refusal(tmp_path).lower()
    save_file(arrays, path)
    assert "one that says None" in refusal(tmp_path)
    write_shown(path, SHOWN)
    assert "one that says 'shown 1'" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("facts", "received"),
    [
        ("[]", "TypeError"),
        ("{}", "KeyError: 'attempt'"),
        ('{"attempt": 4, "attempt": 5}', "key 'attempt' twice in one object"),
        ('{"attempt": "x"}', "ValueError"),
    ],
)
def test_facts_that_are_not_ours_are_refused(facts: str, received: str, tmp_path: Path) -> None:
    save_file({}, led_file(tmp_path, 4), metadata={"dualtrain": "led 1", "facts": facts})
    assert received in refusal(tmp_path)


def test_a_state_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    write_led(tmp_path, LED)
    path = led_file(tmp_path, 4)
    start = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    facts = json.loads(json.loads(path.read_bytes()[8:start])["__metadata__"]["facts"])
    del facts["before"]["rule"]
    save_file(load_file(path), path, metadata={"dualtrain": "led 1", "facts": json.dumps(facts)})
    assert "rule" in refusal(tmp_path)
