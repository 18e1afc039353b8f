"""The files of a run on every backend: what is not replaced, and what is left when one fails."""

from __future__ import annotations

import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from dualtrain import Spec, start
from dualtrain.backend import Backend
from dualtrain.errors import OutputError
from dualtrain.trace import read_trace
from dualtrain.training import Observer, train
from tests.conformance.test_recorded_loop import PARTS, linear_of, looped, loss_of, spec_of
from tests.limits import files_of_at_most
from tests.tasks import number_spec, small_spec, text_task, write_numbers, write_task


def refusal(spec: Spec, backend: Backend, **options: Any) -> str:
    with pytest.raises(OutputError) as error:
        train(spec, backend.NAME, **options)
    (line,) = str(error.value).splitlines()
    return line


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_checkpoint_a_run_starts_from_is_no_output(backend: Backend, tmp_path: Path) -> None:
    write_task(tmp_path)
    spec = small_spec(tmp_path, duration={"updates": 2})
    train(spec, backend.NAME, output=tmp_path / "ckpt")
    before = contents(tmp_path / "ckpt")
    model = {"path": "ckpt", "max_length": 16, "dropout": 0.0}
    again = small_spec(tmp_path, task=text_task(spec).model_dump() | {"model": model})
    (tmp_path / "link").symlink_to("ckpt")
    for name in ("ckpt", "link"):
        told = refusal(again, backend, output=tmp_path / name)
        assert f"Received: task.model.path, '{tmp_path}/ckpt'" in told
    for name in ("train.csv", "eval.csv"):
        told = refusal(again, backend, trace=tmp_path / name)
        assert f"Received: task.{name.removesuffix('.csv')}, " in told
    told = refusal(again, backend, trace=tmp_path / "ckpt" / "config.json")
    assert "a trace replaces an earlier one, and nothing else" in told
    assert contents(tmp_path / "ckpt") == before


@pytest.mark.parametrize("of", [(write_task, small_spec), (write_numbers, number_spec)])
def test_a_task_names_all_that_it_saves(backend: Backend, of: Any, tmp_path: Path) -> None:
    """So that nobody else's file of such a name is replaced."""
    write, spec_in = of
    write(tmp_path)
    spec = spec_in(tmp_path, duration={"updates": 2})
    train(spec, backend.NAME, output=tmp_path / "out", trace=tmp_path / "t.jsonl")
    own = (*spec.task.files, "*.safetensors", "dualtrain.json", "task.json")
    written = contents(tmp_path / "out")
    assert [name for name in written if not any(fnmatch(name, one) for one in own)] == []
    for name in written.keys() - {"dualtrain.json"}:
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("mine")
        told = refusal(spec, backend, output=tmp_path / name)
        assert told.endswith(f"Received: {name!r}, without dualtrain.json")
        assert contents(tmp_path / name) == {name: b"mine"}


def test_an_output_is_replaced_as_a_whole(backend: Backend, tmp_path: Path) -> None:
    """A file that the new model has not goes with the old one."""
    write_numbers(tmp_path)
    averaged = number_spec(tmp_path, ema={"decay": 0.9}, duration={"updates": 2})
    train(averaged, backend.NAME, output=tmp_path / "out", trace=tmp_path / "t.jsonl")
    assert {"ema.safetensors", "initial.safetensors"} <= contents(tmp_path / "out").keys()
    plain = number_spec(tmp_path, duration={"updates": 2})
    train(plain, backend.NAME, output=tmp_path / "out")
    assert contents(tmp_path / "out").keys() == {
        "dualtrain.json",
        "model.safetensors",
        "regression.json",
        "task.json",
    }


