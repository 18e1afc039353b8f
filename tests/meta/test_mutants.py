"""The planted faults are what they say, and who plants them sees what becomes of them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.mutants._mutant import Mutant
from benchmarks.mutants._tree import ROOT
from benchmarks.mutants.faults import AREAS

MUTANTS = {mutant.name: mutant for area in AREAS for mutant in area.mutants}
PAGE = ROOT / "docs" / "mutants.md"
FAST = ("floor that forgives", "Normal is a norm", "deviation of a sample")


def test_there_are_many_and_each_has_its_name() -> None:
    assert len(MUTANTS) == sum(len(area.mutants) for area in AREAS) >= 60


@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_has_its_place_and_is_another_program(name: str) -> None:
    """Where the source has changed, the fault must be written anew."""
    mutant = MUTANTS[name]
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(mutant.planted(text)))


def test_the_page_has_no_other_faults_and_none_that_survives_without_a_reason() -> None:
    """`make mutants` writes it; a fault that is new is not on it until then."""
    rows = re.findall(r"^\| (.+?) \| .+ \| (.+) \| \d+ \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(rows) >= 60
    assert {name for name, _ in rows} <= MUTANTS.keys()
    assert all(bool(MUTANTS[name].survives) == (by == "nobody") for name, by in rows)


@pytest.mark.parametrize("old", ["x = 2", "x"])
def test_a_text_that_does_not_stand_once_is_refused(old: str) -> None:
    mutant = Mutant(name="m", breaks="all", file="a.py", old=old, new="")
    with pytest.raises(ValueError, match=r"must stand once in a.py. Received: (0|2) times"):
        mutant.planted("x = x + 1")


def test_faults_are_planted_and_found() -> None:
    texts = [(ROOT / MUTANTS[name].file).read_text(encoding="utf-8") for name in FAST]
    status, output = mutants(*FAST, "--checks", "1")
    assert (status, output.splitlines()[-1]) == (0, "all 3 as they should be")
    assert texts == [(ROOT / MUTANTS[name].file).read_text(encoding="utf-8") for name in FAST]


WRONG = """
from benchmarks.mutants import __main__ as command
from benchmarks.mutants._mutant import Area, Mutant

def planted(name, new, survives=""):
    file, old = "dualtrain/plan/_plan.py", '"floor": math.floor,'
    return Mutant(name=name, breaks="", file=file, old=old, new=new, survives=survives)

command.AREAS = (
    Area(
        name="wrong",
        mutants=(
            planted("none", '"floor": lambda product: math.floor(product),'),
            planted("none, it is said", '"floor": (math.floor),', "it is none"),
            planted("one, though", '"floor": math.ceil,', "it is said to be none"),
        ),
    ),
)
command.disowned = lambda *_: ["tests/core/test_any.py::test_any"]
raise SystemExit(command.main(["--tests", "tests/core/test_curves.py"]))
"""


def test_who_survives_or_is_found_by_nothing_is_told() -> None:
    status, output = run("-c", WRONG)
    assert status == 1
    assert output.splitlines()[-3:] == [
        "survives: none",
        "is found after all: one, though",
        "fails without a fault: tests/core/test_any.py::test_any",
    ]


def test_a_test_that_fails_anyway_finds_nothing(tmp_path: Path) -> None:
    tests = tmp_path / "tree" / "tests"
    tests.mkdir(parents=True)
    text = "def test_fails():\n    assert False\n\ndef test_passes():\n    pass\n"
    (tests / "test_it.py").write_text(text, encoding="utf-8")
    status, output = run(
        "-c",
        "from pathlib import Path\n"
        "from benchmarks.mutants._results import Result, disowned\n"
        "from benchmarks.mutants._tree import Tree\n"
        "ids = ['tests/test_it.py::test_fails', 'tests/test_it.py::test_passes']\n"
        "found = [Result(name='', new='', found_by=i, seconds=0.0) for i in ids]\n"
        f"print(disowned(found, Tree(Path({str(tmp_path / 'tree')!r})), Path({str(tmp_path)!r})))",
    )
    assert (status, output) == (0, "['tests/test_it.py::test_fails']\n")


def mutants(*arguments: str) -> tuple[int, str]:
    return run("-m", "benchmarks.mutants", *arguments)


def run(*arguments: str) -> tuple[int, str]:
    """Of another process: this one has pytest in it already."""
    command = [sys.executable, "-W", "ignore", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout
