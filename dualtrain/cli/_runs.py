"""Commands that need a framework: ledger, train, parity."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dualtrain.cli._leaving import Leaving
from dualtrain.cli._model import model_of
from dualtrain.cli._options import AsJson, Backend, Device, TaskFile, on_device
from dualtrain.cli._traces import leave
from dualtrain.errors import TrainingWarning
from dualtrain.ledger import Ledger, LedgerRow, decide
from dualtrain.printable import escaped
from dualtrain.spec import Spec, load_spec
from dualtrain.world import Shard, World

if TYPE_CHECKING:
    from dualtrain.loggers import Logger
    from dualtrain.workers import Side

__all__ = ["ledger", "parity", "train"]

_LOGS = "jsonl:FILE, tensorboard:FOLDER, visualdl:FOLDER, wandb:PROJECT, swanlab:PROJECT"


def ledger(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC", help="YAML, TOML or JSON; with --model, without task.")
    ],
    backend: Annotated[
        str | None,
        typer.Option(
            envvar="DUALTRAIN_BACKEND", help="torch or paddle; with --model, told by the model."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Makes a model of yours, from the current folder too; absent, the task's.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what decays, how fast each parameter learns, what is frozen, and by which rule."""
    from dualtrain import training

    loaded = load_spec(spec)
    if model is not None:
        ledger = _of_model(loaded, model, backend)
    elif backend is None:
        raise typer.BadParameter(
            "is needed where no --model tells it. Received: nothing", param_hint="--backend"
        )
    else:
        ledger = training.task_ledger(loaded, backend)
    if as_json:
        print(json.dumps([_row_as_dict(row) for row in ledger.rows]))
        return
    _print_ledger(ledger)


def _of_model(spec: Spec, reference: str, backend: str | None) -> Ledger:
    """What is decided for a model of the user's own."""
    native, verbs = model_of(reference)
    if backend is not None and backend != verbs.NAME:
        raise typer.BadParameter(
            f"must be {verbs.NAME!r}, or left out, for the model that {reference!r} gives. "
            f"Received: {backend!r}",
            param_hint="--backend",
        )
    return decide(verbs.parameters(native), spec)


def _row_as_dict(row: LedgerRow) -> dict[str, Any]:
    parameter = row.parameter
    return {
        "name": parameter.name,
        "aliases": list(parameter.aliases),
        "native": parameter.native,
        "shape": list(parameter.shape),
        "kind": parameter.kind,
        "roles": list(row.roles),
        "rule": row.rule,
        "decay": row.decay,
        "lr_rule": row.lr_rule,
        "lr_multiplier": row.lr_multiplier,
        "betas_rule": row.betas_rule,
        "betas": row.betas,
        "freeze_rule": row.freeze_rule,
        "trains": row.trains,
    }


