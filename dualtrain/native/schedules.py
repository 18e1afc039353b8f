"""The native schedules of torch, Paddle, paddlenlp and transformers, and what they mean.

One file for each library; `_schedule_arguments.py` has what they share. A schedule that is new in
`dualtrain.schedules` gets a row in the file of each library that has it.
"""

from __future__ import annotations

from dualtrain.native._paddle_schedules import PADDLE_SCHEDULES
from dualtrain.native._paddlenlp_schedules import PADDLENLP_SCHEDULES
from dualtrain.native._table import Table
from dualtrain.native._torch_schedules import TORCH_SCHEDULES
from dualtrain.native._transformers_schedules import TRANSFORMERS_SCHEDULES

__all__ = ["SCHEDULES"]

SCHEDULES = Table(
    [*PADDLE_SCHEDULES, *PADDLENLP_SCHEDULES, *TORCH_SCHEDULES, *TRANSFORMERS_SCHEDULES]
)
"""All of them."""
