"""A run that is left and gone on with is to the bit the run that never was left."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain import fit, resume, start
from dualtrain.aside import save_arrays
from dualtrain.backend import Backend
from dualtrain.checkpoints import _files, keeping, newest
from dualtrain.errors import CheckpointError, OutputError, SpecError, TraceError, TrainingWarning
from dualtrain.spec import Spec
from dualtrain.state import RunState
from dualtrain.trace import read_trace
from dualtrain.training import Observer, train
from tests.builders import PLATEAU, spec_of
from tests.tasks import number_spec, small_spec, write_numbers, write_task

LEFT = SystemExit(75)
FLOAT16 = {"dtype": "float16", "level": "O1", "loss_scale": {"init": 4.0, "growth_interval": 2}}


def left_after(made: int) -> Callable[[], BaseException | None]:
    """A `stop` that leaves the run after so many updates."""
    asked = iter(range(1, made + 1))
    return lambda: LEFT if next(asked, made) == made else None


def state_of(folder: Path) -> dict[str, Any]:
    """The state of the newest checkpoint, flat, and random numbers; but for the clock."""
    checkpoint = newest(folder)[1]
    arrays = {**checkpoint.arrays()}
    state: RunState = checkpoint.state
    return {**state.scalars(), **{n: (a.shape, a.tobytes()) for n, a in arrays.items()}}


class Job:
    """`fit` on a small network with dropout, of the backend."""

    def __init__(self, backend: Backend, spec: Spec, batches: Callable[[], Any], folder: Path):
        self._backend, self._spec, self._batches = backend, spec, batches
        self._folder = folder

    def __call__(self, name: str, **more: Any) -> None:
        np.random.seed(5)
        random.seed(5)
        backend = self._backend
        model = backend.build_linear(3, 2)
        draw = np.random.default_rng(0)
        shapes = {"weight": (2, 3), "bias": (2,)}
        backend.load_weights(
            model, {n: draw.normal(size=s).astype(np.float32) for n, s in shapes.items()}
        )
        count = iter(range(10**6))

        def loss(model: Any, tensors: dict[str, Any]) -> Any:
            noise = float(np.random.rand()) + random.random()
            if self._spec.amp is not None:  # no forward pass: Paddle has no autocast on the CPU
                wide = [backend.scaled(p, 1.0) for p in model.parameters()]
                target = tensors["x"].mean()
                return sum(((one - target) ** 2).sum() for one in wide) * noise
            return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"]) * noise

        def metric(model: Any) -> float:
            return float(np.abs(backend.dump_weights(model)["weight"]).sum())

        def evaluate(model: Any) -> Mapping[str, float]:
            next(count)
            return {"loss": metric(model), "noise": float(np.random.rand())}

        words: dict[str, Any] = {}
        if self._spec.schedule.needs_metric:
            words["metric"] = metric
        if self._spec.early_stopping or self._spec.best:
            words["evaluate"] = evaluate
        place = self._folder / name
        words |= {"trace": place / "trace.jsonl", "checkpoints": place / "kept", **more}
        fit(
            self._spec,
            model,
            self._batches(),
            loss=loss,
            output=place / "out",
            **words,
        )

    def held(self, name: str) -> dict[str, Any]:
        place = self._folder / name
        files = {file.name: file.read_bytes() for file in (place / "out").iterdir()}
        header, *rows = (place / "trace.jsonl").read_text(encoding="utf-8").splitlines()
        # Paddle numbers the parameters of a process through.
        named = re.sub(r'"native":"[^"]*"', "", header)
        return {**files, **state_of(place / "kept"), "header": named, "rows": rows}


def micro_batches(count: int = 7) -> list[dict[str, Any]]:
    draw = np.random.RandomState(0)
    return [
        {"x": draw.randn(4, 3).astype("float32"), "labels": draw.randint(0, 2, 4)}
        for _ in range(count)
    ]


def overflowing() -> list[dict[str, Any]]:
    """The first of them has gradients that are none."""
    first, *rest = micro_batches()
    return [{**first, "x": np.full_like(first["x"], 1e38)}, *rest]


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "clip": {"clip": {"global_norm": 0.05}, "warmup": {"steps": 3}},
    "ema": {"ema": {"decay": 0.8, "warmup": True}},
    "plateau": {"schedule": PLATEAU},
    "loss scale": {"amp": FLOAT16},
    "skips": {"amp": FLOAT16},
    "masters": {"amp": {"dtype": "bfloat16", "level": "O2"}, "ema": {"decay": 0.8}},
    "momentum cycle": {
        "optimizer": {"name": "momentum", "lr": 0.1, "momentum": 0.95, "nesterov": False},
        "schedule": {
            "name": "one_cycle",
            "start_lr": 0.004,
            "end_lr": 1e-5,
            "rise": 0.3,
            "shape": "cosine",
            "momentum": {"low": 0.85, "high": 0.95},
        },
    },
    "early stopping": {"early_stopping": {"patience": 2}, "best": {}},
    "the first is the best": {"best": {"mode": "max"}, "duration": {"epochs": 2}},
    "flush": {"batch": {"accumulate": 3, "tail": "flush"}},
    "drop": {"batch": {"accumulate": 3, "tail": "drop"}},
    "leak": {"batch": {"accumulate": 3, "tail": "leak"}},
}


@pytest.mark.filterwarnings("ignore:amp_guard can only be enabled")
@pytest.mark.usefixtures("without_autocast")
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("made", [1, 4, 7])
def test_a_run_that_was_left_goes_on_to_the_bit(
    backend: Backend, tmp_path: Path, variant: str, made: int
) -> None:
    words = {"duration": {"epochs": 4}, "batch": {"accumulate": 2}} | VARIANTS[variant]
    batches = overflowing if variant == "skips" else micro_batches
    job = Job(backend, spec_of(**words), batches, tmp_path)
    job("whole")
    with pytest.raises(SystemExit):
        job("left", stop=left_after(made))
    assert read_trace(tmp_path / "left" / "trace.jsonl").outcome == "interrupted"
    assert newest(tmp_path / "left" / "kept")[1].made == made
    job("left", resume=True)
    expected = job.held("whole")
    assert bool(expected["skipped"]) == (variant == "skips")
    assert len(read_trace(tmp_path / "whole" / "trace.jsonl").updates) > made or "early" in variant
    assert job.held("left") == expected


def loader_of(framework: str) -> Any:
    """A DataLoader that shuffles, from the framework's own random numbers."""
    data = pytest.importorskip("torch.utils.data" if framework == "torch" else "paddle.io")
    samples = micro_batches()

    class Samples(data.Dataset):  # type: ignore[name-defined]
        def __len__(self) -> int:
            return len(samples)

        def __getitem__(self, index: int) -> Any:
            return samples[index]

    return data.DataLoader(Samples(), batch_size=1, shuffle=True, collate_fn=lambda one: one[0])


