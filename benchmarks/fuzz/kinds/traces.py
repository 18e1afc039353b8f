"""Traces: two that agree say the same, but for what an agreement may leave out."""

from __future__ import annotations

from pathlib import Path
from random import Random
from zlib import crc32

from benchmarks.fuzz._bytes import changed_line, damaged
from benchmarks.fuzz._call import REFUSED, call, complaints
from benchmarks.fuzz._kind import Judgement, Kind, damage
from benchmarks.fuzz._meaning import ORDER, distance
from benchmarks.fuzz.runs import SPEC, A, B, make_runs

__all__ = ["STATUSES", "Traces", "verdict"]

STATUSES = {0: "agrees", 1: "differs", REFUSED: "refused", 4: "no proof"}


class Traces(Kind):
    """One of two traces of the same run, through `diff`."""

    name = "traces"

    def make(self, folder: Path) -> None:
        """Real runs."""
        make_runs(folder)

    def mutate(self, draw: Random, folder: Path) -> str:
        """A change to a value, to the order of lines, to bytes, or to what stands there."""
        return damage(draw, folder / draw.choice((A, B)), _change)

    def judge(self, original: Path, folder: Path) -> Judgement:
        """Both ways round; and either against its own plan, or the spec's."""
        answer, faults = verdict(folder)
        apart = {name: distance(original / name, folder / name) for name in (A, B)}
        for name, (far, where) in apart.items():
            if far in ("beyond", "unreadable") and answer == 0:
                faults.append(f"agrees, though {name} is changed, {where}")
            if far == "unreadable" and answer not in (0, REFUSED):
                faults.append(f"{STATUSES[answer]}, though {name} cannot be read")
        fars = {far for far, _ in apart.values()}
        if fars == {"none"} and answer != 0:
            faults.append(f"{STATUSES[answer]}, though both say what they said")
        if fars <= {"none", "same", "within"} and answer not in (0, REFUSED):
            faults.append(f"{STATUSES[answer]}, though what changed does not count: {apart}")
        name = max(apart, key=lambda one: ORDER.index(apart[one][0]))
        with_plan = crc32(folder.name.encode()) % 2
        alone = call("diff", folder / name, *(["--plan", folder / SPEC] if with_plan else []))
        faults += complaints(alone, folder, allowed=STATUSES)
        return Judgement(STATUSES[answer], tuple(faults))


def verdict(folder: Path) -> tuple[int, list[str]]:
    """The status of `diff A B`, and what is wrong with the answer or with that of `diff B A`."""
    one, other = call("diff", folder / A, folder / B), call("diff", folder / B, folder / A)
    faults = list(complaints(one, folder, allowed=STATUSES))
    faults += complaints(other, folder, allowed=STATUSES)
    if one.status != other.status and not faults:
        faults.append(f"diff A B ends with {one.status}, diff B A with {other.status}")
    return (one.status if one.status in STATUSES else REFUSED), faults


def _change(draw: Random, data: bytes, path: Path) -> tuple[bytes, str]:
    what = draw.random()
    if what < 0.25:
        return damaged(draw, data)
    if what < 0.35:
        return _lines(draw, data, path)
    if what < 0.6:
        head, end, rest = data.partition(b"\n")
        changed, told = changed_line(draw, head + end)
        return changed + rest, told
    return changed_line(draw, data)


def _lines(draw: Random, data: bytes, path: Path) -> tuple[bytes, str]:
    lines = data.splitlines(keepends=True) or [b"\n"]
    at, to = draw.randrange(len(lines)), draw.randrange(len(lines) + 1)
    match draw.randrange(4):
        case 0:
            return b"".join(lines[:at]), f"cut before line {at + 1}"
        case 1:
            return b"".join([*lines[:at], *lines[at + 1 :]]), f"line {at + 1} left out"
        case 2:
            return b"".join(
                [*lines[:to], lines[at], *lines[to:]]
            ), f"line {at + 1} again at {to + 1}"
        case _:
            lines.insert(to, lines.pop(at))
            return b"".join(lines), f"line {at + 1} becomes line {to + 1}"
