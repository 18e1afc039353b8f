"""What a script says of the types that it computes in."""

from __future__ import annotations

from typing import Any

from dualtrain.native.operators import HIDDEN, OPERATORS
from dualtrain.scripts._source import source
from dualtrain.spec import Amp, LossScale

__all__ = ["precision"]


def precision(amp: Amp | None, backend: str) -> dict[str, Any]:
    """For the templates: the loss scale if there is one, and whether there are masters.

    `operators` are the framework's own names of those that stay in float32, `hiding` the functions
    of torch in which one of them is out of reach, `autocast` the arguments of Paddle's.
    """
    if amp is None:
        return {"scale": None, "masters": False, "operators": []}
    kept = amp.float32_operators
    autocast = [f"dtype={source(amp.dtype)}", f"level={source(amp.level)}"]
    return {
        "scale": (amp.loss_scale or LossScale()) if amp.dtype == "float16" else None,
        "masters": amp.level == "O2",
        "operators": sorted({own for one in kept for own in OPERATORS[backend][one]}),
        "hiding": sorted(name for name, hidden in HIDDEN.items() if hidden & {*kept}),
        "autocast": [*autocast, *(["custom_black_list=FLOAT32"] if kept else [])],
    }