@pytest.mark.parametrize("made", [3, 7, 9])
def test_a_loader_that_shuffles_goes_on_where_it_was(
    backend: Backend, tmp_path: Path, made: int
) -> None:
    spec = spec_of(duration={"epochs": 3}, batch={"accumulate": 2})
    job = Job(backend, spec, lambda: loader_of(backend.NAME), tmp_path)
    job("whole")
    with pytest.raises(SystemExit):
        job("left", stop=left_after(made))
    job("left", resume=True)
    assert job.held("left") == job.held("whole")


def reads_randomness(backend: Backend) -> bool:
    """Whether the framework's random state can be read: not that of paddlepaddle 2.6."""
    states = backend.random_states(backend.build_linear(1, 1))
    assert bool(states) != backend.versions().get("paddlepaddle", "").startswith("2.")
    return bool(states)


@pytest.mark.parametrize("made", [3, 4, 12])
def test_a_task_with_dropout_goes_on_to_the_bit(
    backend: Backend, tmp_path: Path, made: int
) -> None:
    write_task(tmp_path)
    task = small_spec(tmp_path).model_dump()["task"]
    task["model"]["dropout"] = 0.5
    spec = small_spec(tmp_path, task=task, checkpoint={"every": {"updates": 1}, "keep": 3})
    scores = {}

    def run(name: str, **more: Any) -> None:
        place = tmp_path / name
        words: dict[str, Any] = {
            "trace": place / "t.jsonl",
            "output": place / "out",
            "checkpoints": place / "kept",
        }
        scores[name] = train(spec, backend.NAME, **words, **more)

    run("whole")
    if made < 12:
        with pytest.raises(SystemExit):
            run("left", stop=left_after(made))
    else:
        run("left")
    if reads_randomness(backend):
        run("left", resume=True)
    else:
        with pytest.warns(TrainingWarning, match=r"^dropout draws anew, in .*paddlepaddle 2"):
            run("left", resume=True)
        if made < 12:
            assert scores["left"] != scores["whole"]
            return
    assert scores["left"] == scores["whole"]
    held = {}
    for name in scores:
        _, *rows = (tmp_path / name / "t.jsonl").read_text(encoding="utf-8").splitlines()
        weights = (tmp_path / name / "out" / "model.safetensors").read_bytes()
        held[name] = (rows, weights, state_of(tmp_path / name / "kept"))
    assert held["left"] == held["whole"]
    kept = tmp_path / "left" / "kept"
    assert len(list(kept.glob("update-*"))) == 3
    checkpoint = newest(kept)[1]
    assert checkpoint.epoch_random.keys() == checkpoint.random.keys()


