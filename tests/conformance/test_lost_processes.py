"""One of several processes is killed, stands still or fails: all end, and say which it was."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dualtrain
from dualtrain.backend import Backend
from dualtrain.training.processes import _presence
from tests.builders import spec_of
from tests.forked import check_named, ended

LIMIT = 60.0
"""Seconds in which all must have ended: torch would wait for half an hour."""


def fitted(backend: Backend, at_update: Callable[[], object], *, ranks: str = "1") -> None:
    """A run that is long enough; `at_update` is called in the middle of it, in those processes."""
    calls = 0

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls == 5 and os.environ["RANK"] in ranks:
            at_update()
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    batches = [{"x": np.ones((4, 3), "float32"), "labels": np.arange(4) % 2}]
    model = backend.build_linear(3, 2)
    dualtrain.fit(spec_of(duration={"updates": 10**6}), model, batches, loss=loss)


def fail() -> None:
    raise ValueError("no such thing")


CASES: dict[str, tuple[Callable[[], None], str]] = {
    "killed": (lambda: os.kill(os.getpid(), signal.SIGKILL), "has ended before the run"),
    "stopped": (
        lambda: os.kill(os.getpid(), signal.SIGSTOP),
        "has given no sign of life for ",
    ),
    "failed": (fail, "has ended: ValueError: no such thing"),
    "left": (lambda: os._exit(0), "has ended before the run"),
}


@pytest.mark.parametrize(("case", "size"), [*((case, 2) for case in CASES), ("killed", 3)])
def test_the_others_end_and_name_it(
    backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
    size: int,
) -> None:
    act, sentence = CASES[case]
    if case == "stopped":
        for name, seconds in {"BEAT": 1.0, "SILENCE": 6.0, "GRACE": 2.0}.items():
            monkeypatch.setattr(_presence, name, seconds)
    statuses, told = ended(size, lambda: fitted(backend, act), limit=LIMIT)
    check_named(told, size, sentence)
    assert 0 not in (status for rank, status in enumerate(statuses) if rank != 1)


def test_orphans_end(backend: Backend) -> None:
    """The launcher is gone: nobody would end them, or show what they say."""

    def begun() -> None:
        read, write = os.pipe()
        if os.fork():  # each process has a launcher, which ends while the process runs
            os.read(read, 1)
            os._exit(7)
        fitted(backend, lambda: os.write(write, b"."), ranks="01")

    statuses, told = ended(2, begun, limit=LIMIT, TORCHELASTIC_RUN_ID="of a test")
    assert statuses == [7, 7]
    assert told.count("the launcher has ended, and so does each of its processes") == 2
