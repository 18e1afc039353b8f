"""A parity run: both sides train at the same time, each in its own process, then are compared.

refuse what every side would -> prepare the data once -> start the workers -> all ready, each having
refused what only it can know: prove that they start alike -> "go" -> all done: compare the traces
-> write the report
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from rich.console import Console

from dualtrain.errors import DataError, LedgerError, WorkerError
from dualtrain.parity import Comparison, compare_files, compare_headers
from dualtrain.report import REPORT_FILES, write_report
from dualtrain.sides._process import Done, Event, Failed, Progressed, Ready, Worker
from dualtrain.sides._progress import ProgressBars
from dualtrain.spec import Spec
from dualtrain.trace import Header
from dualtrain.training import check_before, expected_ledger, task_of
from dualtrain.worker import Job

__all__ = ["run_parity", "without_randomness"]

SIDES = ("torch", "paddle")
FLOOR = "torch-nudged"
"""The first side once more, with one weight matrix moved by 1 ULP: the chaos floor."""
CANONICAL = SIDES[0]
"""The side whose models are transformers', so that its own names of parameters are the canonical
ones: what its rules by substring name is known without it."""


def run_parity(
    spec: Spec,
    *,
    report: Path,
    pythons: Mapping[str, str | Path] | None = None,
    floor: bool = False,
    console: Console | None = None,
) -> Comparison:
    """Train both sides of the spec's task, compare them and write the report folder.

    pythons: backend -> the interpreter that runs it, as a shell would take it: one without a
        folder is looked up in PATH, so `./python` must be text. This one when absent.
    floor: measure the chaos floor too, with a third run.

    If the sides do not start alike (weights, or output on the first batch) nothing is trained.
    What every side would refuse is refused before any is started, as `train` refuses it.
    Raises `WorkerError` if a side fails; nothing half-written is left in the report folder then.
    Raises `DataError` for a report folder that is none, or holds what no earlier run has left.
    """
    spec = without_randomness(spec)
    report = report.resolve()
    _check_report(report)
    _check_rules(spec)
    check_before(spec)
    names = [*SIDES, *([FLOOR] if floor else [])]
    report.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(_aside(report)))
        made = scratch / "report"
        task_of(spec).prepare(spec.folder).save(scratch / "data")
        events: SimpleQueue[Event] = SimpleQueue()
        workers = []
        for name in names:
            job = _job(name, spec, scratch)
            python = (pythons or {}).get(job.backend) or sys.executable
            workers.append(stack.enter_context(Worker(name, job, python, scratch, events)))
        headers = _until_ready(len(names), events)
        comparison = compare_headers(*(headers[name] for name in SIDES))
        if comparison.starts_alike:
            for worker in workers:
                worker.go()
            _until_done(names, events, console or Console())
            comparison = compare_files(*(_trace(made, name) for name in names))
        write_report(made, comparison)
        _publish(made, report)
    return comparison


def _check_rules(spec: Spec) -> None:
    """Refuse the rules about parameters by which the side with the canonical names would not start.

    `exclude_substrings: [norm]` is such a rule: PaddleNLP has `norm1`, transformers `LayerNorm`.
    """
    try:
        expected_ledger(spec)
    except LedgerError as error:
        told = ""
        if spec.weight_decay is not None and "substring" in str(error):
            told = f"the {CANONICAL} side, on Hugging Face's names: "
        raise LedgerError(f"{told}{error}") from None


def without_randomness(spec: Spec) -> Spec:
    """The spec with nothing random in training: masks cannot match across frameworks."""
    return spec.model_copy(update={"task": task_of(spec).without_randomness()})


def _aside(report: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder on the report's own disk, so that moving from one to the other is renaming."""
    return tempfile.TemporaryDirectory(dir=report.parent, prefix=f".{report.name}-")


def _check_report(report: Path) -> None:
    """Refuse, before anything is trained, what `_publish` could not or should not replace."""
    if report.exists() and not report.is_dir():
        raise DataError(f"a report is a folder. Received: {report}, a file")
    found = [side for side in (*SIDES, FLOOR) if (report / side).exists()]
    if found and not (report / "summary.json").exists():
        raise DataError(
            f"a report replaces what an earlier one left, and nothing else. "
            f"Received: {report}, with {found[0]!r} but no 'summary.json' in it"
        )


def _publish(made: Path, report: Path) -> None:
    """Replace what an earlier run left in the report folder by what this one made."""
    report.mkdir(exist_ok=True)
    sides = [name for side in (*SIDES, FLOOR) for name in (side, f"{side}.trace.jsonl")]
    for name in (*sides, *REPORT_FILES):
        if (report / name).is_dir():
            shutil.rmtree(report / name)
        else:
            (report / name).unlink(missing_ok=True)
    for entry in made.iterdir():
        entry.rename(report / entry.name)


def _job(name: str, spec: Spec, scratch: Path) -> Job:
    made = scratch / "report"
    return Job(
        backend=SIDES[0] if name == FLOOR else name,
        spec=spec.model_dump_json(),
        source=replace(spec.source, folder=spec.folder.resolve()).dump(),
        data=str(scratch / "data"),
        trace=str(_trace(made, name)),
        output=str(made / name),
        nudge=name == FLOOR,
    )


def _trace(folder: Path, name: str) -> Path:
    return folder / f"{name}.trace.jsonl"


def _until_ready(sides: int, events: SimpleQueue[Event]) -> dict[str, Header]:
    """Every side's header, once all stand before their first update."""
    headers: dict[str, Header] = {}
    floor: Failed | None = None
    while len(headers) < sides:
        match events.get():
            case Ready(side, header):
                headers[side] = header
            case Failed() as failed if failed.side == FLOOR:
                floor = failed  # the same side will say the same, in its own name
            case Failed(side, message):
                raise WorkerError(f"the {side} side could not start: {message}")
        if floor is not None and SIDES[0] in headers:
            raise WorkerError(f"{_NUDGED} could not start: {floor.message}")
    return headers


_NUDGED = f"the {SIDES[0]} side, run once more for the floor,"


def _until_done(names: Sequence[str], events: SimpleQueue[Event], console: Console) -> None:
    """Draw a bar for each side until the last one is done."""
    running = set(names)
    with ProgressBars(names, console) as bars:
        while running:
            match events.get():
                case Progressed(side, done, total, loss):
                    bars.show(side, done, total, loss)
                case Done(side):
                    running.remove(side)
                case Failed(side, message):
                    who = _NUDGED if side == FLOOR else f"the {side} side"
                    raise WorkerError(f"{who} failed: {message}")