def test_a_changed_spec_is_refused_with_its_fields(backend: Backend, tmp_path: Path) -> None:
    job = Job(backend, spec_of(), micro_batches, tmp_path)
    with pytest.raises(SystemExit):
        job("run", stop=left_after(2))
    other = spec_of(optimizer={"name": "adamw", "lr": 0.2}, seed=7, checkpoint={"keep": 5})
    changed = Job(backend, other, micro_batches, tmp_path)
    with pytest.raises(SpecError) as caught:
        changed("run", resume=True)
    assert sorted(problem.where for problem in caught.value.problems) == ["optimizer.lr", "seed"]
    changed("run", resume=True, allow_spec_change=True)
    assert [u.lr for u in read_trace(tmp_path / "run" / "trace.jsonl").updates] == [
        *(0.1, 0.1),
        *(0.2, 0.2),
    ]


def test_what_has_checkpoints_is_gone_on_with_or_left_alone(
    backend: Backend, tmp_path: Path
) -> None:
    job = Job(backend, spec_of(), micro_batches, tmp_path)
    job("run")
    with pytest.raises(OutputError, match="go on with it"):
        job("run")
    with (
        keeping(tmp_path / "run" / "kept", resume=True),
        pytest.raises(OutputError, match="one run at a time"),
    ):
        job("run", resume=True)


def test_a_checkpoint_in_place_of_its_folder_is_refused_with_the_folder(
    backend: Backend, tmp_path: Path
) -> None:
    """A run that began anew in it would be the end of what it holds."""
    job = Job(backend, spec_of(), micro_batches, tmp_path)
    job("run")
    folder = tmp_path / "run" / "kept"
    one = next(folder.glob("update-*"))
    rule = rf"{one.name}: name the folder .*stand in, {re.escape(str(folder))}\. Received: one of"
    for call in (
        lambda: resume(one, backend.build_linear(3, 2)),
        lambda: newest(one),
        lambda: keeping(one, resume=True).__enter__(),
        lambda: keeping(one, resume=False).__enter__(),
    ):
        with pytest.raises(CheckpointError, match=rule):
            call()


