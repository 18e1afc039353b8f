"""The native schedules of torch, Paddle, paddlenlp and transformers, and what they mean.

One file for each library; `_schedule_rows.py` makes their rows, `_schedule_arguments.py` has the
arguments that they share. A schedule that is new in `dualtrain.schedules` gets a row in the file of
each library that has it.
"""

from __future__ import annotations

from typing import Any

from dualtrain.native._call import REQUIRED, Row
from dualtrain.native._paddle_schedules import PADDLE_SCHEDULES
from dualtrain.native._paddlenlp_schedules import PADDLENLP_SCHEDULES
from dualtrain.native._paddlenlp_schedules import PADDLENLP_TYPES as PADDLENLP_TYPES
from dualtrain.native._schedule_arguments import LR, NAME
from dualtrain.native._table import Table
from dualtrain.native._torch_schedules import TORCH_SCHEDULES
from dualtrain.native._transformers_schedules import HF_TYPES as HF_TYPES
from dualtrain.native._transformers_schedules import TRANSFORMERS_SCHEDULES

__all__ = ["HF_TYPES", "NATIVE_SCHEDULES", "PADDLENLP_TYPES", "default_of", "left_out"]

NATIVE_SCHEDULES = Table(
    [*PADDLE_SCHEDULES, *PADDLENLP_SCHEDULES, *TORCH_SCHEDULES, *TRANSFORMERS_SCHEDULES]
)
"""All of them."""


def left_out(row: Row, *, warms_up: bool = True) -> dict[str, Any]:
    """The fields of the schedule that one may leave out, and what they then are.

    >>> left_out(PADDLENLP_TYPES["polynomial"])
    {'power': 1.0, 'end_lr': 1e-07}
    """
    words: dict[str, Any] = {LR: 1.0}
    given = {**dict.fromkeys(row.arguments, int(warms_up)), **row.defaults()}
    found = {}
    for name, argument in row.arguments.items():
        fields = [path for path in argument.words if path.startswith("schedule.")]
        if not fields or argument.default is REQUIRED:
            continue
        said = argument.read(given[name], words, given)
        words.update(said)
        found.update({path.removeprefix("schedule."): said.get(path) for path in fields})
    return found


def default_of(name: str, schedule: str, field: str) -> Any:
    """What a field is in the native class or function of that short name, if it is left out.

    >>> default_of("PolynomialDecay", "polynomial", "end_lr")
    0.0001
    """
    for row in NATIVE_SCHEDULES.rows:
        if row.name.endswith(f".{name}") and row.means.get(NAME) == schedule:
            return left_out(row)[field]
    raise KeyError(name)