def _print_ledger(ledger: Ledger) -> None:
    """One line a parameter, never wrapped: it is read by eye, by grep and by diff."""
    rows = [("parameter", "native name", "shape", "roles", "rule", "decay", "lr rule", "lr")]
    for row in ledger.rows:
        parameter = row.parameter
        rows.append(
            (
                escaped(" = ".join(parameter.names)),
                escaped(parameter.native),
                " x ".join(map(str, parameter.shape)),
                ", ".join(row.roles),
                *_decisions(row),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        print("  ".join(f"{cell:<{n}}" for cell, n in zip(cells, widths, strict=True)).rstrip())
    decaying = sum(decay > 0 for decay in ledger.decay().values())
    frozen = sum(not row.trains for row in ledger.rows)
    print(f"{decaying} of {len(ledger.rows)} parameters decay; frozen: {frozen}")


def _decisions(row: LedgerRow) -> tuple[str, str, str, str]:
    """Of a parameter that trains its decay and its multiplier, of another why it does not."""
    if not row.trains:
        return row.freeze_rule, "frozen", "", ""
    return row.rule, f"{row.decay:g}", row.lr_rule, f"x {row.lr_multiplier:g}"


def train(
    backend: Backend,
    spec: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SPEC]", help="YAML, TOML or JSON, with a task; else the checkpoint's."
        ),
    ] = None,
    trace: Annotated[Path | None, typer.Option(help="File for the trace.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for the trained model.")] = None,
    states: Annotated[
        Path | None,
        typer.Option(help="Folder for the states of the run, from which another side can follow."),
    ] = None,
    every: Annotated[
        int, typer.Option(min=1, help="States of each so many updates; the first and last too.")
    ] = 1,
    shard: Annotated[
        Shard, typer.Option(help="What several processes split: optimizer, its state; full, all.")
    ] = "none",
    device: Device = None,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder for the run's state, as the spec's checkpoint says.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(help="Folder of checkpoints to go on from, of either framework."),
    ] = None,
    allow_spec_change: Annotated[
        bool, typer.Option("--allow-spec-change", help="Go on by another spec.")
    ] = False,
    log: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND:PLACE", help=f"Log the numbers too, once or more: {_LOGS}."),
    ] = None,
) -> None:
    """Train a spec's task with one backend, in several processes under torchrun or Paddle's.

    With checkpoints Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 save the run after its update and leave.
    """
    from dualtrain import training
    from dualtrain.cli._run_end import RunEnd
    from dualtrain.workers import ProgressBars, leave_shown

    loaded = on_device(_spec_of(spec, resume), device)
    folder = _one_folder(checkpoints, resume)
    leaving = None if folder is None else Leaving()
    if not World.of(os.environ).leads:  # the first one says what is to be said
        with leaving or nullcontext(), warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)
            training.train(
                loaded,
                backend,
                trace=trace,
                output=output,
                states=states,
                every=every,
                shard=shard,
                checkpoints=folder,
                stop=leaving,
            )
        return
    loggers = _loggers(log or [])
    bars = ProgressBars([backend])
    seen = bars.observer(backend)
    told = RunEnd()
    with (
        _interruption_told(lambda: seen.left),
        leaving or nullcontext(),
        bars,
        _warnings_as_text(),
    ):
        score = training.train(
            loaded,
            backend,
            trace=trace,
            output=output,
            states=states,
            every=every,
            observer=seen,
            shard=shard,
            checkpoints=folder,
            resume=resume is not None,
            allow_spec_change=allow_spec_change,
            stop=leaving,
            callbacks=[*loggers, told],
        )
        seen.left = "the run was done, and has left all that it was to write"
        if states is not None:
            leave_shown(loaded, backend, states, bars.console)
    if seen.skipped:
        print(f"{seen.skipped} of {seen.made} updates skipped: their gradients were not finite")
    for line in told.lines:
        print(line)
    if score is not None:
        print(score)


def _spec_of(spec: Path | None, resume: Path | None) -> Spec:
    """The spec that is given, or that of the newest checkpoint."""
    from dualtrain.checkpoints import newest

    if spec is not None:
        return load_spec(spec)
    if resume is None:
        raise typer.BadParameter(
            "is needed where no --resume has one. Received: nothing", param_hint="SPEC"
        )
    with warnings.catch_warnings():  # said when the run goes on
        warnings.simplefilter("ignore", TrainingWarning)
        found = newest(resume)[1].spec
    if not found.folder.is_dir():
        raise typer.BadParameter(
            "is needed: the checkpoint's own has its files in a folder that is gone, "
            f"{escaped(str(found.folder))}. Received: nothing",
            param_hint="SPEC",
        )
    return found


def _one_folder(checkpoints: Path | None, resume: Path | None) -> Path | None:
    """The folder that checkpoints are read from and written to."""
    if checkpoints and resume and checkpoints.resolve() != resume.resolve():
        raise typer.BadParameter(
            f"is the folder that --resume goes on in: leave it out. Received: {checkpoints}",
            param_hint="--checkpoints",
        )
    return resume or checkpoints


