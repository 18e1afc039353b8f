"""docs/gpu.md tells of runs on a GPU, and of nothing else."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "gpu.md").read_text(encoding="utf-8")
MAKER = runpy.run_path(str(DOCS / "make_gpu_table.py"))

REPORT: dict[str, Any] = {
    "device": "NVIDIA H100",
    "versions": {"torch": "2.11.0", "CUDA": "13.0"},
    "seconds": 123.4,
    "parts": [
        {
            "where": "tests/gpu/test_fused.py",
            "title": "Fused optimizers",
            "measured": {"adam, from the rule": "4.8e-07"},
            "passed": 4,
            "failed": [],
            "not run": 0,
            "seconds": 5.4,
        },
        {
            "where": "tests/conformance",
            "title": "the conformance suite",
            "measured": {},
            "passed": 1500,
            "failed": [f"tests/conformance/test_clip.py::test_{n}" for n in range(22)],
            "not run": 1,
            "seconds": 90.0,
        },
    ],
}
TABLE = """\
NVIDIA H100; torch 2.11.0, CUDA 13.0. 123 seconds in all.

| what ran | where | result | seconds |
|---|---|---|---|
| Fused optimizers | `tests/gpu/test_fused.py` | 4 passed | 5 |
| the conformance suite | `tests/conformance` | 1500 passed, **22 failed**, 1 not run | 90 |

| measured | |
|---|---|
| adam, from the rule | 4.8e-07 |

Failed:

- `tests/conformance/test_clip.py::test_0`
"""


def test_the_page_has_a_place_for_the_newest_run() -> None:
    by_hand, heading, newest = PAGE.partition(MAKER["HEADING"])
    assert heading
    assert newest.strip()
    assert ("Nothing yet" in by_hand) == newest.startswith("None.")


def test_a_run_takes_the_place_of_the_one_before() -> None:
    """Twice, to the letter; what is above is left as it is."""
    page = MAKER["written"](PAGE, REPORT)
    by_hand, _, newest = page.partition(MAKER["HEADING"])
    assert PAGE.startswith(by_hand)
    assert newest.startswith(TABLE)
    assert newest.endswith("::test_19`\n- and 2 more\n")
    assert MAKER["written"](page, REPORT) == page


def test_a_page_without_the_heading_is_refused() -> None:
    with pytest.raises(ValueError, match="must have the heading '## The newest run'"):
        MAKER["written"]("# Another page\n", REPORT)


def test_a_dry_run_is_printed_and_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, report = tmp_path / "gpu.md", tmp_path / "gpu.json"
    page.write_text(PAGE, encoding="utf-8")
    report.write_text(json.dumps(REPORT | {"device": "cpu"}), encoding="utf-8")
    assert MAKER["main"]([str(report)], page) == 2
    assert "print a dry run with --print. Received:" in capsys.readouterr().err
    assert MAKER["main"]([str(report), "--print"], page) == 0
    assert "| Fused optimizers |" in capsys.readouterr().out
    assert page.read_text(encoding="utf-8") == PAGE
    report.write_text(json.dumps(REPORT), encoding="utf-8")
    assert MAKER["main"]([str(report)], page) == 0
    assert "NVIDIA H100" in page.read_text(encoding="utf-8")
