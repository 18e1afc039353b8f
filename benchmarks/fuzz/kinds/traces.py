"""Traces: two that agree say the same, but for what an agreement may leave out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from zlib import crc32

from safetensors.numpy import load_file, save_file

from benchmarks.fuzz._bytes import changed_line, damaged
from benchmarks.fuzz._call import REFUSED, Answer, call, complaints
from benchmarks.fuzz._kind import Judgement, Kind, damage
from benchmarks.fuzz._meaning import IRRELEVANT_IN_A_FLOOR, ORDER, distance, planless
from benchmarks.fuzz._report import faults_of
from benchmarks.fuzz._trees import quoted
from benchmarks.fuzz._version_2 import rewrite
from benchmarks.fuzz.runs import FLOOR, SPEC, A, B, make_runs

__all__ = ["STATUSES", "Traces", "untrue", "verdict"]

STATUSES = {0: "agrees", 1: "differs", REFUSED: "refused", 4: "no proof"}

NO_SPECS = "spec (not both traces have one)"
"""What is told of a run that followed no spec."""

ODD = {
    "layers.0.bias": "![x](y)|`0`|",
    "layers.0.weight": "<b>&lt;</b> [/x][link=y]~~z~~",
    "output.bias": "\x1b[31m_a_ *b* \u202e",
    "output.weight": "a" * 300,
}
"""A parameter's name -> one that is markup to somebody."""

REPORTED = 16
"""One in so many answers is asked for as a report too, which draws."""


class Traces(Kind):
    """One of two traces of the same run, or the chaos floor beside them, through `diff`."""

    name = "traces"

    def make(self, folder: Path) -> None:
        """Real runs; two of them as version 2 wrote them, one with odd names."""
        make_runs(folder)
        for name in ("averages", "mixed"):
            old = folder / f"{name}-2"
            shutil.copytree(folder / name, old)
            for trace in (A, B):
                rewrite(old / trace)
        shutil.copytree(folder / "averages-2", folder / "names-2")
        _rename(folder / "names-2", ODD)

    def mutate(self, draw: Random, folder: Path) -> str:
        """A change to a value, to the order of lines, to bytes, or to what stands there."""
        return damage(draw, draw.choice(sorted(folder.glob("*.trace.jsonl*"))), _change)

    def judge(self, original: Path, folder: Path) -> Judgement:
        """Both ways round; and either against its own plan, or the spec's."""
        with_floor = (original / FLOOR).exists()
        answer, faults = verdict(folder, with_floor=with_floor)
        status = answer.status
        apart = {name: distance(original / name, folder / name) for name in (A, B)}
        faults += untrue(answer, apart, folder)
        if with_floor:
            faults += _untrue_of_floor(answer, original, folder)
        fars = {far for far, _ in apart.values()}
        changed = [name for name in (A, B) if apart[name][0] != "none"]
        moved = with_floor and distance(original / FLOOR, folder / FLOOR)[0] != "none"
        if not changed and not moved and status != 0:
            faults.append(f"{STATUSES[status]}, though all say what they said")
        if fars <= {"none", "same", "within"} and status == 1:
            faults.append(f"differs, though what changed does not count: {apart}")
        if fars <= {"none", "same", "within"} and not moved and status == 4:
            faults.append(f"no proof, though what changed does not count: {apart}")
        name = max(apart, key=lambda one: ORDER.index(apart[one][0]))
        drawn = crc32(folder.name.encode())
        alone = call("diff", folder / name, *(["--plan", folder / SPEC] if drawn % 2 else []))
        faults += complaints(alone, folder, allowed=STATUSES)
        if drawn % REPORTED == 0:
            faults += _unreported(answer, folder, with_floor=with_floor)
        return Judgement(STATUSES[status], tuple(faults))


def verdict(folder: Path, *, with_floor: bool = False) -> tuple[Answer, list[str]]:
    """The answer to `diff A B`, and what is wrong with it or with that to `diff B A`.

    A floor is of side a, so that with one there is no other way round.
    """
    floor = ("--floor", folder / FLOOR) if with_floor else ()
    one = call("diff", folder / A, folder / B, *floor)
    faults = list(complaints(one, folder, allowed=STATUSES))
    if not with_floor:
        other = call("diff", folder / B, folder / A)
        faults += complaints(other, folder, allowed=STATUSES)
        if one.status != other.status and not faults:
            faults.append(f"diff A B ends with {one.status}, diff B A with {other.status}")
    return (one if one.status in STATUSES else Answer(REFUSED, one.out, one.err)), faults


def untrue(answer: Answer, apart: Mapping[str, tuple[str, str]], folder: Path) -> Iterator[str]:
    """What is wrong with a verdict on two traces, by how far each is from what it was."""
    for name, (far, where) in apart.items():
        if far in ("beyond", "unreadable") and answer.status == 0:
            yield f"agrees, though {name} is changed, {where}"
        if far == "unreadable" and answer.status not in (0, REFUSED):
            yield f"{STATUSES[answer.status]}, though {name} cannot be read"
    told = NO_SPECS in " ".join(answer.out.split())
    if answer.status == 0 and not told and any(planless(folder / name) for name in apart):
        yield "agrees, and does not tell that one has no spec"


def _untrue_of_floor(answer: Answer, original: Path, folder: Path) -> Iterator[str]:
    """A floor is the same run nudged: what else is changed is refused."""
    far, where = distance(original / FLOOR, folder / FLOOR, IRRELEVANT_IN_A_FLOOR)
    if far in ("beyond", "unreadable") and answer.status != REFUSED:
        yield f"{STATUSES[answer.status]}, though the floor is changed, {where}"


def _unreported(answer: Answer, folder: Path, *, with_floor: bool) -> Iterator[str]:
    """What is wrong with the same answer given as a report."""
    floor = ("--floor", folder / FLOOR) if with_floor else ()
    with tempfile.TemporaryDirectory(prefix="dualtrain-fuzz-report-") as temporary:
        report = Path(temporary) / "report"
        again = call("diff", folder / A, folder / B, *floor, "--report", report)
        if again != answer:
            yield f"with --report {again.status}, without {answer.status}: {again.err[:600]}"
        elif answer.status == REFUSED:
            if report.exists():
                yield f"refused, and left {sorted(path.name for path in report.iterdir())}"
        else:
            yield from faults_of(report)


def _rename(folder: Path, names: Mapping[str, str]) -> None:
    """Give parameters other names, in traces and weights."""
    for trace in folder.glob("*.trace.jsonl"):
        text = trace.read_text(encoding="utf-8")
        for old, new in names.items():
            text = text.replace(quoted(old), quoted(new))
        trace.write_text(text, encoding="utf-8")
    for weights in folder.glob("*/*.safetensors"):
        save_file({names[old]: array for old, array in load_file(weights).items()}, weights)


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
