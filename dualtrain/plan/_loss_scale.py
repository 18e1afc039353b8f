"""Dynamic loss scaling: one frozen state, and the rule that gives the next.

Both backends follow it in place of their own `GradScaler`s, which the parity tests hold it against.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dualtrain.spec import Amp, LossScale
from dualtrain.state import LossScaleState

__all__ = ["Scaling"]


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """What the next loss is multiplied by, and how many updates in a row were good or bad.

    >>> scaling = Scaling.of(Amp(dtype="float16", loss_scale={"init": 8.0, "growth_interval": 2}))
    >>> [(scaling := scaling.after(finite=good)).scale for good in (False, True, True)]
    [4.0, 4.0, 8.0]
    """

    settings: LossScale
    scale: float
    """A float32 number: what the loss is really multiplied by."""
    good: int = 0
    bad: int = 0

    @staticmethod
    def of(amp: Amp | None) -> Scaling | None:
        """The first state; None without float16, the only type that needs it."""
        if amp is None or amp.dtype != "float16":
            return None
        settings = amp.loss_scale or LossScale()
        return Scaling(settings=settings, scale=_float32(settings.init))

    def after(self, *, finite: bool) -> Scaling:
        """The state after an update whose gradients were finite or, then it is skipped, not.

        The product is taken in float64 and rounded once, as torch does; Paddle rounds the factor
        to float32 first.
        """
        settings = self.settings
        if finite:
            if self.good + 1 < settings.growth_interval:
                return replace(self, good=self.good + 1, bad=0)
            scale = min(settings.ceiling, self.scale * settings.growth_factor)
        else:
            if self.bad + 1 < settings.backoff_interval:
                return replace(self, good=0, bad=self.bad + 1)
            scale = max(settings.floor, self.scale * settings.backoff_factor)
        return replace(self, scale=_float32(scale), good=0, bad=0)

    def state(self) -> LossScaleState:
        """Where it stands, without the settings."""
        return LossScaleState(scale=self.scale, good=self.good, bad=self.bad)

    def restored(self, state: LossScaleState) -> Scaling:
        """These settings, where another stood."""
        return replace(self, scale=state.scale, good=state.good, bad=state.bad)


def _float32(number: float) -> float:
    return float(np.float32(number))
