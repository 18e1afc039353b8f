"""Every native schedule, with its own defaults, beside the spec that says the same.

One file for each library. `tests/parity/measure_schedules.py` runs both sides of a row, and
docs/schedules.md is written from what it finds.
"""

from collections.abc import Sequence

from tests.parity.native_schedules._paddle import paddle_rows
from tests.parity.native_schedules._paddlenlp import paddlenlp_rows, paddlenlp_trainer_rows
from tests.parity.native_schedules._row import PADDLE as PADDLE
from tests.parity.native_schedules._row import PADDLENLP as PADDLENLP
from tests.parity.native_schedules._row import PADDLENLP_OPS as PADDLENLP_OPS
from tests.parity.native_schedules._row import PADDLENLP_TRAINER as PADDLENLP_TRAINER
from tests.parity.native_schedules._row import TORCH as TORCH
from tests.parity.native_schedules._row import TORCH_SWA as TORCH_SWA
from tests.parity.native_schedules._row import TRANSFORMERS as TRANSFORMERS
from tests.parity.native_schedules._row import UPDATES as UPDATES
from tests.parity.native_schedules._row import Call as Call
from tests.parity.native_schedules._row import Expected as Expected
from tests.parity.native_schedules._row import Row as Row
from tests.parity.native_schedules._torch import torch_rows
from tests.parity.native_schedules._transformers import transformers_rows

MODULES = (PADDLE, PADDLENLP, PADDLENLP_OPS, PADDLENLP_TRAINER, TORCH, TORCH_SWA, TRANSFORMERS)
"""Where native schedules come from."""


def rows(lr: float) -> Sequence[Row]:
    """The whole table for one base rate."""
    return [
        *paddle_rows(lr),
        *paddlenlp_rows(lr),
        *paddlenlp_trainer_rows(lr),
        *torch_rows(lr),
        *transformers_rows(lr),
    ]
