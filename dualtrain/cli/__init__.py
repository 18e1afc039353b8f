"""The command line: parses and calls; every command's work is done elsewhere.

`_specs.py`, `_meaning.py` and `_write.py` have what needs a spec only, `_traces.py` what needs
traces, `_runs.py` what trains, `_predict.py` what predicts, `_lockstep.py` what follows a run,
`_twins.py` and `_model.py` models of the user's own: only these five import a framework.
Exit statuses: 0 done or parity, 1 a difference, 2 bad input or output that cannot be written, 3 a
fault of dualtrain itself, 4 no proof: what was compared cannot be judged; 128 and its number for a
signal.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Annotated, Any, TextIO

import typer
from typer.main import get_command

from dualtrain.cli import (
    _lockstep,
    _meaning,
    _port,
    _predict,
    _read,
    _runs,
    _specs,
    _traces,
    _twins,
    _write,
)
from dualtrain.errors import DualtrainError
from dualtrain.files import reason
from dualtrain.printable import escaped, refusal
from dualtrain.version import __version__
from dualtrain.world import World

__all__ = ["app", "main"]

app = typer.Typer(
    help="One spec, two frameworks, the same training run, proved.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (
    _specs.check,
    _specs.schema,
    _specs.plan,
    _specs.plot,
    _meaning.explain,
    _meaning.compare,
    _write.write,
    _runs.ledger,
    _runs.train,
    _runs.parity,
    _predict.predict,
    _lockstep.lockstep,
    _traces.diff,
    _twins.twins,
    _read.read,
    _port.port,
):
    app.command()(command)


def _print_version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print it and exit."
        ),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit; whatever the user can mend is text on standard error, status 2.

    Ended by SIGTERM, as CI does it, or by SIGHUP, as a closed terminal does it, the command cleans
    up as after Ctrl-C: status 143 or 129. Where nobody reads on, as after `| head`, it ends with
    status 141, as one does that SIGPIPE ends.
    """
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as nohup asks
            signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        _run(arguments)
    except BrokenPipeError:
        sys.exit(141)
    except OSError as error:
        left = error.__context__
        if isinstance(left, SystemExit) and isinstance(left.code, int) and left.code > 128:
            for stream in (sys.stdout, sys.stderr):  # the terminal is gone, whose closing was told
                with suppress(OSError):
                    _flush(stream)
            raise left from None
        place = "the command's output" if error.filename is None else escaped(str(error.filename))
        told = f"{place}: cannot be read or written. Received: {reason(error)}"
        print(refusal(told), file=sys.stderr)
        sys.exit(2)
    except (DualtrainError, MemoryError) as error:
        print(_who() + (refusal(str(error)) or "out of memory"), file=sys.stderr)
        sys.exit(2)
    except Exception:  # Python would exit with 1, which is the status of a difference
        traceback.print_exc()
        sys.exit(3)


def _who() -> str:
    """Of several processes each but the first says which it is: all may refuse the same."""
    try:
        world = World.of(os.environ)
    except DualtrainError:
        return ""
    return "" if world.leads else f"{world}: "


def _run(arguments: Sequence[str] | None) -> None:
    """The command, until all that it has printed is written.

    Raises `OSError` for output that cannot be written: Python itself would tell too late. For a
    pipe that nobody reads, typer and rich exit with 1, which is the status of a difference.
    """
    try:
        _command()(arguments)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from None
        if sys.stdout is not None:  # closed by the shell: `>&-`
            _flush(sys.stdout)
        raise


@cache
def _command() -> Any:
    """Built once a process: typer itself builds all commands anew for each call."""
    return get_command(app)


def _flush(output: TextIO) -> None:
    try:
        output.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())  # or Python tries once more
        raise
