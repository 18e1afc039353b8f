"""Rprop."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ValidationInfo, field_validator

from dualtrain.optimizers._rule import DecayKind, Numbers, UpdateRule
from dualtrain.optimizers._verbs import Arithmetic
from dualtrain.optimizers._words import LearningRate, Pair

__all__ = ["Rprop"]


def _around_one(etas: tuple[float, float]) -> tuple[float, float]:
    if not etas[0] < 1 < etas[1]:
        raise ValueError(f"must be a number below 1, then one above. Received: {list(etas)}")
    return etas


def _rising(sizes: tuple[float, float]) -> tuple[float, float]:
    if sizes[0] > sizes[1]:
        raise ValueError(f"must be the smallest, then the largest. Received: {list(sizes)}")
    return sizes


class Rprop(UpdateRule):
    """Each weight has a step size s, at first lr; only the gradient's sign counts.

    Same sign as last time: s = min(s x etas[1], step_sizes[1]). The other: s = max(s x etas[0],
    step_sizes[0]), and g counts as 0, now and as next time's last. Then w = w - s sign(g).

    The rate is read once, so the schedule must be constant, without warmup.
    """

    name: Literal["rprop"]
    """`torch.optim.Rprop`, `paddle.optimizer.Rprop` (Paddle 3)."""
    lr: LearningRate
    etas: Annotated[Pair, AfterValidator(_around_one)] = (0.5, 1.2)
    """By what a step size shrinks and grows."""
    step_sizes: Annotated[Pair, AfterValidator(_rising)]
    """The smallest (default 1e-6 in torch, 1e-5 in Paddle) and the largest; lr is between them."""

    @field_validator("step_sizes")
    @classmethod
    def _hold_the_rate(
        cls, sizes: tuple[float, float], info: ValidationInfo
    ) -> tuple[float, float]:
        lr = info.data.get("lr")
        if lr is not None and not sizes[0] <= lr <= sizes[1]:
            raise ValueError(
                f"must have lr between them. Received: step_sizes {list(sizes)}, lr {lr!r}"
            )
        return sizes

    reads_rate_once: ClassVar[bool] = True
    decay_kinds: ClassVar[tuple[DecayKind, ...]] = ("coupled",)
    arrays: ClassVar[tuple[str, ...]] = ("step_size", "last_gradient")
    """s, and the last g."""

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        smallest, largest = self.step_sizes
        size = state["step_size"] if now.k > 1 else xp.add_(xp.zeros(w), now.lr)
        turn = xp.sign(g * state["last_gradient"])
        size = xp.where(turn > 0, xp.clip(size * self.etas[1], 0.0, largest), size)
        size = xp.where(turn < 0, xp.clip(size * self.etas[0], smallest, largest), size)
        g = xp.where(turn < 0, xp.zeros(g), g)
        state["step_size"], state["last_gradient"] = size, g
        return xp.plus_(w, size * xp.sign(g), -1.0)
