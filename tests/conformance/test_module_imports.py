"""A task's code in several files: what they import of each other is run, kept and told apart."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from dualtrain.backend import Backend
from dualtrain.errors import CheckpointError, DataError, DualtrainError, TrainingWarning
from dualtrain.spec import Spec
from dualtrain.tasks.module._code import Code
from dualtrain.trace import read_trace
from dualtrain.training import predict, train
from tests.conformance.test_checkpoints import left_after
from tests.conformance.test_module_task import OWN, PREDICT, spec_of, write
from tests.forked import forked
from tests.tasks import prepare

READS = """
import numpy as np

SCALE = 1.0

def table(path):
    return SCALE * np.loadtxt(path, delimiter=",", dtype=np.float64)
"""
NETS = OWN.split("    def model")[1].replace("(self, backend)", "net(backend)", 1)
NETS = "def " + NETS.replace("\n    ", "\n").lstrip()
TASK = """
import numpy as np
{reads}

class Make:
    def read(self, path):
        found = table(path)
        return {{"x": found[:, :3], "labels": found[:, 3].astype(np.int32)}}

    def model(self, backend):
        {nets}
        return net(backend)
"""

LAYOUTS = {
    "beside": (
        "task.py",
        ("from reads import table", "import nets; net = nets.net"),
        {"reads.py": READS, "nets.py": NETS},
    ),
    "a folder beside": (
        "task.py",
        ("from parts.reads import table", "from parts.deep.nets import net"),
        {"parts/reads.py": READS, "parts/deep/nets.py": NETS},
    ),
    "a package": (
        "own/task.py",
        ("from .reads import table", "from own.deep import nets; net = nets.net"),
        {
            "own/__init__.py": "",
            "own/reads.py": READS,
            "own/deep/__init__.py": "from ..reads import SCALE",
            "own/deep/nets.py": NETS,
        },
    ),
    "a package's own file": (
        "own/__init__.py",
        ("from own.reads import *", "from .nets import net"),
        {"own/reads.py": READS, "own/nets.py": NETS},
    ),
}


def write_layout(folder: Path, name: str) -> Spec:
    """The layout's files and the data; a spec without the file that nothing imports."""
    folder.mkdir(exist_ok=True)
    write(folder)
    (folder / "task.py").unlink()
    file, (reads, nets), others = LAYOUTS[name]
    code = TASK.format(reads=reads, nets=nets)
    for path, text in {**others, file: code + PREDICT, "unused.py": "1 / 0"}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return spec_of(folder, {"module": f"{file}:Make"}, duration={"updates": 6})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_run_takes_all_that_its_code_imports(
    backend: Backend, tmp_path: Path, layout: str
) -> None:
    """It predicts where the code is gone, and leaves nothing of it in the process."""
    source, moved = tmp_path / "source", tmp_path / "moved"
    spec = write_layout(source, layout)
    before = set(sys.modules)
    score = train(spec, backend.NAME, output=source / "out", trace=source / "t.jsonl")
    file, _, others = LAYOUTS[layout]
    assert read_trace(source / "t.jsonl").header.code.keys() == {file, *others}
    new = {name.partition(".")[0] for name in set(sys.modules) - before}
    assert not new & {"nets", "own", "parts", "reads", "task"}
    assert not list(source.rglob("__pycache__"))
    expected = predict(source / "out", source / "eval.csv")
    (source / "out").rename(moved)
    data = (source / "eval.csv").read_bytes()
    for path in source.rglob("*.py"):
        path.unlink()
    (tmp_path / "eval.csv").write_bytes(data)
    assert predict(moved, tmp_path / "eval.csv") == expected
    assert score is not None
    assert len(expected) == score.examples


