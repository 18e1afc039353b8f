"""Checkpoints of several processes: gone on from in any number of them, whole or split."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dualtrain.backend import Backend
from dualtrain.spec import Spec
from dualtrain.trace import header_of_rows
from dualtrain.training import train
from dualtrain.training.run import _header
from tests.forked import SPLITS, check_alike, forked
from tests.tasks import short_spec, write_few

WORDS = {"ema": {"decay": 0.9}, "checkpoint": {"every": {"updates": 2}, "keep": 2}}


class Stop:
    """Asked after each update: in process 0 ends the run after so many, in the others sooner."""

    def __init__(self, after: int) -> None:
        self._left = after if os.environ.get("RANK", "0") == "0" else 1

    def __call__(self) -> BaseException | None:
        self._left -= 1
        return SystemExit(143) if self._left <= 0 else None


def trained(spec: Spec, backend: Backend, name: str, shard: Any, **words: Any) -> None:
    train(
        spec,
        backend.NAME,
        trace=spec.folder / f"{name}.jsonl",
        output=spec.folder / name,
        shard=shard,
        **words,
    )


@pytest.mark.parametrize(("first", "second"), [(2, 3), (1, 2), (2, 1)])
def test_a_run_goes_on_in_another_number_of_processes(
    backend: Backend, tmp_path: Path, first: int, second: int
) -> None:
    check_goes_on(backend, tmp_path, first, second)


@pytest.mark.parametrize(("first", "second"), [(2, 3), (3, 1), (1, 2)])
def test_a_split_run_goes_on_in_another_number(
    backend: Backend, tmp_path: Path, first: int, second: int
) -> None:
    split = SPLITS[backend.NAME]
    check_goes_on(backend, tmp_path, first, second, shards=(split, split))


@pytest.mark.parametrize("is_first", [True, False])
def test_a_run_goes_on_split_otherwise(backend: Backend, tmp_path: Path, is_first: bool) -> None:
    split = SPLITS[backend.NAME]
    shards = (split, "none") if is_first else ("none", split)
    check_goes_on(backend, tmp_path, 2, 2, shards=shards)


def test_the_trace_is_read_by_the_first_process(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which has written it: another machine may not have it."""

    def read(*given: Any) -> Any:
        assert os.environ.get("RANK", "0") == "0"
        return header_of_rows(*given)

    monkeypatch.setattr(_header, "header_of_rows", read)
    check_goes_on(backend, tmp_path, 2, 2)


def check_goes_on(
    backend: Backend,
    tmp_path: Path,
    first: int,
    second: int,
    *,
    shards: tuple[Any, Any] = ("none", "none"),
) -> None:
    write_few(tmp_path)
    spec = short_spec(tmp_path, **WORDS)
    trained(spec, backend, "alone", "none")
    folder = tmp_path / "checkpoints"

    def begun() -> None:
        with pytest.raises(SystemExit) as left:
            trained(spec, backend, "shared", shards[0], checkpoints=folder, stop=Stop(5))
        assert left.value.code == 143

    def resumed() -> None:
        trained(spec, backend, "shared", shards[1], checkpoints=folder, resume=True)

    for size, work in ((first, begun), (second, resumed)):
        if size == 1:
            work()
        else:
            forked(size, work)
    check_alike(tmp_path, first)
