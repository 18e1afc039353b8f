"""A plateau between warmup and a fall: the one schedule with a length of its own for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator, model_validator

from dualtrain.fields import LARGEST_COUNT, Count, Per, Positive, RampShape, Rate
from dualtrain.schedules._decays import wave
from dualtrain.schedules._floats import Floats
from dualtrain.schedules._record import Bounds, Misfit, ScheduleRecord, Turn, Window

__all__ = ["WarmupStableDecay"]


class WarmupStableDecay(ScheduleRecord):
    """The base rate for `stable` updates after warmup, then `decay` updates down to `min_lr`.

    In the decay the factor is c (1 - m) + m with m = min_lr / lr; c depends on the shape, with
    q = (t - W - stable) / decay. The rise is the spec's warmup; transformers starts it at
    min_lr / lr unless min_lr is 0: write that as `warmup.start`.
    """

    begins: ClassVar[str] = "stable"
    below: ClassVar[tuple[str, ...]] = ("min_lr",)
    awaited: ClassVar[Literal["no", "first", "all"]] = "all"

    name: Literal["warmup_stable_decay"]
    """transformers' `get_wsd_schedule`."""
    stable: Annotated[int, Field(ge=0, le=LARGEST_COUNT)] | None = None
    """Updates at the base rate; absent means all that warmup and decay leave of the horizon."""
    decay: Count
    """Updates from the base rate to min_lr."""
    shape: RampShape
    """c = 1 - q, (1 + cos(pi half_waves q)) / 2 or 1 - sqrt(q)."""
    min_lr: Rate
    """The rate after the decay; below the base rate."""
    half_waves: Positive | None = None
    """Of the cosine, and only there; 1 is one descent (Hugging Face's num_cycles 0.5)."""
    per: Per = "update"

    @field_validator("half_waves")
    @classmethod
    def _only_of_a_cosine(cls, half_waves: float | None, info: ValidationInfo) -> float | None:
        if half_waves is not None and info.data.get("shape") not in (None, "cosine"):
            raise ValueError("goes with shape 'cosine'; leave it out")
        return half_waves

    @model_validator(mode="after")
    def _needed_by_a_cosine(self) -> WarmupStableDecay:
        if self.shape == "cosine" and self.half_waves is None:
            raise ValueError("shape 'cosine' needs half_waves. Received: none")
        return self

    @property
    def ends(self) -> bool:
        """Where `stable` is what the others leave of the horizon."""
        return self.stable is None

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """1, then c(q) (1 - m) + m, q = (t - W - stable) / decay; m past the decay."""
        begin = self._begin(bounds.warmup, bounds.horizon)
        progress = (np.clip(t, begin, begin + self.decay) - begin) / self.decay
        match self.shape:
            case "linear":
                left = 1.0 - progress
            case "cosine":
                left = wave(self.half_waves or 1.0, progress)
            case "one_minus_sqrt":
                left = 1.0 - np.sqrt(progress)
        least = self.min_lr / bounds.lr
        falling = np.where(progress >= 1.0, least, left * (1.0 - least) + least)
        return np.where(t < begin, 1.0, falling)

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """The decay, and its end where that is not the horizon."""
        begin = self._begin(warmup, horizon)
        yield Turn(begin, "decay")
        if self.stable is not None:
            yield Turn(begin + self.decay, "at min_lr", final=True)

    def misfit(self, window: Window, where: tuple[str | int, ...] = ("schedule",)) -> Misfit | None:
        """Its parts are longer than the horizon."""
        stable, left = self.stable or 0, window.horizon - window.warmup
        if stable + self.decay <= left:
            return None
        if stable and self.decay <= left:
            cure = f"write stable: {left - self.decay}, or leave it out to fill the horizon"
        else:
            cure = f"let {'stable + ' if stable else ''}decay be at most {left}"
        return Misfit(
            where=(*where, "decay"),
            rule="warmup, stable and decay must fit into the horizon",
            cure=cure,
            received=f"{window.warmup} + {stable} + {self.decay}, horizon {window.horizon}",
        )

    def _begin(self, warmup: int, horizon: int) -> int:
        """The count at which the decay begins."""
        return horizon - self.decay if self.stable is None else warmup + self.stable