def _loggers(texts: list[str]) -> list[Logger]:
    """The loggers that are named."""
    from dualtrain.loggers import logger_of

    try:
        return [logger_of(text) for text in texts]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--log") from None


@contextmanager
def _interruption_told(left: Callable[[], str]) -> Iterator[None]:
    """Say on standard error what is left of a run that a signal ends."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        with suppress(OSError):  # the terminal may be gone
            print(f"interrupted; {left()}", file=sys.stderr)
        raise


@contextmanager
def _warnings_as_text() -> Iterator[None]:
    """Training's own warnings as one line each on standard error, without the source."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", TrainingWarning)
        shown = warnings.showwarning

        def show(message: Any, category: Any, *place: Any, **more: Any) -> None:
            if issubclass(category, TrainingWarning):
                print(f"warning: {escaped(str(message))}", file=sys.stderr)
            else:
                shown(message, category, *place, **more)

        warnings.showwarning = show
        yield


def parity(
    spec: TaskFile,
    report: Annotated[Path, typer.Option(help="Folder for traces, tables and plots.")] = Path(
        "report"
    ),
    side: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=BACKEND[@PYTHON]", help="Twice: what is compared; else torch and paddle."
        ),
    ] = None,
    torch_python: Annotated[str | None, typer.Option(help="Interpreter with torch.")] = None,
    paddle_python: Annotated[str | None, typer.Option(help="Interpreter with paddle.")] = None,
    device: Device = None,
    floor: Annotated[
        bool | None,
        typer.Option(
            help="Measure the chaos floor too, with a further run.", show_default="no-floor"
        ),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="From one update judged to the next, the first and the last always; else about "
            "ten are.",
            show_default=False,
        ),
    ] = None,
    nudges: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Measure the chaos floor with so many further runs.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train in both frameworks and compare.

    Status 0: they agree; 1: they differ; 4: no proof, for something cannot be judged.
    """
    from rich.console import Console

    from dualtrain.report import print_comparison
    from dualtrain.workers import run_parity

    console, before = Console(), _stamp(report)

    def left() -> str:
        is_new = _stamp(report) != before
        return f"{report} has its report" if is_new else f"{report} is as it was before"

    with _interruption_told(left):
        comparison = run_parity(
            on_device(load_spec(spec), device),
            report=report,
            sides=_sides(side or [], {"torch": torch_python, "paddle": paddle_python}),
            every=every,
            nudges=_nudges(nudges, floor=floor),
            console=console,
        )
    print_comparison(comparison, console)
    leave(comparison)


def _nudges(count: int | None, *, floor: bool | None) -> int:
    """How many runs for the chaos floor."""
    from dualtrain.workers import MOST_NUDGES

    if count and count > MOST_NUDGES:
        raise typer.BadParameter(
            f"is at most {MOST_NUDGES}: further runs sharpen nothing. Received: {count}",
            param_hint="--nudges",
        )
    if count and floor is False:
        raise typer.BadParameter(
            f"measures the chaos floor, which --no-floor leaves out. Received: {count}",
            param_hint="--nudges",
        )
    return int(bool(floor)) if count is None else count


def _stamp(report: Path) -> int | None:
    """What changes when a report is published."""
    try:
        return (report / "summary.json").stat().st_ino
    except OSError:
        return None


def _sides(texts: list[str], pythons: Mapping[str, str | None]) -> tuple[Side, Side]:
    """The two sides; one that names no interpreter has that of its backend, if there is one."""
    from dualtrain.workers import DEFAULT_SIDES, parse_side

    if len(texts) not in (0, 2):
        raise typer.BadParameter(
            f"must be given twice, or not at all. Received: {len(texts)}", param_hint="--side"
        )
    a, b = map(parse_side, texts) if texts else DEFAULT_SIDES
    return _with_python(a, pythons), _with_python(b, pythons)


def _with_python(side: Side, pythons: Mapping[str, str | None]) -> Side:
    return replace(side, python=side.python or pythons.get(side.backend))
