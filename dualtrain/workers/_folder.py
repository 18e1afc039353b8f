"""The report folder: refused before anything is trained, replaced when all of it is there.

It is put together in a draft inside it, with the jobs and logs of the workers beside.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from dualtrain.files import parse_json, read_bytes
from dualtrain.outputs import check_apart, check_folder
from dualtrain.report import REPORT_FILES
from dualtrain.workers._side import MOST_NUDGES, files_of, floor_of, is_name

__all__ = ["REPORT", "check_report", "publish"]

REPORT = "a report"

SUMMARY = "summary.json"


def check_report(
    report: Path, names: Iterable[str] = (), inputs: Mapping[str, Path] | None = None
) -> None:
    """Refuse what `publish` could not or should not replace.

    names: of the sides that will be published. inputs: what is read, by what it is called. Raises
    `OutputError`.
    """
    own = [*(file for name in names for file in files_of(name)), *REPORT_FILES]
    check_folder(report, REPORT, own, left=_left_by(report), manifest=SUMMARY)
    check_apart(report, REPORT, inputs or {})
    for file in own:
        check_apart(report / file, REPORT, inputs or {}, whole=True)


def publish(draft: Path, report: Path) -> None:
    """Replace what an earlier run left in the report folder by what this one made.

    The summary first: what it names is replaced by the next run, should this one be cut here.
    """
    earlier = _left_by(report)
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

    The summaries of earlier versions name a side by its backend; one of another kind is not read.
    """
    try:
        summary = parse_json(read_bytes(report / SUMMARY))
        names = [side.get("name", side["backend"]) for side in summary["sides"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    sides = [name for name in names if is_name(name)]
    again = [floor_of(side, n) for side in sides for n in range(1, MOST_NUDGES + 1)]
    named = [file for name in (*sides, *again) for file in files_of(name)]
    return [*named, *REPORT_FILES]