def test_code_of_one_name_is_kept_apart(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs in one process, and a module of the process itself that is called the same."""
    mine = type(sys)("reads")
    monkeypatch.setitem(sys.modules, "reads", mine)
    rows = []
    for name, scale in (("a", "1.0"), ("b", "3.0")):
        spec = write_layout(tmp_path / name, "beside")
        reads = tmp_path / name / "reads.py"
        reads.write_text(READS.replace("SCALE = 1.0", f"SCALE = {scale}"), encoding="utf-8")
        rows.append(prepare(spec).train.arrays["x"][0])
    assert rows[1] == pytest.approx(3 * rows[0])
    assert sys.modules["reads"] is mine


def test_changed_code_is_read_anew(tmp_path: Path) -> None:
    """In one process, as in a notebook; within one second, and of the same length."""
    spec = write_layout(tmp_path, "beside")
    first = prepare(spec).train.arrays["x"][0]
    (tmp_path / "reads.py").write_text(READS.replace("SCALE = 1", "SCALE = 2"), encoding="utf-8")
    assert prepare(spec).train.arrays["x"][0] == pytest.approx(2 * first)


def test_what_was_read_is_what_is_run_and_kept(backend: Backend, tmp_path: Path) -> None:
    """A file that is edited while the run goes on changes nothing of it."""
    spec = write_layout(tmp_path, "beside")
    data = prepare(spec)
    (tmp_path / "nets.py").write_text("1 / 0", encoding="utf-8")
    data.save(tmp_path / "prepared")
    loaded = type(data).load(tmp_path / "prepared")
    train(spec, backend.NAME, data=loaded, output=tmp_path / "out")
    assert (tmp_path / "out" / "module.nets.py").read_text(encoding="utf-8") == NETS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import numpi", r"must import what is installed or, by a statement, .*'numpi'.*\.py:1\)"),
        ("import x_y\nx = (", r"task\.py:2: must be Python\. Received: SyntaxError: "),
        ("from .reads import table", r"in a package, a folder with __init__\.py.*task\.py:1\)"),
        ("import bad", r"bad\.py:3: must be Python\. Received: "),
        ("import importlib\nimportlib.import_module('re' + 'ads')", r"by a statement.*'reads'.*:2"),
        ("import fails", r"task\.py must not fail\..*ZeroDivisionError: .*fails\.py:2\)"),
        ("import sys\nsys.exit(0)", r"task\.py must not fail\. Received: SystemExit: 0 \(.*py:2\)"),
        ("exit()", r"task\.py must not fail\. Received: SystemExit: None \(.*task\.py:1\)"),
        ("return", r"task\.py:1: must be Python\. Received: SyntaxError: 'return' outside"),
        ("\0", r"task\.py.*must be Python"),
    ],
)
def test_what_cannot_be_imported_is_told_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    spec = write_layout(tmp_path, "beside")
    (tmp_path / "bad.py").write_text("\n\n)", encoding="utf-8")
    (tmp_path / "fails.py").write_text("\n1 / 0", encoding="utf-8")
    (tmp_path / "task.py").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        prepare(spec)


def test_a_signal_that_comes_while_the_code_runs_ends_the_run(tmp_path: Path) -> None:
    """With its status, as anywhere else."""
    spec = write_layout(tmp_path, "beside")
    (tmp_path / "task.py").write_text("raise SystemExit(128 + 15)", encoding="utf-8")
    with pytest.raises(SystemExit, match="143"):
        prepare(spec)


@pytest.mark.parametrize(
    "file", ["random.py", "types/__init__.py", "queue/task.py", "dualtrain.py"]
)
def test_a_file_called_as_what_others_import_is_refused(tmp_path: Path, file: str) -> None:
    """The frameworks, and dualtrain itself, would find it in that one's place."""
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    for each in (path.parent / "__init__.py" if "/" in file else path, path):
        each.write_text("", encoding="utf-8")
    name = file.partition("/")[0].removesuffix(".py")
    with pytest.raises(DataError, match=rf"{file}: neither the file nor .*\. Received: '{name}'$"):
        Code.of(path)


def test_a_library_is_not_taken_along(tmp_path: Path) -> None:
    """Not one that is installed, though a folder has its name; not Python's own."""
    for path in ("numpy/part.py", "json.py", "pydantic.py", "own.py", "own/part.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("import no_such", encoding="utf-8")
    (tmp_path / "task.py").write_text(
        "import json, numpy.part, own, pydantic, re", encoding="utf-8"
    )
    assert [file.name for file in Code.of(tmp_path / "task.py").files] == ["own.py", "task.py"]


@pytest.mark.parametrize("damage", ["gone", "cut", "other"])
def test_a_run_without_its_code_is_told(backend: Backend, tmp_path: Path, damage: str) -> None:
    spec = write_layout(tmp_path, "beside")
    train(spec, backend.NAME, output=tmp_path / "out")
    file = tmp_path / "out" / ("module.json" if damage == "other" else "module.nets.py")
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"\xff\xfe")
    with pytest.raises(CheckpointError, match=rf"{file.name}: must be .* Received: "):
        predict(tmp_path / "out", tmp_path / "eval.csv")


def test_a_run_goes_on_with_the_code_that_it_began_with(backend: Backend, tmp_path: Path) -> None:
    """Or says which file is another."""
    spec, files = write_layout(tmp_path, "beside"), {"trace": tmp_path / "t.jsonl"}
    words: dict[str, Any] = {**files, "checkpoints": tmp_path / "kept"}
    with pytest.raises(SystemExit):
        train(spec, backend.NAME, **words, stop=left_after(2))
    (tmp_path / "unused.py").write_text("2", encoding="utf-8")
    with pytest.raises(SystemExit):
        train(spec, backend.NAME, **words, resume=True, stop=left_after(2))
    nets = tmp_path / "nets.py"
    nets.write_text(NETS.replace("tanh", "sin"), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"with the code .*Received: another nets\.py$"):
        train(spec, backend.NAME, **words, resume=True)
    with pytest.warns(TrainingWarning, match=r"goes on with another nets\.py"):
        train(spec, backend.NAME, **words, resume=True, allow_spec_change=True)
    trace = read_trace(tmp_path / "t.jsonl")
    assert "the updates before 4 were made with other code: nets.py" in trace.header.notes
    assert len(trace.updates) == 6


def test_several_processes_have_one_code(backend: Backend, tmp_path: Path) -> None:
    """Each machine has its own files: another one is refused before the first update."""
    for rank in ("0", "1"):
        write_layout(tmp_path / rank, "beside")
    with (tmp_path / "1" / "nets.py").open("a", encoding="utf-8") as file:
        file.write("\n# of yesterday\n")

    def refused() -> None:
        spec = spec_of(tmp_path / os.environ["RANK"], {"module": "task.py:Make"})
        with pytest.raises(DualtrainError, match=r"the task.s code must be the same in each: give"):
            train(spec, backend.NAME)

    forked(2, refused)
