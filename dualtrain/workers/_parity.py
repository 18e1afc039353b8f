"""A parity run: all sides train at the same time, each in its own process, and two are compared.

refuse what every side would -> prepare the data once -> start the workers -> all ready, each having
refused what only it can know: prove that they start alike -> go -> each of the two that is done
follows the first one's updates, which are judged -> all done: compare the traces -> write the
report
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from dualtrain.errors import LedgerError
from dualtrain.lockstep import Judged, told
from dualtrain.outputs import check_room, drafted
from dualtrain.parity import Comparison, compare_files, compare_headers
from dualtrain.printable import printable
from dualtrain.report import REPORT_FILES, check_plots, write_report
from dualtrain.spec import Spec
from dualtrain.trace import Header
from dualtrain.training import (
    check_before,
    expected_ledger,
    inputs_of,
    model_config,
    task_of,
    weights_size,
)
from dualtrain.workers._folder import REPORT, check_report, publish
from dualtrain.workers._judging import Judging, every_for
from dualtrain.workers._process import Workers
from dualtrain.workers._progress import ProgressBars
from dualtrain.workers._side import DEFAULT_SIDES, Side, check_sides, files_of
from dualtrain.workers._signals import Signals
from dualtrain.workers._talk import Done, Followed, Go, Job, Progressed, Ready, Showed
from dualtrain.world import check_alone

__all__ = ["run_parity"]

CANONICAL = DEFAULT_SIDES[0].backend
"""The backend whose models are transformers', so that its own names of parameters are the canonical
ones: what its rules by substring name is known without it, at once."""


def run_parity(
    spec: Spec,
    *,
    report: Path,
    sides: tuple[Side, Side] = DEFAULT_SIDES,
    nudges: int = 0,
    every: int | None = None,
    console: Console | None = None,
) -> Comparison:
    """Train the spec's task on two sides, compare them and write the report folder.

    nudges: measure the chaos floor too, with so many further runs of the first side.
    every: from one update judged in lockstep to the next; the first and the last are judged always.
        When absent, so that about ten are.

    If the sides do not start alike (weights, or output on the first batch) nothing is trained.
    What every side would refuse is refused before any is started, as `train` refuses it.
    Raises `BackendError` under a launcher of several processes, for each side is one of its own;
    `SideError` for sides that cannot be told apart; `WorkerError` if a side fails: nothing
    half-written is left in the report folder then. Raises `OutputError` for a report folder that is
    none, holds what no earlier run has left, or what a side reads, or that another run writes.
    """
    check_alone("parity", os.environ)
    again = tuple(sides[0].nudged(number) for number in range(1, nudges + 1))
    runs = (*sides, *again)
    check_sides(runs, taken=REPORT_FILES)
    runs = tuple(replace(side, spec=side.spec or spec) for side in runs)
    report = report.resolve()
    for side in runs:
        check_report(report, [one.name for one in runs], inputs_of(_spec(side)))
    for side in runs:
        _check_names(side)
    plans = [check_before(one) for one in _distinct(_spec(side) for side in runs)]
    every = every or every_for(plans[0].total_updates)
    check_plots()
    console = console or Console()
    if any(_spec(side).duration.time_limit is not None for side in runs):
        console.print("duration.time_limit is left out: the sides would end at different updates")
    with Signals() as signals, drafted(report, REPORT) as scratch:
        draft = scratch / "report"
        with signals.at_once():
            data = _prepared(runs, scratch)
        a, b = names = sides[0].name, sides[1].name
        judging: Judging | None = None
        with Workers(scratch, signals) as workers:
            for side in runs:
                job = _job(side, data[side.name], draft)
                if side.name in names:
                    job = _following(job, scratch, side.name, every if side.name == a else 0)
                workers.start(side, job)
            headers = workers.until(Ready)
            nudged = [headers[side.name].header for side in again]
            comparison = compare_headers(headers[a].header, headers[b].header, nudged, names=names)
            if comparison.starts_alike:
                check_room(
                    report, sum(_bytes(one.header) for one in headers.values()), "the weights"
                )
                workers.tell(Go())
                folders = [_shown(scratch, name) for name in names]
                judging = Judging(workers, _states(scratch), names, folders)
                _until_done(workers, runs, judging, names, console)
        with signals.at_once():
            if judging is not None:
                first, second, *floors = (_trace(draft, side.name) for side in runs)
                comparison = compare_files(
                    first, second, floors=floors, lockstep=judging.lockstep(), names=names
                )
            write_report(draft, comparison)
        publish(draft, report)
    return comparison


def _check_names(side: Side) -> None:
    """Refuse the rules about parameters by which a side with the canonical names would not start.

    `exclude_substrings: [norm]` is such a rule: PaddleNLP has `norm1`, transformers `LayerNorm`.
    """
    if side.backend != CANONICAL or not model_config(_spec(side)).is_known:
        return
    try:
        expected_ledger(_spec(side))
    except LedgerError as error:
        whose = f"the {side.name} side, on Hugging Face's names: "
        raise LedgerError(f"{whose if 'substring' in str(error) else ''}{error}") from None


def _spec(side: Side) -> Spec:
    assert side.spec is not None, "each side has one by now"
    return side.spec


def _distinct(specs: Iterable[Spec]) -> list[Spec]:
    distinct: list[Spec] = []
    for spec in specs:
        if spec not in distinct:
            distinct.append(spec)
    return distinct


def _prepared(sides: Iterable[Side], scratch: Path) -> dict[str, Path]:
    """The folder of each side's prepared data; one for all that have the same task."""
    folders: dict[tuple[Path, str], Path] = {}
    data = {}
    for side in sides:
        spec = _spec(side)
        key = (spec.folder, task_of(spec).model_dump_json())
        if key not in folders:
            folders[key] = scratch / f"data-{len(folders)}"
            task_of(spec).prepare(spec.folder).save(folders[key])
        data[side.name] = folders[key]
    return data


