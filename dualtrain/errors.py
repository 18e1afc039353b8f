"""One exception class per user mistake; each message is: where, the rule, what was received."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BackendError",
    "CallbackError",
    "CheckpointError",
    "DataError",
    "DualtrainError",
    "ExtraError",
    "LedgerError",
    "MetricError",
    "OutputError",
    "PlanError",
    "Problem",
    "SideError",
    "SourceError",
    "SpecError",
    "StatesError",
    "TraceError",
    "TrainingWarning",
    "TwinsError",
    "WorkerError",
]


class DualtrainError(Exception):
    """Something the user gave cannot be used as it is."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with a spec: `where` it stands, the `rule` it breaks, what was `received`.

    `cure` says what to write instead, where that is known. `file` and `line` are None for a spec
    that was built in Python.
    """

    where: str
    rule: str
    received: str | None = None
    file: str | None = None
    line: int | None = None
    cure: str | None = None

    def __str__(self) -> str:
        place = "".join(f"{part}:" for part in (self.file, self.line) if part is not None)
        text = f"{self.where}: {self.rule}" if self.where else self.rule
        if self.cure is not None:
            text = f"{text}; {self.cure}"
        if self.received is not None:
            end = "" if text.endswith("?") else "."
            text = f"{text.rstrip('.')}{end} Received: {self.received}"
        return f"{place} {text}" if place else text


class SpecError(DualtrainError):
    """A spec breaks one or more rules; `problems` holds all of them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class PlanError(DualtrainError):
    """A valid spec cannot be planned for the sizes it was given.

    `problem` says where in the spec; None where nothing in a spec is wrong.
    """

    def __init__(self, problem: Problem | str) -> None:
        super().__init__(str(problem))
        self.problem = problem if isinstance(problem, Problem) else None


class DataError(DualtrainError):
    """A data file cannot be read as the spec says."""


class CallbackError(DualtrainError):
    """A callback of the user's has raised; its own error is the cause."""


class CheckpointError(DualtrainError):
    """A checkpoint folder does not hold what the model needs."""


class BackendError(DualtrainError):
    """A backend or its framework is missing, or cannot do what the spec asks."""


class ExtraError(DualtrainError):
    """What was asked for needs a package that only an extra of dualtrain installs."""


class LedgerError(DualtrainError):
    """A parameter rule selects nothing, nothing trains, or the model asks for what no run does."""


class MetricError(DualtrainError):
    """A metric that a schedule waits for is missing, unasked for, or no number to judge by."""


class TraceError(DualtrainError):
    """A trace file is not one, is cut short, or is of another format."""


class SourceError(DualtrainError):
    """A file that is read as a recipe cannot be read as what its name says it is."""


class StatesError(DualtrainError):
    """A folder of states is not one, is cut short, or is of another format."""


class OutputError(DualtrainError):
    """What is to be written cannot be, or would replace what is not a run's to replace.

    `problem` is all of it but what is left of the run, where that had begun.
    """

    def __init__(self, problem: str, left: str | None = None) -> None:
        super().__init__(problem if left is None else f"{problem}; {left}")
        self.problem = problem


class SideError(DualtrainError):
    """The sides of a parity run cannot be told apart, or a name of one is no name of a file."""


class TwinsError(DualtrainError):
    """Two models do not go together tensor by tensor, or what says how they do is wrong."""


class WorkerError(DualtrainError):
    """One side of a parity run failed in its own process."""


class TrainingWarning(UserWarning):
    """A run went on, but what it trains is probably not what was meant: nothing, or no numbers."""
