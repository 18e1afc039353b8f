"""What the fuzzers hold answers against must object: to reports, floors and what is not told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fuzz._call import Answer
from benchmarks.fuzz._meaning import IRRELEVANT_IN_A_FLOOR, distance
from benchmarks.fuzz._report import faults_of
from benchmarks.fuzz._version_2 import rewrite
from benchmarks.fuzz.kinds.traces import untrue
from dualtrain.parity import compare, compare_files
from dualtrain.report import write_report
from dualtrain.trace import read_trace
from tests.traces import make_trace, with_parameter, with_update, without_plan, write_trace

ODD = "[b](c) <i>|`_x_`|"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Of two runs whose first parameter has an odd name, and another decay on one side."""
    a = with_parameter(make_trace(), "dense.bias", name=ODD)
    header = replace(a.header, notes=(f"a note of {ODD}",), plan=None)
    a = replace(a, header=header)
    write_report(tmp_path, compare(a, with_parameter(a, ODD, effective_decay=0.5)))
    return tmp_path


def test_a_report_that_reads_as_it_says_is_right(report: Path) -> None:
    assert ODD in (report / "summary.json").read_text(encoding="utf-8")
    assert list(faults_of(report)) == []


SPOILT: dict[str, tuple[Callable[[str], str], str]] = {
    "a name that stands as it is": (
        lambda text: text.replace("\\", ""),
        "summary.md has ['code_inline', 'html_inline', 'link_",
    ),
    "a name that is left out": (lambda text: text.replace("\\_x\\_", ""), "details in summary.md"),
    "a row that is left out": (
        lambda text: "".join(
            line for line in text.splitlines(keepends=True) if not line.startswith("| loss")
        ),
        "stages in summary.md",
    ),
    "a remark too many": (lambda text: text.replace("\n\n- ", "\n\n- x\n- "), "remarks in"),
    "another title": (lambda text: text.replace("# torch", "# paddle"), "title in summary.md"),
    "another sentence": (lambda text: text.replace(" differ. ", " agree. "), "sentence in"),
    "an escape sequence": (lambda text: text.replace("note", "\x1b[2J"), "raw characters in"),
}
"""What is wrong -> how the summary is made so, and what must be said of it."""


@pytest.mark.parametrize("fault", SPOILT)
def test_a_report_that_reads_otherwise_is_found(fault: str, report: Path) -> None:
    spoil, told = SPOILT[fault]
    path = report / "summary.md"
    before = path.read_text(encoding="utf-8")
    assert spoil(before) != before
    path.write_text(spoil(before), encoding="utf-8")
    found = list(faults_of(report))
    assert any(told in one for one in found), found


@pytest.mark.parametrize(
    ("changes", "far"),
    [
        ({"loss": 9.0, "grad_norm": 9.0}, "same"),
        ({"lr": 9.0}, "beyond"),
        ({"batches": ("1", "2")}, "beyond"),
    ],
)
def test_a_floor_may_be_apart_in_what_it_measures(
    changes: dict[str, Any], far: str, tmp_path: Path
) -> None:
    before = write_trace(tmp_path / "a", make_trace())
    after = write_trace(tmp_path / "b", with_update(make_trace(), 2, **changes))
    assert distance(before, after, IRRELEVANT_IN_A_FLOOR)[0] == far
    assert distance(before, after)[0] == "beyond"


def test_a_run_without_a_spec_must_be_told(tmp_path: Path) -> None:
    """And is as far away as what it did."""
    whole = write_trace(tmp_path / "whole", make_trace())
    bare = write_trace(tmp_path / "bare", without_plan(make_trace()))
    assert distance(whole, bare)[0] == "same"
    other = write_trace(tmp_path / "other", without_plan(with_update(make_trace(), 2, lr=9.0)))
    assert distance(whole, other)[0] == "beyond"
    apart = {"bare": distance(whole, bare), "whole": ("none", "")}
    silent, told = Answer(0, "", ""), Answer(0, "spec (not both\ntraces have one)", "")
    assert list(untrue(silent, apart, tmp_path)) == [
        "agrees, and does not tell that one has no spec"
    ]
    assert not list(untrue(told, apart, tmp_path))


def test_a_trace_rewritten_in_version_2_is_of_the_same_run(tmp_path: Path) -> None:
    a, b = (write_trace(tmp_path / name, make_trace()) for name in "ab")
    rewrite(b)
    assert json.loads(b.read_text(encoding="utf-8").partition("\n")[0])["version"] == 2
    assert read_trace(b).updates == read_trace(a).updates
    assert compare_files(a, b).agrees
    c = write_trace(tmp_path / "c", with_update(make_trace(), 2, lr=9.0))
    rewrite(c)
    assert distance(b, c)[0] == "beyond"
