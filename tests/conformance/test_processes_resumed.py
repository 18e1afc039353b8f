"""Checkpoints of several processes: gone on from in any number of them, whole or split."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dualtrain.backend import Backend
from dualtrain.trace import header_of_rows
from dualtrain.training import train
from dualtrain.training.run import _header
from tests.forked import SPLITS, check_alike, forked_as_one
from tests.tasks import short_spec, write_few

WORDS = {"ema": {"decay": 0.9}, "checkpoint": {"every": {"updates": 2}, "keep": 2}}


class Case(NamedTuple):
    """A run that so many processes begin and so many end; and whether each of both is split."""

    first: int
    second: int
    begins_split: bool = False
    ends_split: bool = False


CASES = [
    *(Case(*sizes) for sizes in ((2, 3), (1, 2), (2, 1))),
    *(Case(*sizes, True, True) for sizes in ((2, 3), (3, 1), (1, 2))),
    Case(2, 2, begins_split=True),
    Case(2, 2, ends_split=True),
    Case(2, 2),
]


class Stop:
    """Asked after each update: in process 0 ends the run after so many, in the others sooner."""

    def __init__(self, after: int) -> None:
        self._left = after if os.environ.get("RANK", "0") == "0" else 1

    def __call__(self) -> BaseException | None:
        self._left -= 1
        return SystemExit(143) if self._left <= 0 else None


def name_of(case: Case) -> str:
    splits = ("split" if is_split else "whole" for is_split in (case.begins_split, case.ends_split))
    return "-".join((str(case.first), str(case.second), *splits))


def trained(backend: Backend, folder: Path, name: str, is_split: bool, **words: Any) -> None:
    shard: Any = SPLITS[backend.NAME] if is_split else "none"
    train(
        short_spec(folder, **WORDS),
        backend.NAME,
        trace=folder / f"{name}.jsonl",
        output=folder / name,
        shard=shard,
        **words,
    )


def begun(backend: Backend, folder: Path, case: Case) -> None:
    name = name_of(case)
    kept = folder / f"{name} kept"
    with pytest.raises(SystemExit) as left:
        trained(backend, folder, name, case.begins_split, checkpoints=kept, stop=Stop(5))
    assert left.value.code == 143


def gone_on(backend: Backend, folder: Path, case: Case) -> None:
    name = name_of(case)
    kept = folder / f"{name} kept"
    trained(backend, folder, name, case.ends_split, checkpoints=kept, resume=True)


def read(*given: Any) -> Any:
    """The trace's header, by the first process, which has written it: others may not have it."""
    assert os.environ.get("RANK", "0") == "0"
    return header_of_rows(*given)


@pytest.fixture(scope="module")
def folder(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process, and each case; what as many processes do is done by one group."""
    folder = tmp_path_factory.mktemp("resumed")
    write_few(folder)
    trained(backend, folder, "alone", False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_header, "header_of_rows", read)
        for work, sizes in (
            (begun, [c.first for c in CASES]),
            (gone_on, [c.second for c in CASES]),
        ):
            for size in sorted(set(sizes)):
                cases = (c for c, count in zip(CASES, sizes, strict=True) if count == size)
                works = [partial(work, backend, folder, case) for case in cases]
                if size > 1:
                    forked_as_one(backend, size, works)
                else:
                    for one in works:
                        one()
    return folder


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_run_goes_on_in_another_number_of_processes(folder: Path, case: Case) -> None:
    """Whole, split, and split otherwise; the first process alone reads the trace."""
    check_alike(folder, case.first, name_of(case))
