"""What an update is made of: divisors, clipping, averages, loss scaling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LossScale", "average_decay", "clipped", "divisors", "groups", "joint_norm", "leaked"]

Array = NDArray[np.float64]
Values = Mapping[str, Any]


def groups(batch: Values, micro_batches: int) -> list[list[int]]:
    """The micro-batches of each update of an epoch, but for those that leak into it."""
    size, every = batch["accumulate"], range(micro_batches)
    found = [list(every[start : start + size]) for start in range(0, micro_batches, size)]
    return [group for group in found if batch["tail"] == "flush" or len(group) == size]


def leaked(batch: Values, micro_batches: int) -> int:
    """How many micro-batches an epoch leaves to the next one's first update."""
    return micro_batches % batch["accumulate"] if batch["tail"] == "leak" else 0


def divisors(batch: Values, counts: Sequence[int]) -> list[int]:
    """What each micro-batch's summed loss is divided by, of those of one update.

    >>> divisors({"normalise": "micro_mean", "tail": "flush"}, [31, 3])
    [62, 6]
    >>> divisors({"normalise": "token_mean", "tail": "flush"}, [31, 3])
    [34, 34]
    """
    if batch["normalise"] == "token_mean":
        return [sum(counts) for _ in counts]
    if batch["normalise"] == "sum":
        return [*counts]
    size = batch["accumulate"] if batch["tail"] == "leak" else len(counts)
    return [count * size for count in counts]


def joint_norm(gradients: Mapping[str, Array]) -> float:
    """sqrt of the sum of all squares; scaled first, since a square may leave float64's range."""
    largest = max((float(np.abs(g).max()) for g in gradients.values()), default=0.0)
    if largest == 0.0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(sum(((g / largest) ** 2).sum() for g in gradients.values())))


def clipped(clip: Values | None, gradients: Mapping[str, Array]) -> dict[str, Array]:
    """c / max(norm, c) over all gradients or each, or torch's c / (norm + 1e-6) if that is below
    1; or all elements within -c and c."""
    if clip is None:
        return dict(gradients)
    if clip["value"] is not None:
        return {n: np.clip(g, -clip["value"], clip["value"]) for n, g in gradients.items()}
    if clip["norm"] is not None:
        return {
            n: g * _factor(clip, clip["norm"], joint_norm({n: g})) for n, g in gradients.items()
        }
    factor = _factor(clip, clip["global_norm"], joint_norm(gradients))
    return {n: g * factor for n, g in gradients.items()}


def _factor(clip: Values, c: float, norm: float) -> float:
    factor: float = min(1.0, c / (norm + 1e-6)) if clip["rule"] == "torch" else c / max(norm, c)
    return factor


def average_decay(ema: Values, k: int) -> float:
    """d of the average after the k-th applied update, k = 0, 1, ..."""
    d: float = ema["decay"]
    return min(d, (1 + k) / (10 + k)) if ema["warmup"] else d


class LossScale:
    """The state machine of float16's loss scaling."""

    def __init__(self, settings: Values | None) -> None:
        usual = {"init": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5}
        usual |= {"growth_interval": 2000, "backoff_interval": 1}
        usual |= {"floor": 1.0, "ceiling": 2.0**24}
        self._s = usual | dict(settings or {})
        self.scale = float(np.float32(self._s["init"]))
        self._row: tuple[bool, int] = (True, 0)

    def update(self, finite: bool) -> None:
        """Take an update's verdict: its gradients were finite, or it was skipped."""
        count = self._row[1] + 1 if self._row[0] == finite else 1
        self._row = (finite, count)
        if count < self._s["growth_interval" if finite else "backoff_interval"]:
            return
        self._row = (finite, 0)
        grown = self.scale * self._s["growth_factor" if finite else "backoff_factor"]
        bounded = min(grown, self._s["ceiling"]) if finite else max(grown, self._s["floor"])
        self.scale = float(np.float32(bounded))
