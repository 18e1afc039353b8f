"""Folders that a run has left: it goes on from the newest whole checkpoint, or is refused."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file

from benchmarks.fuzz._bytes import changed_json, changed_line, damaged
from benchmarks.fuzz._call import REFUSED, Answer, answer_of, complaints
from benchmarks.fuzz._kind import Judgement, Kind, damage
from benchmarks.fuzz._trees import changed, parsed, tree_of, written
from benchmarks.fuzz.kinds.weights import changed_tensors
from benchmarks.fuzz.runs import LEFT, OTHER, SPEC, A, make_left
from dualtrain.spec import load_spec
from dualtrain.trace import header_of_rows
from dualtrain.training.turns._kept import Kept, kept_in

__all__ = ["Left"]

ARRAYS, DOCUMENT = "state.safetensors", "checkpoint.json"
NAME = re.compile(r"update-([0-9]{8,})(?:-([0-9]+))?")


class Whole(NamedTuple):
    """A checkpoint that is what a run has written."""

    path: Path
    document: Mapping[str, Any]
    is_own: bool
    """Whether it is of the run itself, and not of one by another spec."""


class Left(Kind):
    """A run's checkpoints and its trace, as `--resume` opens them before a framework is there."""

    name = "left"

    def make(self, folder: Path) -> None:
        """Real runs, each with checkpoints of the other one beside."""
        make_left(folder)

    def mutate(self, draw: Random, folder: Path) -> str:
        """A change to a file or to what stands there; another's file; a folder changed."""
        kept = sorted(path for path in (folder / LEFT).glob("update-*") if path.is_dir())
        if not kept:
            return "nothing more"
        here, what = draw.choice(kept), draw.random()
        if what < 0.2:
            return _moved(draw, here, sorted((folder / OTHER).glob("update-*")))
        if what < 0.3:
            return _exchanged(draw, here, draw.choice(kept))
        if what < 0.4:
            return damage(draw, folder / A, _change)
        return damage(draw, here / draw.choice((ARRAYS, DOCUMENT)), _change)

    def judge(self, original: Path, folder: Path) -> Judgement:
        """Which checkpoint is gone on from, what is read of it, and the rows of the trace."""
        read: list[Kept] = []
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            answer = answer_of(lambda: read.append(_opened(folder)))
        faults = list(complaints(answer, folder, allowed=(0, REFUSED)))
        for warning in told:
            faults += complaints(Answer(REFUSED, "", str(warning.message)), folder, allowed=(2,))
        if any(_is_signed_anew(path, original) for path in (folder / LEFT).glob("*/*.json")):
            return Judgement("signed anew", tuple(faults))
        newest = _newest(original, folder)
        wanted = 0 if newest is not None and newest.is_own else REFUSED
        if answer.status != wanted:
            faults.append(f"status {answer.status}, though whole is {newest}: {answer.err[:600]}")
        if answer.status or newest is None:
            return Judgement("refused", tuple(faults))
        faults += _unlike(newest, read[0], " ".join(str(one.message) for one in told))
        faults += _rows(original, folder, read[0])
        return Judgement("gone on from", tuple(faults))


def _opened(folder: Path) -> Kept:
    where: Any = {"resume": True, "allow_spec_change": False, "trace": folder / A}
    with kept_in(folder / LEFT, load_spec(folder / SPEC), **where) as kept:
        return kept


def _change(draw: Random, data: bytes, path: Path) -> tuple[bytes, str]:
    if path.suffix == ".safetensors":
        return changed_tensors(draw, data, path)
    if path.suffix == ".jsonl":
        return changed_line(draw, data) if draw.random() < 0.5 else damaged(draw, data)
    what = draw.random()
    if what < 0.3:
        return _signed_anew(draw, data)
    return changed_json(draw, data) if what < 0.7 else damaged(draw, data)


def _signed_anew(draw: Random, data: bytes) -> tuple[bytes, str]:
    """A changed document with the digest that it should have."""
    try:
        tree, told = changed(draw, tree_of(json.dumps(parsed(data)["checkpoint"])))
        document = json.loads(written(tree))
    except (ValueError, LookupError, TypeError, RecursionError):  # changed before
        return damaged(draw, data)
    signed = {"sha256": _digest(document), "checkpoint": document}
    return json.dumps(signed).encode(), f"{told}, signed anew"


