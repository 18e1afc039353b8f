"""Commands that are ended or outlived by others, as real processes: what they leave, and say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dualtrain.outputs import DRAFT
from dualtrain.trace import read_trace
from tests.tasks import bare_spec, small_spec, write_numbers, write_task

SOON = 60.0
"""Seconds; what takes longer has failed."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a spec that trains for minutes, and needs no more than a framework."""
    write_numbers(tmp_path)
    spec = bare_spec(tmp_path, duration={"updates": 100_000})
    (tmp_path / "spec.json").write_text(spec.model_dump_json())
    return tmp_path


def dualtrain(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dualtrain", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=SOON
    )


@contextmanager
def begun(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command, in the background; killed in the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "dualtrain", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(is_so: Callable[[], object], what: str) -> None:
    last = time.monotonic() + SOON
    while not is_so():
        assert time.monotonic() < last, f"not within {SOON:g} seconds: {what}"
        time.sleep(0.05)


def updates(trace: Path) -> int:
    return trace.read_bytes().count(b'"record":"update"') if trace.exists() else 0


def processes(folder: Path) -> list[str]:
    """The workers that have a job in the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:  # it has ended
            continue
        if os.fsencode(folder) in command:
            found.append(command.replace(b"\0", b" ").decode())
    return found


@pytest.mark.parametrize(
    "sign", ["torch.job.json", "report/torch.trace.jsonl", "report/paddle.trace.jsonl"]
)
def test_workers_end_with_a_parent_that_was_killed(folder: Path, sign: str) -> None:
    """While they import, while one waits for the other, while both train."""
    report = folder / "report"
    with begun(folder, "parity", "spec.json", "--no-floor") as parent:
        until(lambda: list(report.glob(f"{DRAFT}*/{sign}")), f"{sign} is there")
        if sign == "report/paddle.trace.jsonl":
            (trace,) = report.glob(f"{DRAFT}*/{sign}")
            until(lambda: updates(trace), "an update is made")
        assert processes(folder)
        parent.send_signal(signal.SIGKILL)
    until(lambda: not processes(folder), "the workers have ended")
    assert list(report.iterdir()) == []


def test_a_report_in_a_checkpoint(folder: Path) -> None:
    write_task(folder)
    spec = small_spec(folder).model_dump(mode="json")
    spec["task"]["model"] = {"path": "ckpt", "max_length": 16}
    (folder / "from.json").write_text(json.dumps(spec))
    (folder / "ckpt").mkdir()
    (folder / "link").symlink_to("ckpt")
    done = dualtrain(folder, "parity", "from.json", "--report", "link")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Received: task.model.path, " in done.stderr
    assert list((folder / "ckpt").iterdir()) == []


def test_two_parity_runs_into_one_report(folder: Path) -> None:
    with begun(folder, "parity", "spec.json", "--no-floor") as first:
        jobs = f"report/{DRAFT}*/paddle.job.json"
        until(lambda: list(folder.glob(jobs)), "the first has begun")
        second = dualtrain(folder, "parity", "spec.json")
        output = dualtrain(folder, "train", "spec.json", "--backend", "torch", "--output", "report")
        assert list(folder.glob(jobs))
        first.send_signal(signal.SIGTERM)
        assert first.wait(SOON) == 143
    for done in (second, output):
        assert done.returncode == 2
        assert done.stderr.count("\n") <= 2  # a bar's empty line
        assert f"Received: process {first.pid}, which is writing there" in done.stderr
    assert not (folder / "report").exists()


def test_a_report_that_holds_what_a_side_reads(folder: Path) -> None:
    """The folder of an earlier side, say: publishing would remove it."""
    write_task(folder)
    spec = small_spec(folder).model_dump(mode="json")
    spec["task"]["model"] = {"path": "report/torch", "max_length": 16}
    (folder / "again.json").write_text(json.dumps(spec))
    (folder / "report" / "torch").mkdir(parents=True)
    earlier = {"sides": [{"name": "torch", "backend": "torch"}]}
    (folder / "report" / "summary.json").write_text(json.dumps(earlier))
    done = dualtrain(folder, "parity", "again.json")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "a report must not take the place of what the run reads" in done.stderr
    assert f"Received: task.model.path, '{folder}/report/torch'" in done.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_train_says_where_it_was_interrupted(
    folder: Path, number: signal.Signals, status: int
) -> None:
    trace = folder / "t.jsonl"
    files = ("--trace", "t.jsonl", "--output", "out")
    with begun(folder, "train", "spec.json", "--backend", "torch", *files) as process:
        until(lambda: updates(trace) >= 3, "some updates are told")
        other = dualtrain(folder, "train", "spec.json", "--backend", "torch", "--trace", "t.jsonl")
        process.send_signal(number)
        assert process.stderr is not None
        told = process.stderr.read()
        assert process.wait(SOON) == status
    assert other.returncode == 2
    assert f"Received: process {process.pid}, which is writing there" in other.stderr
    read = read_trace(trace)
    assert read.outcome == "interrupted"
    made = len(read.updates)
    assert told == (
        f"interrupted; left of the run: the trace t.jsonl, with {made} of 100000 updates; "
        "no weights\n"
    )
    assert not (folder / "out").exists()


def test_train_that_was_interrupted_before_it_began(folder: Path) -> None:
    with begun(folder, "train", "spec.json", "--backend", "torch") as process:
        maps = Path(f"/proc/{process.pid}/maps")
        until(lambda: b"torch" in maps.read_bytes(), "torch is being imported")
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[-1] == (
            "interrupted; nothing is left of the run, which had not begun"
        )
        assert process.wait(SOON) == 143


def test_a_trace_in_the_place_of_a_device(folder: Path) -> None:
    """Refused at once, before the data are read."""
    (folder / "train.csv").unlink()
    done = dualtrain(folder, "train", "spec.json", "--backend", "torch", "--trace", "/dev/full")
    assert done.returncode == 2
    assert done.stderr.strip() == "/dev/full: a trace is a regular file. Received: a device"
    assert Path("/dev/full").is_char_device()
