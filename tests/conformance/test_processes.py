"""Several processes make the updates of one: the same curve, order and decisions."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from dualtrain.backend import Backend
from dualtrain.lockstep import read_led
from dualtrain.training import train
from tests.forked import SPLITS, check_alike, forked_as_one
from tests.tasks import short_spec, write_few


class Case(NamedTuple):
    """A run that one process makes, and several."""

    sizes: tuple[int, ...]
    """How many processes."""
    words: dict[str, Any]
    """Of its spec."""
    is_split: bool = False
    leads: bool = False
    """Whether it leaves states, and not a trace."""


UPDATES = {
    "plain": Case((2, 3, 4), {}),
    "token_mean": Case((3,), {"batch": {"size": 8, "accumulate": 3, "normalise": "token_mean"}}),
    "leak": Case((3,), {"batch": {"size": 8, "accumulate": 3, "tail": "leak"}}),
    "averages": Case((3,), {"ema": {"decay": 0.9}}),
    "fewer rows than processes": Case(
        (3,), {"batch": {"size": 2, "accumulate": 1}, "duration": {"updates": 4}}
    ),
    "early stop": Case(
        (3,), {"early_stopping": {"patience": 1, "threshold": 0.3}, "duration": {"epochs": 4}}
    ),
    "sharded lamb": Case((2, 3), {"optimizer": {"name": "lamb", "lr": 5e-3, "eps": 1e-6}}, True),
    "sharded plain": Case((2, 3), {}, True),
    "sharded averages": Case(
        (2, 3), {"ema": {"decay": 0.9}, "best": {"metric": "loss", "mode": "min"}}, True
    ),
    "sharded by value": Case((2, 3), {"clip": {"value": 1e-3}}, True),
    "sharded by norm": Case((2, 3), {"clip": {"norm": 1e-3}}, True),
}
GRADIENTS = {
    normalise: Case(
        (2, 3, 4),
        {
            "batch": {"size": 8, "accumulate": 3, "normalise": normalise},
            "duration": {"epochs": 1},
        },
        leads=True,
    )
    for normalise in ("micro_mean", "token_mean")
}
STATES = {"split states": Case((2,), {"duration": {"epochs": 2}}, is_split=True, leads=True)}
CASES = UPDATES | {f"gradients {name}": case for name, case in GRADIENTS.items()} | STATES


def trained(backend: Backend, folder: Path, case: str, name: str) -> None:
    words, own = CASES[case].words, folder / case / name
    is_split = CASES[case].is_split and name != "alone"
    shard: Any = SPLITS[backend.NAME] if is_split else "none"
    kept: dict[str, Any] = {"trace": own.with_suffix(".jsonl"), "output": own}
    if CASES[case].leads:
        kept = {"states": own}
    train(short_spec(folder, **words), backend.NAME, shard=shard, **kept)


@pytest.fixture(scope="module")
def made(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cases, each in a folder of its own: of one process, and of as many as it names."""
    folder = tmp_path_factory.mktemp("processes")
    write_few(folder)
    for case in CASES:
        (folder / case).mkdir()
        trained(backend, folder, case, "alone")
    for size in (2, 3, 4):
        cases = [case for case in CASES if size in CASES[case].sizes]
        works = [partial(trained, backend, folder, case, str(size)) for case in cases]
        forked_as_one(backend, size, works)
    return folder


def sizes(cases: dict[str, Case]) -> pytest.MarkDecorator:
    pairs = [(size, name) for name, case in cases.items() for size in case.sizes]
    return pytest.mark.parametrize(("size", "case"), pairs)


@sizes(UPDATES)
def test_the_updates_are_those_of_one_process(made: Path, size: int, case: str) -> None:
    check_alike(made / case, size, str(size))


@sizes(GRADIENTS)
def test_gradients_are_those_of_one_process(made: Path, size: int, case: str) -> None:
    """Of the first update, from the same weights, and of the last one of an epoch, of 4 samples."""
    for attempt in (0, 1):
        one, several = (
            read_led(made / f"gradients {case}" / name, attempt).passed.gradients
            for name in ("alone", str(size))
        )
        assert one.keys() == several.keys()
        apart = np.sqrt(sum(((one[n] - several[n]) ** 2).sum() for n in one))
        whole = np.sqrt(sum((one[n] ** 2).sum() for n in one))
        assert apart <= (1e-6 if attempt == 0 else 1e-4) * whole


@sizes(STATES)
def test_a_split_run_leaves_whole_states(made: Path, size: int, case: str) -> None:
    for attempt in (0, 3):
        one, several = (read_led(made / case / name, attempt) for name in ("alone", str(size)))
        expected, received = one.after.tensors, several.after.tensors
        pairs = [(one.passed.gradients, several.passed.gradients)]
        pairs += [(expected.weights, received.weights)]
        pairs += [
            (expected.optimizer[name], received.optimizer[name]) for name in expected.optimizer
        ]
        assert expected.optimizer.keys() == received.optimizer.keys()
        for left, right in pairs:
            assert left.keys() == right.keys()
            for name, array in left.items():
                np.testing.assert_allclose(right[name], array, rtol=1e-3, atol=1e-5, err_msg=name)