def _moved(draw: Random, here: Path, others: list[Path]) -> str:
    """Another folder, or none, in a checkpoint's place, or the same one by another name."""
    what = draw.choice(("left out", "a file", "a link", "another run's", "empty", "renamed"))
    if what == "renamed":
        new = draw.choice(("update-00000099", "update-99", f"{here.name}-1", "update-x", "old"))
        if not (here.parent / new).exists():
            here.rename(here.parent / new)
        return f"{here.name} is {new}"
    if what == "a link":
        moved = here.rename(here.parent.with_name("moved"))
        here.symlink_to(moved)
        return f"{here.name} is a link"
    shutil.rmtree(here) if not here.is_symlink() else here.unlink()
    if what == "a file":
        here.write_bytes(b"x")
    elif what == "empty":
        here.mkdir()
    elif what == "another run's":
        shutil.copytree(draw.choice(others), here)
    return f"{here.name} is {what}"


def _exchanged(draw: Random, one: Path, other: Path) -> str:
    name = draw.choice((ARRAYS, DOCUMENT))
    if (other / name).is_file() and one != other and one.is_dir():
        (one / name).unlink(missing_ok=True)
        shutil.copyfile(other / name, one / name)
    return f"{one.name}/{name} is that of {other.name}"


def _digest(document: Any) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _plain(path: Path) -> str | None:
    """A JSON file in one form; None for what is none."""
    try:
        return json.dumps(parsed(path.read_bytes()), sort_keys=True) if path.is_file() else None
    except (OSError, ValueError):
        return None


def _known(original: Path) -> dict[str, bool]:
    """Each document that a run has written -> whether it is of the run itself."""
    paths = [(path, path.parent.parent.name == LEFT) for path in original.glob(f"*/*/{DOCUMENT}")]
    return {str(_plain(path)): is_own for path, is_own in paths}


def _is_signed_anew(path: Path, original: Path) -> bool:
    """A document that no run has written, with its right digest: nothing tells it from one."""
    text = _plain(path)
    if text is None or text in _known(original):
        return False
    signed = json.loads(text)
    return isinstance(signed, dict) and signed.get("sha256") == _digest(signed.get("checkpoint"))


def _newest(original: Path, folder: Path) -> Whole | None:
    """The last by number that has a document as it was written, and the arrays that it names."""
    known, found = _known(original), list[tuple[int, int, Whole]]()
    for path in (folder / LEFT).iterdir():
        named, text = NAME.fullmatch(path.name), _plain(path / DOCUMENT)
        arrays = path / ARRAYS
        if named is None or text not in known or text is None or not arrays.is_file():
            continue
        document = json.loads(text)["checkpoint"]
        digest = hashlib.sha256(arrays.read_bytes()).hexdigest()
        if digest == document["files"][ARRAYS]["sha256"]:
            whole = Whole(path, document, known[text])
            found.append((int(named[1]), int(named[2] or 0), whole))
    return max(found, key=lambda one: one[:2])[2] if found else None


def _unlike(newest: Whole, kept: Kept, told: str) -> Iterator[str]:
    """Where what is gone on from is not the newest whole one, or not all of it."""
    keeper, resumed = kept.keeper, kept.resumed
    assert keeper is not None and resumed is not None, "it is gone on from a checkpoint"
    if keeper.path != newest.path:
        yield f"gone on from {keeper.path}, whole is {newest.path}"
        return
    document = {k: v for k, v in newest.document.items() if k not in ("version", "files")}
    if json.loads(json.dumps(resumed.document())) != document:
        yield f"read is {resumed.document()!r:.600}, there is {document!r:.600}"
    arrays, there = resumed.arrays(), load_file(newest.path / ARRAYS)
    differ = [n for n in there if n not in arrays or not np.array_equal(arrays[n], there[n])]
    if differ or len(arrays) != len(there):
        yield "the arrays that are read are not those of the file"
    for path in newest.path.parent.iterdir():
        named = NAME.fullmatch(path.name)
        if named and path.name > newest.path.name and path.name not in told:
            yield f"{path.name} is passed over, and nobody is told"


def _rows(original: Path, folder: Path, kept: Kept) -> Iterator[str]:
    """Where a trace with other rows is gone on with, or one with the same is not."""
    mark = kept.resumed.trace if kept.resumed is not None else None
    assert mark is not None, "the run has a trace"
    trace, before = folder / A, original / A
    answer = answer_of(lambda: header_of_rows(trace, mark))
    yield from complaints(answer, folder, allowed=(0, REFUSED))
    content = trace.read_bytes() if trace.is_file() else b""
    head, _, rows = content.partition(b"\n")
    own_head, _, own_rows = before.read_bytes().partition(b"\n")
    if answer.status == 0 and rows[: mark.size] != own_rows[: mark.size]:
        yield "a trace with other rows is gone on with"
    if answer.status and head == own_head and rows[: mark.size] == own_rows[: mark.size]:
        yield f"a trace with the same rows is refused: {answer.err[:600]}"
