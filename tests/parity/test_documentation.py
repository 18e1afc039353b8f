"""Every command and every block of Python in the documents runs as it is printed.

A page has a folder of its own. In it lie `examples/`, the larger one with a smaller model, and
`spec.yaml`, a task that trains in a second; what else a page takes for granted is made in `GIVEN`,
and what it says of its commands' output is in `EXPECTED`.
"""

from __future__ import annotations

import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import dualtrain
from dualtrain.cli import main
from dualtrain.spec import load_spec
from dualtrain.training import train
from tests import twin_models
from tests.documents import PAGES, ROOT, Command, blocks, commands, inline_commands
from tests.tasks import write_task

NOT_RUN = {
    "make": "makes environments: `.ci/run` runs these",
    "pip": "installs",
}
"""Commands that a test cannot run, by their first word, and why."""

SPEC = """\
task:
  name: text_classification
  train: train.csv
  eval: eval.csv
  text: text
  label: label
  model: {family: bert, hidden_size: 16, layers: 1, heads: 2, max_length: 16, dropout: 0}
optimizer: {name: adamw, lr: 5e-3}
schedule: {name: linear}
weight_decay: {value: 0.1, exclude: [bias, norm]}
batch: {size: 8, accumulate: 3}
duration: {epochs: 3}
"""

SMALLER = {
    "hidden_size: 128, layers: 2": "hidden_size: 16, layers: 1",
    "duration: {epochs: 10}": "duration: {epochs: 1}",
}
"""What is changed in the example of two minutes, so that it takes seconds."""

MACHINE = "other-machine"
"""What `scp` copies from, in the README: the folder of that name beside the page's."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm: None) -> Path:
    """The reader's current folder."""
    here = tmp_path / "here"
    shutil.copytree(ROOT / "examples", here / "examples", ignore=shutil.ignore_patterns("data"))
    example = here / "examples" / "text_classification" / "spec.yaml"
    text = example.read_text(encoding="utf-8")
    for printed, smaller in SMALLER.items():
        assert printed in text
        text = text.replace(printed, smaller)
    example.write_text(text, encoding="utf-8")
    (here / "spec.yaml").write_text(SPEC, encoding="utf-8")
    write_task(here)
    for name in ("a", "b"):  # environments
        python = here / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
    monkeypatch.chdir(here)
    return here


