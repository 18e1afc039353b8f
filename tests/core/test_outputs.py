"""What a run writes: what is refused, and that it is whole or not there."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dualtrain.aside import save_arrays, write_aside
from dualtrain.errors import OutputError
from dualtrain.outputs import (
    DRAFT,
    MANIFEST,
    check_apart,
    check_file,
    check_folder,
    check_room,
    clear_abandoned,
    drafted,
    publish,
)
from dualtrain.training.checks._outputs import check_outputs
from tests.limits import files_of_at_most


def refusal(check: Callable[..., object], *given: object, **options: object) -> str:
    with pytest.raises(OutputError) as error:
        check(*given, **options)
    (line,) = str(error.value).splitlines()
    return line


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_place_of_a_file(tmp_path: Path) -> None:
    """What is there stays there, and nothing is made."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "lost").symlink_to("nowhere/file")
    (tmp_path / "file").write_text("content")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        before = names(tmp_path)
        for name, received in (
            ("pipe", "a trace is a regular file. Received: a named pipe"),
            ("link", "a trace is a regular file. Received: a named pipe"),
            ("socket", "a trace is a regular file. Received: a socket"),
            (".", "a trace is a regular file. Received: a folder"),
            ("file/x", "Received: Not a directory"),
            ("x" * 300, "Received: File name too long"),
            ("a\0b", "Received: embedded null byte"),
        ):
            told = refusal(check_file, tmp_path / name, "a trace")
            assert told.startswith(f"{tmp_path / name}: a trace ")
            assert received in told
        assert "a device" in refusal(check_file, Path("/dev/full"), "a trace")
        assert "Received: " in refusal(check_file, Path("/proc/trace"), "a trace")
        for name in ("file", "new", "made/new"):
            check_file(tmp_path / name, "a trace")
        assert names(tmp_path) == before
    assert (tmp_path / "file").read_text() == "content"


def test_a_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "lost").symlink_to("nowhere")
    for name, received in (
        ("file", "the output is a folder. Received: a file"),
        ("file/x", "Received: Not a directory"),
        ("lost", "Received: a link to nothing"),
        ("x" * 300 + "/y", "Received: File name too long"),
    ):
        assert received in refusal(check_folder, tmp_path / name, "the output", ["*"])
    told = refusal(check_folder, Path("/dev/full"), "the output", ["*"])
    assert told == "/dev/full: the output is a folder. Received: a device"
    check_folder(tmp_path / "made" / "new", "the output", ["*"])
    assert names(tmp_path) == {"file", "lost"}


def test_a_folder_of_the_users(tmp_path: Path) -> None:
    """What a run would write must be an earlier run's; what it would not may be anybody's."""
    (tmp_path / "notes.txt").touch()
    check_folder(tmp_path, "the output", ["*.safetensors", "config.json"])
    (tmp_path / "config.json").touch()
    rule = (
        f"{tmp_path}: the output replaces what an earlier run has left there, as dualtrain.json "
        "says, and nothing else: choose another folder. Received: "
    )
    for manifest, told in (
        (None, "'config.json', without dualtrain.json"),
        ('{"files": ["model.safetensors", "../config.json", 7]}', "'config.json', which it does"),
        ("[]", "'config.json', which it does not name"),
        ("{", "'config.json', which it does not name"),
    ):
        if manifest is not None:
            (tmp_path / MANIFEST).write_text(manifest)
        told_now = refusal(check_folder, tmp_path, "the output", ["*.safetensors", "config.json"])
        assert told_now.startswith(rule + told)
    (tmp_path / MANIFEST).write_text('{"files": ["config.json"]}')
    check_folder(tmp_path, "the output", ["*.safetensors", "config.json", MANIFEST])


@pytest.mark.parametrize("name", ["part", "..", ".", "a\0b", "\ud800", "config.json/"])
def test_a_manifest_names_files_of_its_folder(tmp_path: Path, name: str) -> None:
    """What else it names is left alone, and no run is lost by it."""
    folder = tmp_path / "out"
    (folder / "part").mkdir(parents=True)
    (folder / MANIFEST).write_text(json.dumps({"files": [name, "old"]}))
    (folder / "old").touch()
    check_folder(folder, "the output", ["*.safetensors", MANIFEST])
    with drafted(folder, "the output") as draft:
        (draft / "new").touch()
        publish(draft, folder)
    assert names(folder) == {MANIFEST, "part", "new"}


