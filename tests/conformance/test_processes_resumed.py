"""Checkpoints of several processes: gone on from in any number of them, whole or split."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dualtrain.backend import Backend
from dualtrain.errors import DualtrainError
from dualtrain.training import train
from tests.forked import SPLITS, check_alike, forked
from tests.tasks import small_spec, write_task

WORDS = {"ema": {"decay": 0.9}, "checkpoint": {"every": {"updates": 2}, "keep": 2}}


class Stop:
    """Asked after each update: in process 0 ends the run after so many, in the others sooner."""

    def __init__(self, after: int) -> None:
        self._left = after if os.environ.get("RANK", "0") == "0" else 1

    def __call__(self) -> BaseException | None:
        self._left -= 1
        return SystemExit(143) if self._left <= 0 else None


def trained(backend: Backend, folder: Path, name: str, shard: Any, **words: Any) -> None:
    train(
        small_spec(folder, **WORDS),
        backend.NAME,
        trace=folder / f"{name}.jsonl",
        output=folder / name,
        shard=shard,
        **words,
    )


@pytest.mark.parametrize(("first", "second"), [(2, 3), (1, 2), (2, 1)])
def test_a_run_goes_on_in_another_number_of_processes(
    backend: Backend, tmp_path: Path, first: int, second: int
) -> None:
    check_goes_on(backend, tmp_path, first, second)


def test_a_split_run_goes_on_or_keeps_no_checkpoint(backend: Backend, tmp_path: Path) -> None:
    """Of Paddle no process has the whole state of a split optimizer: that is refused."""
    if SPLITS[backend.NAME] == "full":
        check_goes_on(backend, tmp_path, 2, 3, shard="full")
        return
    write_task(tmp_path)

    def refused() -> None:
        with pytest.raises(
            DualtrainError, match="checkpoints are of a state that a process has whole"
        ):
            trained(backend, tmp_path, "shared", "optimizer", checkpoints=tmp_path / "checkpoints")

    forked(2, refused)


def check_goes_on(
    backend: Backend, tmp_path: Path, first: int, second: int, shard: Any = "none"
) -> None:
    write_task(tmp_path)
    trained(backend, tmp_path, "alone", "none")
    folder = tmp_path / "checkpoints"

    def begun() -> None:
        with pytest.raises(SystemExit) as left:
            trained(backend, tmp_path, "shared", shard, checkpoints=folder, stop=Stop(5))
        assert left.value.code == 143

    def resumed() -> None:
        trained(backend, tmp_path, "shared", shard, checkpoints=folder, resume=True)

    for size, work in ((first, begun), (second, resumed)):
        if size == 1:
            work()
        else:
            forked(size, work)
    check_alike(tmp_path, first)