def typed(command: Command, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command in the current folder, which must succeed; what it printed."""
    name, *arguments = command.words
    if name == "dualtrain":
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        said = capsys.readouterr()
        assert caught.value.code == 0, f"{command}\n{said.out}{said.err}"
        return said.out
    if name == "scp":
        option, source, to = arguments
        machine, _, path = source.partition(":")
        assert (option, machine) == ("-r", MACHINE)
        shutil.move(Path.cwd().parent / MACHINE / path, to)
        return ""
    assert name == "python", f"{command} is neither run nor one of NOT_RUN"
    run = [sys.executable, *arguments]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout


def rows(table: str) -> list[tuple[str, ...]]:
    """Of each stage of a comparison: its name, its parity, its verdict."""
    words = (re.split(r" {2,}", line.strip()) for line in table.splitlines())
    return [(w[0], w[1], w[-1]) for w in words if len(w) >= 4 and w[-1] in ("agrees", "differs")]


Said = Mapping[str, str]
"""Command -> what it printed."""


def of_readme(said: Said) -> None:
    example = said["dualtrain parity examples/text_classification/spec.yaml"]
    (printed,) = (block.text for block in blocks("README.md", "") if "torch against" in block.text)
    assert rows(example) == rows(printed) != []
    assert " ".join(example.split()).endswith("were judged, each from one state.")
    apart = said["dualtrain diff here/trace.jsonl there/trace.jsonl"]
    assert ("update", "rounding", "agrees") in rows(apart)  # so the weights were carried along


def of_contributing(said: Said) -> None:
    *_, table = said.values()
    assert {parity for _, parity, _ in rows(table)} == {"exact"}


def of_parity(said: Said) -> None:
    tables = {command: rows(table) for command, table in said.items()}
    for command, table in tables.items():
        if command.startswith("dualtrain diff"):
            assert ("learning rate", "exact", "agrees") in table
    (judged,) = (table for command, table in tables.items() if "lockstep" in command)
    assert {("gradients", "rounding", "agrees"), ("rule", "rounding", "agrees")} <= {*judged}


def of_port(said: Said) -> None:
    reads = [printed for command, printed in said.items() if command.startswith("dualtrain read")]
    assert [block.text for block in blocks("docs/port.md", "yaml")] == reads
    ported = said["dualtrain port examples/port/paddle_fine_tuning.py --to torch -o ported"]
    assert [block.text for block in blocks("docs/port.md", "")] == [ported]


def of_tasks(said: Said) -> None:
    assert "torch and paddle agree" in said["dualtrain parity examples/regression/spec.yaml"]
    *_, predicted = said.values()
    assert predicted == "predictions.csv: 200 predictions\n"


def of_twins(said: Said) -> None:
    (printed,) = blocks("docs/twins.md", "yaml")
    assert Path("map.yaml").read_text(encoding="utf-8") == printed.text


def of_write(said: Said) -> None:
    written = [Path(f"train_{backend}.py").read_text("utf-8") for backend in ("torch", "paddle")]
    assert [block.text for block in blocks("docs/write.md", "python")] == written
    (printed,) = blocks("docs/write.md", "yaml")
    assert Path("examples/write/spec.yaml").read_text("utf-8") == printed.text


EXPECTED: dict[str, Callable[[Said], None]] = {
    "CONTRIBUTING.md": of_contributing,
    "README.md": of_readme,
    "docs/parity.md": of_parity,
    "docs/port.md": of_port,
    "docs/tasks.md": of_tasks,
    "docs/twins.md": of_twins,
    "docs/write.md": of_write,
}
"""Page -> what it says of its commands' output, where it is the same everywhere."""


# --- what a page takes for granted


def one_trace() -> dict[str, Any]:
    shutil.copy("spec.yaml", "another.yaml")
    train(load_spec("spec.yaml"), "torch", trace=Path("trace.jsonl"))
    return {}


def from_python() -> dict[str, Any]:
    """The names that the README's 'From Python' leaves."""
    names: dict[str, Any] = {}
    exec(blocks("README.md", "python")[0].text, names)
    return names


def a_trace_of_torch() -> dict[str, Any]:
    names = from_python()
    dualtrain.fit(names["spec"], names["model"], names["batches"], trace="torch.trace.jsonl")
    return {}


def a_saved_folder() -> dict[str, Any]:
    train(load_spec("spec.yaml"), "paddle", output=Path("out"))
    return {}


def two_models() -> dict[str, Any]:
    """Those of the tests, in the reader's module."""
    sys.modules["my_models"] = twin_models
    return {"images": twin_models.IMAGES["x"]}


GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "docs/checkpoints.md": a_saved_folder,
    "docs/parity.md": one_trace,
    "docs/resume.md": from_python,
    "docs/runs.md": from_python,
    "docs/trace.md": a_trace_of_torch,
    "docs/twins.md": two_models,
}
"""Page -> the names that its Python takes for granted; makes the files that it reads."""


# --- all pages


IN_ENGLISH = [page for page in PAGES if page != "README.zh-CN.md"]
"""`tests/core/test_readme.py` holds the other one's blocks to these."""


def elsewhere(command: Command) -> bool:
    """Whether it is typed on the second machine: what trains into `there/`."""
    return "train" in command.words and any(word.startswith("there/") for word in command.words)