def test_a_disk_without_room(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For all three files of weights; known before the first update, and nothing is left."""
    write_numbers(tmp_path)
    spec = number_spec(tmp_path, ema={"decay": 0.9})
    needed = 3 * 4 * (3 * 8 + 8 + 8 * 4 + 4 + 4 * 1 + 1)
    free = shutil.disk_usage(tmp_path)._replace(free=needed - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    files: dict[str, Any] = {"trace": tmp_path / "t.jsonl", "output": tmp_path / "made" / "out"}
    told = refusal(spec, backend, **files, observer=Fill(1, None))
    assert told == (
        f"{files['output']}: the weights must have room, {needed} bytes. "
        f"Received: {needed - 1} bytes free"
    )
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["eval.csv", "made", "train.csv"]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free._replace(free=needed))
    train(spec, backend.NAME, **files)


class Fill(Observer):
    """Lets no file grow any more once so many updates were made."""

    def __init__(self, after: int, limit: Any) -> None:
        self._after, self._limit, self._made = after, limit, 0

    def at_once(self) -> bool:
        return True

    def updated(self, update: object, total: int) -> None:
        self._made += 1
        if self._made == self._after:
            self._limit.__enter__()


def test_a_disk_that_fills_up_under_the_trace(backend: Backend, tmp_path: Path) -> None:
    write_numbers(tmp_path)
    trace = tmp_path / "t.jsonl"
    limit = files_of_at_most(1)
    try:
        told = refusal(number_spec(tmp_path), backend, trace=trace, observer=Fill(3, limit))
    finally:
        limit.__exit__(None, None, None)
    assert told == (
        f"{trace}: the trace cannot be written. Received: File too large; "
        f"left of the run: the trace {trace}, with 2 of 12 updates; no weights"
    )
    assert len(read_trace(trace).updates) == 2


def test_a_disk_that_fills_up_before_the_weights(backend: Backend, tmp_path: Path) -> None:
    """An older output is as it was, and nothing else is left."""
    write_numbers(tmp_path)
    output = tmp_path / "out"
    spec = number_spec(tmp_path)
    train(spec, backend.NAME, output=output)
    before = contents(output)
    limit = files_of_at_most(100)
    try:
        told = refusal(spec, backend, output=output, observer=Fill(12, limit))
    finally:
        limit.__exit__(None, None, None)
    assert told == (
        f"{output}: the weights cannot be written. Received: File too large; "
        "left of the run: no trace; no weights"
    )
    assert contents(output) == before


def test_an_interrupted_run_says_what_is_left(backend: Backend, tmp_path: Path) -> None:
    write_numbers(tmp_path)
    trace, output = tmp_path / "t.jsonl", tmp_path / "out"

    class Impatient(Observer):
        made, left = 0, ""

        def at_once(self) -> bool:
            return True

        def updated(self, update: object, total: int) -> None:
            self.made += 1
            if self.made == 5:
                raise KeyboardInterrupt

        def interrupted(self, left: str) -> None:
            self.left = left

    observer = Impatient()
    with pytest.raises(KeyboardInterrupt):
        train(number_spec(tmp_path), backend.NAME, trace=trace, output=output, observer=observer)
    read = read_trace(trace)
    assert (len(read.updates), read.outcome) == (4, "interrupted")
    assert observer.left == f"left of the run: the trace {trace}, with 4 of 12 updates; no weights"
    assert not output.exists()


def test_two_loops_into_one_folder_or_trace(backend: Backend, tmp_path: Path) -> None:
    """The second is refused while the first is open, which goes on."""
    files: dict[str, Any] = {"trace": tmp_path / "loop.jsonl", "output": tmp_path / "loop"}
    with start(spec_of(), linear_of(backend), micro_batches_per_epoch=3, **files) as run:
        for option, path in files.items():
            with pytest.raises(OutputError, match=r"one run at a time.*Received: this process"):
                start(spec_of(), linear_of(backend), micro_batches_per_epoch=3, **{option: path})
        for part in PARTS[:2]:
            run.step(loss_of(run, part) / len(part["x"]))
    assert len(read_trace(files["trace"]).updates) == 1
    looped(backend, spec_of(), tmp_path)
    assert read_trace(files["trace"]).outcome == "done"