@pytest.mark.parametrize("file", ["state.safetensors", "checkpoint.json"])
@pytest.mark.parametrize("how", ["cut", "turned", "gone"])
def test_a_damaged_checkpoint_is_passed_over(
    backend: Backend, tmp_path: Path, file: str, how: str
) -> None:
    spec = spec_of(checkpoint={"every": {"updates": 1}})
    job = Job(backend, spec, micro_batches, tmp_path)
    job("whole")
    with pytest.raises(SystemExit):
        job("left", stop=left_after(3))
    folder = tmp_path / "left" / "kept"
    damaged = folder / "update-00000003" / file
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    if how == "gone":
        damaged.unlink()
    else:
        damaged.write_bytes(content[: len(content) // 2] if how == "cut" else content)
    with pytest.warns(TrainingWarning, match="damaged checkpoint is passed over"):
        job("left", resume=True)
    assert job.held("left") == job.held("whole")
    for path in folder.glob("update-*/state.safetensors"):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="must have a whole one"):
        job("left", resume=True)


def test_a_changed_document_is_passed_over(backend: Backend, tmp_path: Path) -> None:
    """It is JSON as before, and says another clock."""
    spec = spec_of(checkpoint={"every": {"updates": 1}})
    job = Job(backend, spec, micro_batches, tmp_path)
    with pytest.raises(SystemExit):
        job("left", stop=left_after(3))
    document = tmp_path / "left" / "kept" / "update-00000003" / "checkpoint.json"
    told = json.loads(document.read_text(encoding="utf-8"))
    told["checkpoint"]["state"]["t"] -= 1
    document.write_text(json.dumps(told), encoding="utf-8")
    with pytest.warns(TrainingWarning, match=r"as it was written.*another digest.*update-00000002"):
        job("left", resume=True)


def test_a_loop_of_ones_own_is_saved_and_gone_on_with(backend: Backend, tmp_path: Path) -> None:
    spec, batches = spec_of(duration={"epochs": 2}), micro_batches(3)

    def steps(run: Any, until: int) -> None:
        with run:
            while not run.is_over and run.attempts < until:
                batch = backend.to_device(batches[run.micro_batch], run.device)
                run.step(run.model(batch["x"]).mean() * float(np.random.rand()))
            run.save(tmp_path / name)

    def model() -> Any:
        made = backend.build_linear(3, 2)
        weights = {"weight": np.ones((2, 3), np.float32), "bias": np.zeros(2, np.float32)}
        backend.load_weights(made, weights)
        return made

    for name, stops in (("whole", [6]), ("left", [2, 3, 6])):
        np.random.seed(3)
        trace = tmp_path / f"{name}.jsonl"
        steps(start(spec, model(), micro_batches_per_epoch=3, trace=trace), stops[0])
        for stop in stops[1:]:
            np.random.seed(99)
            steps(resume(tmp_path / name, model()), stop)
    assert state_of(tmp_path / "left") == state_of(tmp_path / "whole")
    rows = [(tmp_path / f"{n}.jsonl").read_text().splitlines()[1:] for n in ("left", "whole")]
    assert rows[0] == rows[1]


def test_a_time_limit_counts_over_resumes(backend: Backend, tmp_path: Path) -> None:
    spec = spec_of(duration={"updates": 4, "time_limit": 1e-6})
    Job(backend, spec, micro_batches, tmp_path)("run")
    trace = read_trace(tmp_path / "run" / "trace.jsonl")
    assert (len(trace.updates), trace.outcome) == (1, "time limit: 1e-06 s")
    one = spec_of(duration={"updates": 1, "time_limit": 1e-6})
    Job(backend, one, micro_batches, tmp_path)("one")
    assert read_trace(tmp_path / "one" / "trace.jsonl").outcome == "done"
    Job(backend, spec, micro_batches, tmp_path)("run", resume=True)
    assert len(read_trace(tmp_path / "run" / "trace.jsonl").updates) == 1
    longer = spec_of(duration={"updates": 4, "time_limit": 1e6})
    Job(backend, longer, micro_batches, tmp_path)("run", resume=True)
    Job(backend, spec_of(), micro_batches, tmp_path)("whole")
    trace = read_trace(tmp_path / "run" / "trace.jsonl")
    assert trace.updates == read_trace(tmp_path / "whole" / "trace.jsonl").updates


def test_the_seconds_of_a_run_are_those_of_all_its_processes(
    backend: Backend, tmp_path: Path
) -> None:
    job = Job(backend, spec_of(), micro_batches, tmp_path)

    def slow() -> BaseException:
        time.sleep(1.0)
        return LEFT

    with pytest.raises(SystemExit):
        job("left", stop=slow)
    first = newest(tmp_path / "left" / "kept")[1].seconds
    assert first >= 1.0
    job("left", resume=True)
    assert newest(tmp_path / "left" / "kept")[1].seconds > first


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS])
def test_what_cannot_be_written_names_the_last_whole_one(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    """The folder is as it was, and the run goes on from it."""
    spec = spec_of(checkpoint={"every": {"updates": 1}})
    job, save, count = Job(backend, spec, micro_batches, tmp_path), save_arrays, iter([1, 1])

    def failing(path: Path, arrays: Any) -> None:
        if next(count, None) is None:
            raise OSError(error, os.strerror(error), str(path))
        save(path, arrays)

    monkeypatch.setattr(_files, "save_arrays", failing)
    with pytest.raises(OutputError, match=r"last whole checkpoint is .*update-00000002"):
        job("left")
    monkeypatch.undo()
    job("left", resume=True)
    job("whole")
    assert job.held("left") == job.held("whole")


def test_data_that_have_changed_are_refused(backend: Backend, tmp_path: Path) -> None:
    write_numbers(tmp_path)
    words: dict[str, Any] = {"checkpoints": tmp_path / "kept", "resume": True}
    with pytest.raises(SystemExit):
        train(number_spec(tmp_path), backend.NAME, **words, stop=left_after(2))
    data = tmp_path / "train.csv"
    head, _, *rest = data.read_text(encoding="utf-8").splitlines()
    data.write_text("\n".join([head, rest[-1], *rest, ""]), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"with the data that it began with.*digest"):
        train(number_spec(tmp_path), backend.NAME, **words)
    train(number_spec(tmp_path), backend.NAME, **words, allow_spec_change=True)


def test_what_is_left_counts_what_was_made_before(backend: Backend, tmp_path: Path) -> None:
    write_numbers(tmp_path)
    told: list[str] = []

    class Heard(Observer):
        def interrupted(self, left: str) -> None:
            told.append(left)

    words: dict[str, Any] = {"checkpoints": tmp_path / "kept", "trace": tmp_path / "t.jsonl"}
    for _ in range(2):
        with pytest.raises(SystemExit):
            train(
                number_spec(tmp_path),
                backend.NAME,
                **words,
                resume=True,
                stop=left_after(2),
                observer=Heard(),
            )
    assert "with 2 of " in told[0]
    assert "with 4 of " in told[1]


def test_a_checkpoint_has_its_name_once_it_is_on_the_disk(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file, then the draft that holds them; then the name; then the folder that has it."""
    Job(backend, spec_of(), micro_batches, tmp_path)("run")
    kept, seen = tmp_path / "run" / "kept", list[str]()
    checkpoint, sync, rename = newest(kept)[1], os.fsync, Path.rename

    def synced(opened: int) -> None:
        place = Path(f"/proc/self/fd/{opened}").readlink()
        seen.append(f"sync {place.relative_to(kept)}")
        sync(opened)

    def renamed(path: Path, target: Path) -> Path:
        seen.append(f"name {Path(target).relative_to(kept)}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    made = _files.write(kept, checkpoint).name
    draft = f".dualtrain-draft-{made.rpartition('-')[0]}"
    assert seen[-3:] == [f"sync {draft}", f"name {made}", "sync ."]
    assert sum(one.startswith(f"sync {draft}/") for one in seen[:-3]) >= 2


def test_a_trace_that_was_moved_goes_on_where_it_is(backend: Backend, tmp_path: Path) -> None:
    job = Job(backend, spec_of(), micro_batches, tmp_path)
    job("whole")
    with pytest.raises(SystemExit):
        job("left", stop=left_after(2))
    place, moved = tmp_path / "left" / "trace.jsonl", tmp_path / "left" / "moved.jsonl"
    place.rename(moved)
    job("left", resume=True, trace=moved)
    assert not place.exists()
    moved.rename(place)
    assert job.held("left") == job.held("whole")


def test_a_trace_that_is_gone_is_told_and_the_run_goes_on(backend: Backend, tmp_path: Path) -> None:
    job = Job(backend, spec_of(), micro_batches, tmp_path)
    job("whole")
    with pytest.raises(SystemExit):
        job("left", stop=left_after(2))
    (tmp_path / "left" / "trace.jsonl").unlink()
    with pytest.warns(TrainingWarning, match="is gone: the run goes on without one"):
        job("left", resume=True, trace=None)
    assert not (tmp_path / "left" / "trace.jsonl").exists()
    assert state_of(tmp_path / "left" / "kept") == state_of(tmp_path / "whole" / "kept")


@pytest.mark.parametrize("how", ["cut", "other"])
def test_a_trace_with_other_rows_is_refused(backend: Backend, tmp_path: Path, how: str) -> None:
    """It would have a gap; nothing is changed."""
    job = Job(backend, spec_of(), micro_batches, tmp_path)
    with pytest.raises(SystemExit):
        job("left", stop=left_after(2))
    trace = tmp_path / "left" / "trace.jsonl"
    lines = trace.read_bytes().splitlines(keepends=True)
    damaged = lines[:2] if how == "cut" else [lines[0], lines[2], lines[1], *lines[3:]]
    trace.write_bytes(b"".join(damaged))
    with pytest.raises(TraceError, match="must have what it had when the state was kept"):
        job("left", resume=True)
    assert trace.read_bytes() == b"".join(damaged)


def test_weights_that_are_no_numbers_are_told_of_once(backend: Backend, tmp_path: Path) -> None:
    """Not as the fault of the update that comes next."""
    job = Job(backend, spec_of(optimizer={"name": "adamw", "lr": 1e38}), micro_batches, tmp_path)
    with pytest.warns(TrainingWarning), pytest.raises(SystemExit):
        job("left", stop=left_after(3))
    with pytest.warns(TrainingWarning) as told:
        job("left", resume=True)
    assert [str(one.message) for one in told if one.category is TrainingWarning] == [
        "the run goes on after 3 updates from weights that are no longer numbers: go on from an "
        "older checkpoint, by removing those behind it"
    ]


def test_a_run_that_diverges_keeps_its_newest_numbers(backend: Backend, tmp_path: Path) -> None:
    """However many checkpoints are written behind them, also by a run that goes on."""
    batches = micro_batches()
    batches[3]["x"][:] = np.inf
    often = {"every": {"updates": 1}, "keep": 2}
    spec = spec_of(checkpoint=often, duration={"updates": 8})
    job = Job(backend, spec, lambda: batches, tmp_path)
    kept = tmp_path / "run" / "kept"
    with pytest.warns(TrainingWarning, match="no longer numbers"), pytest.raises(SystemExit):
        job("run", stop=left_after(6))
    assert sorted(one.name[-2:] for one in kept.glob("update-*")) == ["03", "05", "06"]
    with pytest.warns(TrainingWarning, match="by removing those behind it"):
        job("run", resume=True)
    first, *behind = sorted(kept.glob("update-*"))
    assert (first.name, len(behind)) == ("update-00000003", 2)
    for one in behind:
        shutil.rmtree(one)
    weights = newest(kept)[1].state.tensors.weights
    assert all(np.isfinite(array).all() for array in weights.values())


def test_a_copy_of_a_run_leaves_the_trace_of_the_run_alone(
    backend: Backend, tmp_path: Path
) -> None:
    """The copied checkpoints know that trace; the run may have gone on by now."""
    job = Job(backend, spec_of(), micro_batches, tmp_path)
    with pytest.raises(SystemExit):
        job("run", stop=left_after(2))
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    job("run", resume=True)
    trace = tmp_path / "run" / "trace.jsonl"
    whole = trace.read_bytes()
    with pytest.raises(TraceError, match=r"written to .*run.kept: name the trace"):
        job("copy", resume=True, trace=None)
    assert trace.read_bytes() == whole
    job("copy", resume=True)
    assert trace.read_bytes() == whole
    assert job.held("copy") == job.held("run")
