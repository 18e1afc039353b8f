"""What a parent and its workers say to each other: every message, and both ends of the talk.

Each message is one line of JSON, over the worker's standard output and input. The job comes before
the talk, in a file. Of what a worker may do it decides nothing: it makes updates while it is told
to, and stands still between two of them until it is told on. With a folder of states in its job it
stands once more when it is done, and follows the leading side's updates.

    the worker says                            the parent says, while it stands
    Hello       its versions, first of all
    Ready       stands before update 0         Go      make all that are left
    Progressed  an update was made             Step    make so many, then stand
    Standing    those of a Step are made       Stop    end here
    Done        its files are written          Follow  show so many updates, then stand
    Showed      what it makes of one is there
    Followed    that was the last of them
    Failed      for what the user can mend

A new message is a record here, in `Report` or in `Command`, and the next `TALK`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import IO, Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Discriminator,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationError,
)

from dualtrain.errors import WorkerError
from dualtrain.fields import Count
from dualtrain.trace import Evaluation, Header, header_from_json, header_to_json
from dualtrain.version import __version__

__all__ = [
    "Command",
    "Done",
    "Failed",
    "Follow",
    "Followed",
    "Go",
    "Hello",
    "Job",
    "Parent",
    "Progressed",
    "Ready",
    "Report",
    "Showed",
    "Standing",
    "Step",
    "Stop",
    "Talk",
    "decode",
    "encode",
]

TALK = 2
"""The version of the messages."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker is to do; paths are absolute."""

    backend: str
    spec: str
    """The spec, as JSON."""
    source: dict[str, Any]
    """Where the spec was found: `Source.dump`, its folder absolute. Refusals name file and line."""
    data: str
    """The folder of the prepared data."""
    trace: str
    output: str
    nudge: int = 0
    states: str = ""
    """The folder of the leading side's states; empty for a side that is done with its run."""
    every: int = 0
    """Of which of its updates this side leaves the states there; 0 for one that does not lead."""
    shown: str = ""
    """The folder for what it shows of each."""

    def write(self, path: Path) -> None:
        """Write the job for `python -m dualtrain.workers PATH`."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Job:
        """The job that `write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Hello:
    """A worker is there; nothing else of what it says is looked at before its versions."""

    talk: int = TALK
    dualtrain: str = __version__
    say: Literal["hello"] = "hello"


@dataclass(frozen=True)
class Ready:
    """It stands before its first update."""

    header: Annotated[Header, PlainValidator(header_from_json), PlainSerializer(header_to_json)]
    say: Literal["ready"] = "ready"


@dataclass(frozen=True)
class Progressed:
    """It has made an update, `done` with this one; told some time after it was made."""

    done: int
    total: int
    loss: float
    say: Literal["progressed"] = "progressed"


@dataclass(frozen=True)
class Standing:
    """It has made the updates of a `Step`, `done` in all, and no other."""

    done: int
    total: int
    say: Literal["standing"] = "standing"


@dataclass(frozen=True)
class Done:
    """It has finished, and its files are written."""

    say: Literal["done"] = "done"


@dataclass(frozen=True)
class Showed:
    """What it makes of one of the leading side's updates is in its folder, for the parent to
    remove.
    """

    attempt: int
    say: Literal["showed"] = "showed"


@dataclass(frozen=True)
class Followed:
    """It has shown all of them."""

    evaluation: Evaluation | None = None
    """How the leading run's last weights do on the held-out split; None without one."""
    say: Literal["followed"] = "followed"


@dataclass(frozen=True)
class Failed:
    """It has ended before it was done."""

    message: str
    say: Literal["failed"] = "failed"


@dataclass(frozen=True)
class Go:
    """Make all updates that are left, and finish."""

    say: Literal["go"] = "go"


@dataclass(frozen=True)
class Step:
    """Make so many updates, then stand."""

    updates: Count
    say: Literal["step"] = "step"


@dataclass(frozen=True)
class Follow:
    """Show so many more of the leading side's updates, then stand."""

    updates: Count
    say: Literal["follow"] = "follow"


@dataclass(frozen=True)
class Stop:
    """End here; what the run would have written is not."""

    say: Literal["stop"] = "stop"


Report = Hello | Ready | Progressed | Standing | Done | Showed | Followed | Failed
Command = Go | Step | Follow | Stop


@cache
def _messages() -> TypeAdapter[Report | Command]:
    exactly = ConfigDict(strict=True, ser_json_inf_nan="constants")
    return TypeAdapter(Annotated[Report | Command, Discriminator("say")], config=exactly)


def encode(message: Report | Command) -> str:
    """A message as its line.

    >>> encode(Step(2))
    '{"updates":2,"say":"step"}'
    """
    return _messages().dump_json(message).decode()


def decode(line: str) -> Report | Command | None:
    """The message of a line; None for what is none.

    A script around the interpreter prints too, and a killed side's last line is cut short.
    Raises `WorkerError` for a message that this version does not know.

    >>> decode('{"say": "stop"}'), decode("Loading module 3.11")
    (Stop(say='stop'), None)
    """
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    if not isinstance(fields, dict) or "say" not in fields:
        return None
    try:
        return _messages().validate_json(line)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"][1:])) or "say"
        received = f"a message {fields['say']!r} whose {place!r} is not of this one"
        raise _another_version(received) from None


def _another_version(received: str) -> WorkerError:
    return WorkerError(
        f"both sides need the same version of dualtrain, {__version__}. Received: {received}"
    )


class Talk:
    """The parent's end of the talk with one worker."""

    def __init__(self, commands: IO[str], reports: IO[str]) -> None:
        self._commands, self._reports = commands, reports

    def say(self, command: Command) -> None:
        """Tell a worker that stands; one that has ended says so itself, as its last report."""
        with suppress(BrokenPipeError):
            print(encode(command), file=self._commands, flush=True)

    def reports(self) -> Iterator[Report]:
        """All that it says after `Hello`, as it comes, until it closes its end.

        Raises `WorkerError` for another version's worker.
        """
        greeted = False
        for line in self._reports:
            match decode(line):
                case None:
                    pass
                case Hello(talk, version):
                    if (talk, version) != (TALK, __version__):
                        raise _another_version(f"{version}, which speaks version {talk} of {TALK}")
                    greeted = True
                case Go() | Step() | Follow() | Stop():
                    raise _another_version("a command")
                case report if greeted:
                    yield report
                case _:
                    raise _another_version("a worker that does not say its own")


class Parent:
    """A worker's end of the talk. A parent that is gone means `Stop`."""

    def __init__(self, commands: IO[str], reports: IO[str]) -> None:
        self._commands, self._reports = commands, reports
        self.say(Hello())

    def say(self, report: Report) -> None:
        """Tell the parent. Raises `BrokenPipeError` for one that is gone."""
        print(encode(report), file=self._reports, flush=True)

    def hear(self) -> Command:
        """Stand until told on."""
        for line in self._commands:
            match decode(line):
                case Go() | Step() | Follow() | Stop() as command:
                    return command
                case _:
                    raise WorkerError(
                        "a worker that stands is told go, step, follow or stop. "
                        f"Received: {line.strip()!r}"
                    )
        return Stop()
