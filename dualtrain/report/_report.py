"""The report folder."""

from __future__ import annotations

import json
from pathlib import Path

from dualtrain.aside import write_aside
from dualtrain.parity import Comparison
from dualtrain.report._plots import plot_comparison
from dualtrain.report._summary import as_dict, markdown

__all__ = ["REPORT_FILES", "write_report"]

REPORT_FILES = ("summary.json", "summary.md", "lr.png", "loss.png", "lockstep.png")
"""What `write_report` may write."""


def write_report(folder: Path, comparison: Comparison) -> None:
    """Write summary.json, summary.md and lr.png into `folder`; if there were updates, loss.png, and
    lockstep.png if any was judged in lockstep.

    Each file is written aside and renamed; the folder is made if needed.
    """
    _write_text(folder / "summary.json", json.dumps(as_dict(comparison), indent=2) + "\n")
    _write_text(folder / "summary.md", markdown(comparison))
    plot_comparison(folder, comparison)


def _write_text(path: Path, text: str) -> None:
    with write_aside(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
