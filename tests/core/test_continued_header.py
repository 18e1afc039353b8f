"""What the header of a trace says of rows that another side, or other code, has made."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from dualtrain.trace import Header, TraceMark
from dualtrain.training.run._header import continued
from tests.traces import make_trace, write_trace

FIRST = replace(make_trace("torch").header, code={"nets.py": "0a"})
OTHER = replace(FIRST, code={"nets.py": "1b"})


def gone_on(path: Path, old: Header, new: Header, updates: int = 4) -> Header:
    write_trace(path, replace(make_trace("torch"), header=old))
    none = hashlib.sha256().hexdigest()
    return continued(new, TraceMark(file=str(path), size=0, sha256=none, updates=updates))


def test_other_code_is_told_once_and_beside_another_side(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    told = gone_on(path, FIRST, OTHER)
    code = "the updates before 4 were made with other code: nets.py"
    assert told.notes == (*OTHER.notes, code)
    assert gone_on(path, told, OTHER).notes == told.notes
    paddle = replace(make_trace("paddle").header, code=OTHER.code)
    *_, first, second = gone_on(path, told, paddle).notes
    assert first == code
    assert second.startswith("the updates before 4 were made by torch ")


def test_where_nobody_has_made_an_update_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert gone_on(tmp_path / "run.jsonl", FIRST, OTHER, updates=0).notes == OTHER.notes
