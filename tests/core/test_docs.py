"""The generated pages are what their generators write from the code as it is."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_up_to_date() -> None:
    reference = runpy.run_path(str(DOCS / "make_spec_reference.py"))["reference"]
    assert (DOCS / "spec.md").read_text(encoding="utf-8") == reference()


def test_the_dialects_are_up_to_date() -> None:
    page = runpy.run_path(str(DOCS / "make_dialects.py"))["page"]
    assert (DOCS / "dialects.md").read_text(encoding="utf-8") == page()


def test_the_hazards_are_up_to_date() -> None:
    page = runpy.run_path(str(DOCS / "make_hazard_table.py"))["page"]
    assert (DOCS / "port.md").read_text(encoding="utf-8") == page()
