"""A command that a signal ends saves its run, leaves with the signal's status, and goes on.

The commands are forks of this process, which has the framework; one of each backend is begun anew,
for what an import does to signals.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import pytest

from dualtrain.backend import Backend
from dualtrain.checkpoints import newest
from dualtrain.cli import main
from dualtrain.trace import read_trace
from dualtrain.training.loop import _loop
from dualtrain.training.loop._update import make_update
from tests.tasks import number_spec, write_numbers

ENDLESS = {"duration": {"updates": 1_000_000}, "checkpoint": {"every": {"updates": 900_000}}}
BEGIN = ("spec.json", "--checkpoints", "kept", "--trace", "t.jsonl")
PATIENCE = 60.0
"""Seconds after which a test gives up."""
CHILDREN: list[int] = []
"""Those that have not been waited for."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    write_numbers(tmp_path)
    spec = number_spec(tmp_path, **ENDLESS)
    (tmp_path / "spec.json").write_text(json.dumps(spec.model_dump(mode="json")))
    yield tmp_path
    while CHILDREN:  # of a test that failed
        status_of(CHILDREN[0], patience=0)


def nothing() -> None:
    pass


class Command:
    """`dualtrain train ...` in a fork of this process."""

    def __init__(
        self, folder: Path, backend: str, *words: str, prepare: Callable[[], None] = nothing
    ) -> None:
        self._said = folder / "said.txt"
        self._pid = os.fork()
        if self._pid == 0:
            said = os.open(self._said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1)
            os.dup2(said, 2)
            sys.stdout, sys.stderr = (os.fdopen(n, "w", 1, closefd=False) for n in (1, 2))
            run(folder, backend, words, prepare)
        CHILDREN.append(self._pid)

    def send(self, number: int) -> None:
        os.kill(self._pid, number)

    def status(self) -> int:
        return status_of(self._pid)

    @property
    def said(self) -> str:
        return self._said.read_text().replace("\n", "")


def run(folder: Path, backend: str, words: tuple[str, ...], prepare: Callable[[], None]) -> None:
    """A command in a child, which ends with it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status = 99
    try:
        os.chdir(folder)
        prepare()
        main(["train", *words, "--backend", backend])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(status)


def status_of(pid: int, patience: float = PATIENCE) -> int:
    """What a child ends with; one that does not end is killed."""
    until = time.monotonic() + patience
    done = status = 0
    while not done and time.monotonic() < until:
        time.sleep(0.01)
        done, status = os.waitpid(pid, os.WNOHANG)
    if not done:
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    CHILDREN.remove(pid)
    return os.waitstatus_to_exitcode(status)


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def has_rows(folder: Path) -> bool:
    trace = folder / "t.jsonl"
    return trace.exists() and trace.read_bytes().count(b"\n") > 4


def check_saved(folder: Path) -> int:
    """The newest checkpoint and the trace are of one run; how many updates it has made."""
    made = newest(folder / "kept")[1].made
    trace = read_trace(folder / "t.jsonl")
    assert len(trace.updates) == made > 2
    assert trace.outcome == "interrupted"
    return made


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_a_signal_saves_and_leaves(backend: Backend, folder: Path, name: str) -> None:
    command = Command(folder, backend.NAME, *BEGIN)
    wait_for(lambda: has_rows(folder))
    command.send(getattr(signal, name))
    assert command.status() == 128 + getattr(signal, name), command.said
    made = check_saved(folder)
    assert f"{name}: the run is saved and left after this update" in command.said
    assert f"update-{made:08}" in command.said


def test_a_run_that_was_left_goes_on(backend: Backend, folder: Path) -> None:
    command = Command(folder, backend.NAME, *BEGIN)
    wait_for(lambda: has_rows(folder))
    command.send(signal.SIGTERM)
    command.status()
    made = check_saved(folder)
    spec = number_spec(folder, duration={"updates": made + 2})
    (folder / "spec.json").write_text(json.dumps(spec.model_dump(mode="json")))
    refused = Command(folder, backend.NAME, "spec.json", "--resume", "kept")
    assert (refused.status(), "duration.updates" in refused.said) == (2, True)
    more = Command(folder, backend.NAME, "spec.json", "--resume", "kept", "--allow-spec-change")
    assert more.status() == 0, more.said
    assert f"goes on after {made} updates" in more.said
    assert len(read_trace(folder / "t.jsonl").updates) == made + 2


def test_a_process_of_its_own_is_left_too(backend: Backend, folder: Path) -> None:
    """Paddle's import takes the signals for itself."""
    words = [sys.executable, "-m", "dualtrain", "train", *BEGIN, "--backend", backend.NAME]
    with subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True) as running:
        wait_for(lambda: has_rows(folder))
        running.send_signal(signal.SIGTERM)
        _, told = running.communicate()
    assert running.returncode == 128 + signal.SIGTERM, told
    check_saved(folder)


def test_a_second_signal_ends_it_at_once(backend: Backend, folder: Path) -> None:
    """The update that was being made is lost, and no checkpoint is written."""

    def slowed() -> None:
        made = iter(range(5))

        def slow(*given: object) -> object:
            if next(made, None) is None:
                (folder / "slow").touch()
                time.sleep(PATIENCE)
            return make_update(*given)  # type: ignore[arg-type]

        patch.object(_loop, "make_update", slow).start()

    command = Command(folder, backend.NAME, *BEGIN, prepare=slowed)
    wait_for((folder / "slow").exists)
    command.send(signal.SIGINT)
    wait_for(lambda: "SIGINT: the run is saved and left" in command.said)
    command.send(signal.SIGINT)
    assert command.status() == 128 + signal.SIGINT, command.said
    assert "interrupted; left of the run" in command.said
    assert "no checkpoint is in" in command.said
    assert not list((folder / "kept").glob("update-*"))


def test_a_terminal_that_is_closed_leaves_a_saved_run(backend: Backend, folder: Path) -> None:
    """SIGHUP comes from the system itself, and nothing can be said any more."""
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests outlive a terminal
        sys.stdout, sys.stderr = (os.fdopen(n, "w", 1, closefd=False) for n in (1, 2))
        run(folder, backend.NAME, BEGIN, nothing)
    CHILDREN.append(pid)
    wait_for(lambda: has_rows(folder))
    os.close(terminal)
    status = status_of(pid)
    check_saved(folder)
    assert status == 128 + signal.SIGHUP