@pytest.mark.parametrize("page", [page for page in IN_ENGLISH if commands(page)])
def test_its_commands(page: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second machine is another folder with the same files; only `scp` crosses."""
    GIVEN.get(page, dict)()
    other, said = folder.parent / MACHINE, {}
    shutil.copytree(folder, other)
    for command in commands(page):
        if command.words[0] in NOT_RUN:
            continue
        with pytest.MonkeyPatch.context() as machine:
            machine.chdir(other if elsewhere(command) else folder)
            said[str(command)] = typed(command, capsys)
    if page in EXPECTED:
        EXPECTED[page](said)


INLINE = sorted(
    {
        str(command)
        for page in PAGES
        for command in inline_commands(page)
        if re.search(r"\.\w+$", command.words[-1]) or "--backend" in command.words
    }
)
"""The commands in sentences that name a file; `dualtrain diff A B` and `dualtrain plan` do not."""


@pytest.mark.parametrize("command", INLINE)
def test_a_command_in_a_sentence(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(Command(0, tuple(shlex.split(command))), capsys) != ""


@pytest.mark.parametrize("page", [page for page in IN_ENGLISH if blocks(page, "python")])
def test_its_python(page: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The blocks of a page go on from each other, and from the data that its commands make; its
    tests are called at the end."""
    names = GIVEN.get(page, dict)()
    for command in commands(page):
        if command.words[0] == "python":
            typed(command, capsys)
    for block in blocks(page, "python"):
        source = "\n" * (block.line - 1) + block.text
        exec(compile(source, page, "exec"), names)
    for name in [name for name in names if name.startswith("test_")]:
        names[name]()


def test_from_python_with_paddle(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = re.sub(r"\btorch\b", "paddle", blocks("README.md", "python")[0].text)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["run"].t == 60
    assert "weight 0.01 default 1.0 True\n" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES)
def test_the_names_in_its_sentences(page: str) -> None:
    """`dualtrain.training.train`, and what `from dualtrain_paddle import ...` brings."""
    text = (ROOT / page).read_text(encoding="utf-8")
    dotted = re.findall(r"`(dualtrain(?:_torch|_paddle)?(?!\.json)(?:\.\w+)+)", text)
    imported = re.findall(r"`from (dualtrain\w*) import (\w+)`", text)
    for name in (*dotted, *map(".".join, imported)):
        pkgutil.resolve_name(name)


def test_what_is_expected_or_given_is_needed() -> None:
    assert {page for page in PAGES if commands(page)} >= EXPECTED.keys()
    assert {page for page in PAGES if commands(page) or blocks(page, "python")} >= GIVEN.keys()


# --- what is not run


def test_what_is_not_run_is_there() -> None:
    """The targets of `make`, and the extras that are installed."""
    targets = set(re.findall(r"^([\w.-]+):(?!=)", (ROOT / "Makefile").read_text("utf-8"), re.M))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    used = set()
    for page in PAGES:
        named = re.findall(r"`make ([^`]+)`", (ROOT / page).read_text(encoding="utf-8"))
        assert {word for words in named for word in words.split() if "=" not in word} <= targets, (
            page
        )
    for command in (command for page in PAGES for command in commands(page)):
        if command.words[0] in NOT_RUN:
            used.add(command.words[0])
        if command.words[0] == "make":
            assert {word for word in command.words[1:] if "=" not in word} <= targets, command
        if command.words[0] == "pip":
            extras = ",".join(re.findall(r"\[([\w,-]+)\]", str(command))).split(",")
            known = [re.search(rf"^{extra} = \[", project, re.M) for extra in extras if extra]
            assert None not in known, command
    assert used == NOT_RUN.keys()


def test_the_check_can_fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError, match="neither run nor one of NOT_RUN"):
        typed(Command(1, ("rm", "spec.yaml")), capsys)
    with pytest.raises(AssertionError, match=r"dualtrain check none\.yaml"):
        typed(Command(1, ("dualtrain", "check", "none.yaml")), capsys)