def test_a_folder_is_no_file_that_a_run_has_left(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    (tmp_path / MANIFEST).write_text('{"files": ["config.json"]}')
    told = refusal(check_folder, tmp_path, "the output", ["config.json"])
    assert told.endswith("Received: 'config.json', which it does not name")


def test_what_is_read_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever name it goes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ckpt").mkdir()
    (tmp_path / "data.csv").touch()
    (tmp_path / "link").symlink_to("ckpt")
    os.link("data.csv", "hard")
    inputs = {"task.model.path": tmp_path / "ckpt", "task.train": Path("data.csv")}
    for name in ("ckpt", "link", "ckpt/../ckpt", str(tmp_path / "link")):
        assert refusal(check_apart, Path(name), "the output", inputs) == (
            f"{name}: the output must not take the place of what the run reads: choose another. "
            f"Received: task.model.path, '{tmp_path}/ckpt'"
        )
    for name in ("hard", "data.csv", "./link/../data.csv"):
        assert "task.train, 'data.csv'" in refusal(check_apart, Path(name), "a trace", inputs)
    inner = {"task.model.path": tmp_path / "report" / "torch" / "part"}
    check_apart(tmp_path / "report" / "torch", "a report", inner)
    refusal(check_apart, tmp_path / "report" / "torch", "a report", inner, whole=True)
    check_apart(tmp_path / "other", "the output", inputs, whole=True)


@pytest.mark.parametrize("trace", ["out", "out/config.json", "out/ema.safetensors", "out/../out"])
def test_a_trace_and_an_output_that_cannot_be_both(tmp_path: Path, trace: str) -> None:
    told = refusal(check_outputs, tmp_path / trace, tmp_path / "out", files=["config.json"])
    assert "a trace must not stand where the output has a file of its own" in told
    refusal(check_outputs, tmp_path / "t", tmp_path / "t" / "out")
    check_outputs(tmp_path / "out" / "trace.jsonl", tmp_path / "out", files=["config.json"])


def test_a_draft_is_published_whole_or_gone(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "out"
    with pytest.raises(KeyboardInterrupt), drafted(folder, "the output") as draft:
        (draft / "model").write_text("half")
        raise KeyboardInterrupt
    assert names(tmp_path / "made") == set()
    for version, files in (("old", ("model", "vocab.txt")), ("new", ("model", "tokenizer.json"))):
        with drafted(folder, "the output") as draft:
            for name in files:
                (draft / name).write_text(version)
            publish(draft, folder)
        (folder / "notes.txt").touch()
        assert names(folder) == {MANIFEST, "notes.txt", *files}
        assert json.loads((folder / MANIFEST).read_text())["files"] == sorted(files)
        assert {(folder / name).read_text() for name in files} == {version}
    with pytest.raises(ZeroDivisionError), drafted(folder, "the output") as draft:
        (draft / "model").write_text("half")
        raise ZeroDivisionError
    assert (folder / "model").read_text() == "new"
    assert names(folder) == {MANIFEST, "notes.txt", "model", "tokenizer.json"}


def test_one_run_at_a_time_writes_into_a_folder(tmp_path: Path) -> None:
    with drafted(tmp_path, "the output") as draft:
        (draft / "file").touch()
        for check in (drafted(tmp_path, "a report").__enter__, check_folder):
            given = () if check is not check_folder else (tmp_path, "a report", ())
            assert refusal(check, *given) == (
                f"{tmp_path}: a report is written by one run at a time: wait for the other, close "
                "it, or choose another place. Received: this process, which is writing there"
            )
        assert not clear_abandoned(draft)
        assert (draft / "file").exists()
    with drafted(tmp_path, "the output"):
        pass
    assert names(tmp_path) == set()


HOLD = """
import sys, time
from pathlib import Path
from dualtrain.outputs import drafted
with drafted(Path(sys.argv[1]), "the output") as draft:
    (draft / "half").touch()
    print(draft, flush=True)
    time.sleep(600)
"""


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """However that ends; what it has left is cleared by the next run, or by who knows of it."""
    for clear in (True, False):
        command = [sys.executable, "-c", HOLD, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            draft = Path(process.stdout.readline().strip())
            told = refusal(drafted(tmp_path, "a report").__enter__)
            assert f"Received: process {process.pid}, which is writing there" in told
            process.send_signal(signal.SIGKILL)
        assert (draft / "half").exists()
        if clear:
            assert clear_abandoned(draft)
            assert names(tmp_path) == set()
        else:
            with drafted(tmp_path, "a report") as fresh:
                assert names(tmp_path) == {fresh.name}


def test_only_a_draft_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert not clear_abandoned(tmp_path / "mine")
    assert not clear_abandoned(tmp_path / "nowhere" / f"{DRAFT}x")
    assert names(tmp_path) == {"mine"}


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a network's may be: nobody's draft is cleared, for nobody knows whose it is."""

    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with drafted(tmp_path, "the output") as first, drafted(tmp_path, "the output") as second:
        assert first != second
        assert not clear_abandoned(first)
        (second / "model").write_text("whole")
        publish(second, tmp_path)
    assert names(tmp_path) == {MANIFEST, "model"}


def test_room_for_the_weights(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    check_room(tmp_path, free // 2, "the weights")
    told = refusal(check_room, tmp_path, 4 * 10**15, "the weights")
    assert told.startswith(f"{tmp_path}: the weights must have room, 4000000.0 GB. Received: ")
    assert told.endswith(" free")


def test_a_device_is_not_replaced() -> None:
    with pytest.raises(OSError, match="not a regular file"), write_aside(Path("/dev/full")):
        pytest.fail("nothing must be written")
    assert Path("/dev/full").is_char_device()


def test_arrays_that_find_no_room_leave_an_older_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_arrays(path, {"w": np.zeros(4, np.float32)})
    before = path.read_bytes()
    with files_of_at_most(1000), pytest.raises(OSError) as caught:
        save_arrays(path, {"w": np.zeros(4000, np.float32)})
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert (path.read_bytes(), names(tmp_path)) == (before, {path.name})


def test_others_may_read_what_others_may(tmp_path: Path) -> None:
    """Weights have the mode of any new file."""
    (tmp_path / "plain").touch()
    save_arrays(tmp_path / "weights", {"w": np.zeros(4, np.float32)})
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "plain").stat().st_mode
