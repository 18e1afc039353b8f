"""The report folder: refused before anything is trained, replaced when all of it is there."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from dualtrain.errors import DataError
from dualtrain.report import REPORT_FILES
from dualtrain.workers._side import files_of, floor_of, is_name

__all__ = ["check_report", "folder_beside", "publish"]

SUMMARY = "summary.json"


def folder_beside(report: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder on the report's own disk, so that moving from one to the other is renaming."""
    report.parent.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=report.parent, prefix=f".{report.name}-")


def check_report(report: Path, names: Iterable[str]) -> None:
    """Refuse what `publish` could not or should not replace.

    names: of the sides that will be published. Raises `DataError`.
    """
    if report.exists() and not report.is_dir():
        raise DataError(f"a report is a folder. Received: {report}, a file")
    earlier = _left_by(report)
    for file in (file for name in names for file in files_of(name)):
        if file not in earlier and (report / file).exists():
            there = (report / SUMMARY).exists()
            why = f"which {SUMMARY!r} does not name" if there else f"but no {SUMMARY!r} in it"
            raise DataError(
                f"a report replaces what an earlier one left, and nothing else. "
                f"Received: {report}, with {file!r}{',' * there} {why}"
            )


def publish(draft: Path, report: Path) -> None:
    """Replace what an earlier run left in the report folder by what this one made.

    The summary first: what it names is replaced by the next run, should this one be cut here.
    """
    report.mkdir(exist_ok=True)
    earlier = (*_left_by(report), *REPORT_FILES)
    (draft / SUMMARY).replace(report / SUMMARY)
    for file in earlier:
        if file == SUMMARY:
            continue
        if (report / file).is_dir():
            shutil.rmtree(report / file)
        else:
            (report / file).unlink(missing_ok=True)
    for entry in draft.iterdir():
        entry.rename(report / entry.name)


def _left_by(report: Path) -> list[str]:
    """What the sides of an earlier run have left, by what its summary names: those alone.

    The summaries of earlier versions name a side by its backend.
    """
    try:
        summary = json.loads((report / SUMMARY).read_text(encoding="utf-8"))
        names = [side.get("name", side["backend"]) for side in summary["sides"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    sides = [name for name in names if is_name(name)]
    return [file for side in sides for name in (side, floor_of(side)) for file in files_of(name)]
