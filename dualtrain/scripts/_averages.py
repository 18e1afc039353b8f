"""How a script computes what its averages keep of themselves."""

from __future__ import annotations

from dualtrain.scripts._source import source
from dualtrain.spec import Ema

__all__ = ["averaging"]


def averaging(ema: Ema | None) -> dict[str, list[str] | str]:
    """Lines before the loop, lines at each update, and the decay that they come to."""
    if ema is None:
        return {"ema_begin": [], "ema_lines": [], "ema_decay": ""}
    begin, lines, decay = [], [], source(ema.decay)
    first = " if averaged else 0.0" if ema.start == "first" else ""
    if ema.warmup or first:
        begin.append("averaged = 0")
        rising = f"min({decay}, (1 + averaged) / (10 + averaged))" if ema.warmup else decay
        lines += [f"decay = {rising}{first}", "averaged += 1"]
        decay = "decay"
    if ema.start == "debiased":
        begin.append("share = 1.0  # of the start, which is 0, in the averages")
        lines += [
            f"before, share = share, share * {decay}",
            f"decay = {decay} * (1 - before) / (1 - share)  # without it",
        ]
        decay = "decay"
    return {"ema_begin": begin, "ema_lines": lines, "ema_decay": decay}
