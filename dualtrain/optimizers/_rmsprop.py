"""RMSProp."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from dualtrain.fields import Positive
from dualtrain.optimizers._rule import Numbers, UpdateRule
from dualtrain.optimizers._verbs import Arithmetic
from dualtrain.optimizers._words import Decay, LearningRate

__all__ = ["RMSProp", "TorchRMSProp"]


class RMSProp(UpdateRule):
    """v = rho v + (1 - rho) g^2; centered: a = rho a + (1 - rho) g and v - a^2 stands for v below.

    b = momentum b + lr g / sqrt(v + eps), w = w - b. The eps is inside the root and the rate
    inside b, as in Paddle (and TensorFlow). `torch.optim.RMSprop` adds eps outside, which no
    choice of eps mends, and multiplies b by the rate: that is `rmsprop_torch`.
    """

    name: Literal["rmsprop"]
    """`paddle.optimizer.RMSProp`; not `torch.optim.RMSprop`."""
    lr: LearningRate
    rho: Decay
    """Decay rate of the averages (default 0.95 in Paddle; torch's alpha, 0.99)."""
    eps: Positive
    """Added inside the root (default 1e-6 in Paddle)."""
    momentum: Decay = 0.0
    """Share of b that is kept."""
    centered: bool = False
    """Whether the mean's square is taken off v."""

    arrays: ClassVar[tuple[str, ...]] = ("second_moment", "first_moment", "velocity")
    """v, a where it is centered, and b."""

    @property
    def state_arrays(self) -> tuple[str, ...]:
        """Without a where it is not centered."""
        return self.arrays if self.centered else (self.arrays[0], self.arrays[2])

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        v = state["second_moment"] = xp.average_(state["second_moment"], self.rho, g * g)
        if self.centered:
            a = state["first_moment"] = xp.average_(state["first_moment"], self.rho, g)
            v = xp.minus_square(v, a)
        b = xp.multiply_(state["velocity"], self.momentum)
        b = state["velocity"] = xp.plus_quotient_(b, g, xp.sqrt_(xp.add(v, self.eps)), now.lr)
        return xp.plus_(w, b, -1.0)


class TorchRMSProp(UpdateRule):
    """v = rho v + (1 - rho) g^2, b = momentum b + g / (sqrt(v) + eps), w = w - lr b.

    The eps is outside the root and the rate outside b; Paddle's own is `rmsprop`, and there
    dualtrain's own computes this one. There is no `centered`: with no eps in it the root of v - a^2
    is no number where rounding leaves less than nothing, in torch too.
    """

    name: Literal["rmsprop_torch"]
    """`torch.optim.RMSprop`."""
    lr: LearningRate
    rho: Decay
    """Decay rate of the average (torch's alpha, 0.99)."""
    eps: Positive
    """Added outside the root (default 1e-8 in torch)."""
    momentum: Decay = 0.0
    """Share of b that is kept."""

    arrays: ClassVar[tuple[str, ...]] = ("second_moment", "velocity")
    """v, and b where some of it is kept."""

    @property
    def state_arrays(self) -> tuple[str, ...]:
        """Without b where there is no momentum."""
        return self.arrays if self.momentum else self.arrays[:1]

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        v = state["second_moment"] = xp.average_(state["second_moment"], self.rho, g * g)
        root = xp.add_(xp.sqrt(v), self.eps)
        if not self.momentum:
            return xp.plus_quotient_(w, g, root, -now.lr)
        b = xp.multiply_(state["velocity"], self.momentum)
        b = state["velocity"] = xp.plus_quotient_(b, g, root, 1.0)
        return xp.plus_(w, b, -now.lr)
