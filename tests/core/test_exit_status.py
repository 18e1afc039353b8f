"""What a command ends with when its output goes nowhere: never with the status of a verdict."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dualtrain.cli import _runs, _traces, main
from tests.command import EPOCHS
from tests.traces import make_trace, write_trace

READ_BY_NOBODY = 141


@pytest.fixture
def arguments(tmp_path: Path, request: pytest.FixtureRequest) -> list[str]:
    """A command, by what of it writes."""
    trace = str(write_trace(tmp_path / "a.jsonl", make_trace()))
    (tmp_path / "spec.yaml").write_text(EPOCHS)
    told = {
        "print": ["plan", str(tmp_path / "spec.yaml"), "--micro-batches", "5"],
        "more than is buffered": [
            *("plan", str(tmp_path / "spec.yaml"), "--micro-batches", "50000", "--json")
        ],
        "typer": ["--help"],
        "rich": ["diff", trace, trace],
    }
    return told[request.param]


def started(arguments: list[str], output: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dualtrain", *arguments],
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    "arguments", ["print", "more than is buffered", "typer", "rich"], indirect=True
)
def test_a_pipe_that_nobody_reads(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = started(arguments, write)
    os.close(write)
    assert done.communicate()[1] == ""
    assert done.returncode == READ_BY_NOBODY


@pytest.mark.parametrize("arguments", ["print", "rich"], indirect=True)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_a_disk_that_is_full(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = started(arguments, full.fileno())
    told = "the command's output: cannot be read or written. Received: No space left on device\n"
    assert done.communicate()[1] == told
    assert done.returncode == 2


def test_an_output_that_is_closed(tmp_path: Path) -> None:
    """As a shell does it with `>&-`: there is nothing to be told to."""
    (tmp_path / "spec.yaml").write_text(EPOCHS)
    command = [sys.executable, "-m", "dualtrain", "check", str(tmp_path / "spec.yaml")]
    done = subprocess.run(
        command, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1), check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_fault_of_its_own_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python would end with 1, which says that two runs differ."""

    def broken(arguments: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("dualtrain.cli._run", broken)
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 3
    assert capsys.readouterr().err.endswith("RuntimeError: a fault\n")


def test_every_place_says_the_same_of_a_verdict() -> None:
    """The page, and the help of both commands that come to one."""
    page = (Path(__file__).parents[2] / "docs" / "parity.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (agrees|differs|no proof) \| (\d) \|", page, re.MULTILINE)
    assert {verdict: int(status) for verdict, status in rows} == _traces.STATUS
    words = {"they agree": "agrees", "they differ": "differs", "no proof": "no proof"}
    for command in (_traces.diff, _runs.parity):
        told = re.findall(rf"(\d): ({'|'.join(words)})", command.__doc__ or "")
        assert {words[verdict]: int(status) for status, verdict in told} == _traces.STATUS
