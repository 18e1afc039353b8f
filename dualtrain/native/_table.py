"""Rows together: which of them a call is, and which of them says some words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualtrain.native._call import Call, Refusal, Row, Words

__all__ = ["Meaning", "Table", "Writing"]


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What a call means."""

    row: Row
    """With how equal both sides are."""
    words: Words
    """What a spec says for it; empty where the row is a refusal."""


@dataclass(frozen=True, kw_only=True)
class Writing:
    """What says some words."""

    row: Row
    call: Call


@dataclass(frozen=True)
class Table:
    """Rows in the order in which they are tried."""

    rows: Sequence[Row]

    def read(self, call: Call, around: Words | None = None) -> Meaning:
        """The first row that holds for the call, and the words it says.

        A name may be that of a package further up, as `transformers.get_scheduler`; numbers may be
        numpy's. Raises `Refusal` where no row holds, or an argument has no word or cannot be read.

        >>> from dualtrain.native.schedules import NATIVE_SCHEDULES
        >>> call = Call(name="torch.optim.lr_scheduler.StepLR", arguments={"step_size": 30})
        >>> NATIVE_SCHEDULES.read(call).words
        {'schedule.name': 'step', 'schedule.every': 30, 'schedule.gamma': 0.1}
        """
        around = {} if around is None else around
        arguments = {name: _plain(value) for name, value in call.arguments.items()}
        named = [row for row in self.rows if _same(call.name, row.name)]
        try:
            for row in named:
                if row.holds(arguments, around):
                    refused = row.equal == "refused"
                    words = {} if refused else row.read(arguments, around)
                    return Meaning(row=row, words=words)
        except Refusal:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise Refusal(f"{call} has an argument of a kind or size that no word has") from error
        raise Refusal(f"{call} has no meaning that is known" if named else f"{call.name}: unknown")

    def write(self, words: Words, library: str, *, drives: bool = False) -> Writing:
        """The first call of the library that says the words; of those that `drives`, if asked.

        Raises `Refusal` with the reason of each row of that meaning that cannot.

        >>> from dualtrain.native.schedules import NATIVE_SCHEDULES
        >>> words = {"schedule.name": "cosine", "schedule.half_waves": 1.0, "horizon": 9}
        >>> str(NATIVE_SCHEDULES.write(words, "torch").call)
        'CosineAnnealingLR(T_max=9, eta_min=0)'
        """
        reasons = []
        for row in self.rows:
            if row.library != library or row.equal == "refused" or drives > row.drives:
                continue
            try:
                return Writing(row=row, call=Call(name=row.name, arguments=row.write(words)))
            except Refusal as refused:
                named = [path for path in row.means if path.endswith(".name")]
                if named and all(words.get(path) == row.means[path] for path in named):
                    reasons.append(f"{Call(name=row.name).short_name} {refused}")
        raise Refusal("; ".join(reasons) or f"{library} has nothing that says it")


def _same(called: str, name: str) -> bool:
    """Whether a dotted name is a row's, or that of a package further up."""
    package, _, short = called.rpartition(".")
    return called == name or (name.startswith(f"{package}.") and name.endswith(f".{short}"))


def _plain(value: Any) -> Any:
    """Python's own numbers and lists for numpy's."""
    match value:
        case np.generic() | np.ndarray():
            return value.tolist()
        case list() | tuple():
            return type(value)(map(_plain, value))
        case _:
            return value
