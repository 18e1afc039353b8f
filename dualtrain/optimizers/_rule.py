"""The base of all optimizers: what a rule is asked, and an update in float64."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import PrivateAttr

from dualtrain.fields import Part
from dualtrain.optimizers._verbs import NUMPY, Arithmetic

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["DecayKind", "Numbers", "State", "UpdateRule", "moments"]

Array = Any
DecayKind = Literal["decoupled", "coupled"]
State = Mapping[str, Any]
"""`step`, the number of updates made; under their names the arrays of `state_arrays`, each of the
weight's shape, and the numbers of `state_numbers`."""


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers of one update of one parameter."""

    k: int
    """t + 1: how many updates there are with this one."""
    lr: float
    """The rate, times the parameter's multiplier."""
    decay: float
    """wd."""
    momentum: float | None
    """Where the schedule cycles it."""


class UpdateRule(Part):
    """An optimizer: its words, how it treats weight decay and rate, and the rule itself.

    In every rule w is a weight, g its gradient after unscaling and clipping, lr the rate of update
    t (`lr_at(t)` times the parameter's multiplier), wd its weight decay, and k = t + 1 the number
    of updates with this one. State starts at 0 unless the rule says otherwise.

    Coupled decay is added to the gradient after clipping: g + wd w stands wherever a rule says g.
    Decoupled decay of a rule that does not say it comes before the step, as AdamW's does:
    w = w (1 - lr wd), then the rule. Nothing whose native default differs between the frameworks
    has a default here.
    """

    decay_kinds: ClassVar[tuple[DecayKind, ...]] = ("coupled", "decoupled")
    """What its weight decay may be; decoupled alone where the rule itself says what decay does."""
    coupled_since: ClassVar[str] = ""
    """Why it cannot be decoupled: which word says that."""
    decays_after: ClassVar[bool] = False
    """Whether what decays is the weight that the step has left, not the one before it."""
    trust_ratio: ClassVar[bool] = False
    """Whether the step of a parameter that decays, and of no other, is scaled by its norm."""
    like_adam: ClassVar[bool] = False
    """Whether coupled decay is divided by the gradient's size, in a rule of which a decoupled
    sibling, AdamW, is known."""
    reads_rate_once: ClassVar[bool] = False
    """Whether the rate gives the first step sizes and nothing else: then the schedule is constant,
    and neither warmup nor multipliers nor decay have an effect."""

    arrays: ClassVar[tuple[str, ...]] = ()
    """Arrays that its state may have."""
    state_numbers: ClassVar[tuple[str, ...]] = ()
    """Scalars in its state, beside `step`."""

    _shrinks_before: bool = PrivateAttr(default=False)
    """Whether decay acts before the rule, which does not say it itself."""

    def decaying(self, kind: DecayKind) -> Self:
        """The rule with weight decay of this kind, one of `decay_kinds`."""
        rule = self.model_copy()
        rule._shrinks_before = kind == "decoupled" and "coupled" in self.decay_kinds
        return rule

    def having(self, betas: tuple[float, float] | None) -> Self:
        """The rule with other betas; the same where there are none."""
        return self if betas is None else self.model_copy(update={"betas": betas})

    @property
    def decoupled(self) -> bool:
        """Whether weight decay acts on the weight; elsewhere it is added to the gradient."""
        return self._shrinks_before or self.decay_kinds == ("decoupled",)

    @property
    def shrinks(self) -> bool:
        """Whether decay multiplies the weight by 1 - lr wd, which may be 1 in float32."""
        return self.decoupled and not self.trust_ratio

    @property
    def kept(self) -> tuple[str, ...]:
        """What of its state an update depends on: `step` where a bias is corrected by it."""
        counts = ("step",) if "betas" in type(self).model_fields else ()
        return (*counts, *self.state_arrays, *self.state_numbers)

    @property
    def state_arrays(self) -> tuple[str, ...]:
        """The names of the arrays in its state: all of `arrays`, if its words ask for all."""
        return self.arrays

    @property
    def cycled_momentum(self) -> float | None:
        """The momentum from which a schedule may cycle; None where it can cycle none."""
        return None

    def new_state(self, w: Array, *, verbs: Arithmetic = NUMPY) -> State:
        """The state of a weight before the first update."""
        return {"step": 0, **{name: verbs.zeros(w) for name in self.state_arrays}}

    def update(
        self,
        state: State,
        w: Array,
        g: Array,
        *,
        lr: float,
        decay: float = 0.0,
        momentum: float | None = None,
        verbs: Arithmetic = NUMPY,
    ) -> tuple[State, Array]:
        """State and weight after one more update. Pure, with `NUMPY`'s verbs.

        w, g: arrays of one shape, of float64 with `NUMPY`. Other verbs may write into the weight
        and the arrays of the state. lr: with the parameter's multiplier. momentum: if the schedule
        cycles it.

        >>> import numpy as np
        >>> from dualtrain.optimizers import SGD
        >>> rule = SGD(name="sgd", lr=0.5)
        >>> rule.update(rule.new_state(np.ones(1)), np.ones(1), np.ones(1), lr=0.5, decay=1.0)
        ({'step': 1}, array([0.]))
        """
        now = Numbers(k=state["step"] + 1, lr=lr, decay=decay, momentum=momentum)
        after = {**state, "step": now.k}
        if decay and self._shrinks_before:
            w = verbs.multiply_(w, 1 - lr * decay)
        elif decay and not self.decoupled:
            g = verbs.plus(g, w, decay)
        return after, self._moved(after, w, g, now, verbs)

    @abstractmethod
    def _moved(
        self, state: dict[str, Any], w: Array, g: Array, now: Numbers, xp: Arithmetic
    ) -> Array:
        """The weight after the update; the arrays in `state` are replaced by their next values."""


def moments(
    state: dict[str, Any], betas: tuple[float, float], g: Array, xp: Arithmetic
) -> tuple[Array, Array]:
    """m = b1 m + (1 - b1) g and v = b2 v + (1 - b2) g^2, kept in the state."""
    m = state["first_moment"] = xp.average_(state["first_moment"], betas[0], g)
    v = state["second_moment"] = xp.average_(state["second_moment"], betas[1], g * g)
    return m, v