def _job(side: Side, data: Path, draft: Path) -> Job:
    spec = _without_time_limit(_spec(side))
    return Job(
        backend=side.backend,
        spec=spec.model_dump_json(),
        source=replace(spec.source, folder=spec.folder.resolve()).dump(),
        data=str(data),
        trace=str(_trace(draft, side.name)),
        output=str(draft / side.name),
        nudge=side.nudge,
    )


def _without_time_limit(spec: Spec) -> Spec:
    """No two runs end at the same update by a clock."""
    duration = spec.duration.model_copy(update={"time_limit": None})
    return spec.model_copy(update={"duration": duration})


def _following(job: Job, scratch: Path, name: str, every: int) -> Job:
    return replace(job, states=str(_states(scratch)), every=every, shown=str(_shown(scratch, name)))


def _states(scratch: Path) -> Path:
    return scratch / "states"


def _shown(scratch: Path, name: str) -> Path:
    return scratch / f"{name}.shown"


def _bytes(header: Header) -> int:
    """Of the weights that a side has yet to write: the final ones, and their averages."""
    files = 1 if header.plan is None or header.plan.spec.ema is None else 2
    return files * weights_size(parameter.shape for parameter in header.parameters)


def _trace(folder: Path, name: str) -> Path:
    return folder / files_of(name)[1]


def _until_done(
    workers: Workers,
    runs: Iterable[Side],
    judging: Judging,
    names: tuple[str, str],
    console: Console,
) -> None:
    """Draw a bar for each side, and one of what is judged, until the last one is done."""
    left = [side.name for side in runs]
    found = False
    with ProgressBars([*left, JUDGED], console) as bars:
        while left:
            name, report = workers.hear()
            match report:
                case Progressed(done, total, loss):
                    bars.show(name, done, total, loss)
                case Done() if name in names:
                    judging.trained(name)
                case Followed(evaluation):
                    judging.followed(name, evaluation)
                    left.remove(name)
                case Done():
                    left.remove(name)
                case Showed(attempt):
                    judged = judging.showed(name, attempt)
                    if judged is not None:
                        bars.show(JUDGED, *judging.progress)
                        found = found or _tell_difference(judged, names, bars)
                case _:
                    workers.fail(name, "it must go on with its run", report)


JUDGED = "in lockstep"


def _tell_difference(judged: Judged, names: tuple[str, str], bars: ProgressBars) -> bool:
    """Say above the bars what differs, as soon as it is known; whether anything does."""
    differing = [one for one in judged.readings if one.outcome == "differs"]
    if differing:
        gravest = max(differing, key=lambda one: one.times)
        bars.tell(printable(f"{told(judged.attempt, gravest, names)}.", longest=1000))
    return bool(differing)
