"""What a live optimizer does with each parameter, told from an update that it makes on trial.

What an optimizer was told proves nothing: a class may ignore a dictionary, or never call the
function that it was given. So a copy of the live optimizer makes one update of stand-ins, small
arrays in the parameters' places, and rate and decay are told from how far they move. The run is
not touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.ledger._decide import Ledger
from dualtrain.optimizers import UpdateRule

__all__ = ["Trial", "Wiring", "live_decay", "live_multiplier"]

Array = NDArray[np.float64]
Trial = Callable[[Array, Array, float], Mapping[str, Array]]
"""(w, g, rate) -> canonical name -> what one update at this base rate makes of a stand-in of w with
the gradient g, for each parameter that the live optimizer holds: in its type, without the clip."""

RATE = 2.0**80
"""Of a trial: even where the multiplier is 1e-9, a weight of 1 moves by what float32 holds."""
LARGE, LARGE_RATE = 2.0**40, 2.0**60
"""Of a trial of decoupled decay, weight and rate: what decay adds to them is no rounding, and no
more than float32 holds."""
SMALL_RATE = 2.0**-60
"""Of a trial of a rule by which the step decays too: here it does not."""
GRADIENT = 2.0**10
"""Beside which no eps counts."""
NEAR = 1e-5
"""Relative, within which a number found is the one that was decided: kernels have it in float32."""
NOTHING = 1e-15
"""Absolute: what float32 cannot tell from 0."""
CANDIDATES = np.geomspace(1e-12, 1e3, 961)
"""Coupled decays between which another than the decided ones is sought, 4 % apart."""


@dataclass(frozen=True)
class Wiring:
    """What a live optimizer was told; it is kept with it."""

    rule: UpdateRule
    ledger: Ledger

    def rules(self) -> dict[str, UpdateRule]:
        """Canonical name -> the rule of a parameter: with its own betas, where it has any."""
        return {row.parameter.name: self.rule.having(row.betas) for row in self.ledger.rows}


def live_multiplier(wiring: Wiring, trial: Trial) -> dict[str, float]:
    """Canonical name -> by what the live optimizer multiplies the rate of a parameter.

    It is how far a weight of 0 moves, which no decay moves, over how far the rule moves it at the
    base rate. Where that is what was decided but for rounding, it is the decided number itself.
    """
    rule, decided = wiring.rule, wiring.ledger.lr_multiplier()
    rate = SMALL_RATE if rule.decays_after else _rate(rule)
    expected = {name: _unit(own, lr=rate) for name, own in wiring.rules().items()}
    return {
        name: _as_decided(float(after[0] / expected[name]), decided, name)
        for name, after in trial(np.zeros(1), np.full(1, GRADIENT), rate).items()
    }


def _unit(rule: UpdateRule, lr: float = 1.0) -> float:
    """Where one update takes a weight of 0."""
    w, g = np.zeros(1), np.full(1, GRADIENT)
    _, after = rule.update(rule.new_state(w), w, g, lr=lr)
    return float(after[0])


def live_decay(wiring: Wiring, trial: Trial) -> dict[str, float]:
    """Canonical name -> the weight decay that the live optimizer gives a parameter.

    Decoupled: by how much further a large weight moves than one of 0. Coupled: the c at which a
    weight of 1 with the gradient -c stands still, for then decay is c; found between steps of 4 %
    where it is none of the decided ones. Of what does not move at all it is the decided one.
    """
    rule, decisions = wiring.rule, wiring.ledger.decay()
    if not rule.decoupled:
        return _coupled(rule, decisions, trial)
    measure = _after if rule.decays_after else _decoupled
    return measure({n: _unit(own) for n, own in wiring.rules().items()}, decisions, trial)


def _decoupled(
    units: Mapping[str, float], decisions: Mapping[str, float], trial: Trial
) -> dict[str, float]:
    w, g = np.array([LARGE, 0.0]), np.full(2, GRADIENT)
    decays = {}
    for name, after in trial(w, g, LARGE_RATE).items():
        decaying, bare = w - after
        if bare == 0.0:
            decays[name] = decisions[name]
        else:
            decay = float((decaying / bare - 1.0) * -units[name] / LARGE)
            decays[name] = _as_decided(decay, decisions, name)
    return decays


def _after(
    units: Mapping[str, float], decisions: Mapping[str, float], trial: Trial
) -> dict[str, float]:
    """Of a large weight without a gradient 1 - lr wd is left, and as much of the step of one of 0:
    -lr wd of the first, and then lr of the second."""
    w, g = np.array([LARGE, 0.0]), np.array([0.0, GRADIENT])
    decays = {}
    for name, after in trial(w, g, LARGE_RATE).items():
        left = after[0] / LARGE
        rate = after[1] / units[name] / left
        if rate == 0.0:
            decays[name] = decisions[name]
        else:
            decays[name] = _as_decided(float((1.0 - left) / rate), decisions, name)
    return decays


def _coupled(rule: UpdateRule, decisions: Mapping[str, float], trial: Trial) -> dict[str, float]:
    known = np.array(sorted({*decisions.values()} - {0.0}))
    apart = np.abs(CANDIDATES[:, None] - known) > 2 * NEAR * known
    c = np.unique([0.0, *known * (1 - NEAR), *known * (1 + NEAR), *CANDIDATES[apart.all(axis=1)]])
    w = np.ones_like(c)
    decays = {}
    for name, after in trial(w, -c, _rate(rule)).items():
        falls = w - after > 0.0
        if not (w != after).any():
            decays[name] = decisions[name]
        elif not falls[0]:
            decays[name] = 0.0
        else:
            last = int(np.flatnonzero(falls)[-1])
            low, high = c[last], c[min(last + 1, len(c) - 1)]
            between = [d for d in (decisions[name], *decisions.values()) if low < d < high]
            decays[name] = between[0] if between else float(low + high) / 2
    return decays


def _rate(rule: UpdateRule) -> float:
    """The base rate of a trial; that of the spec where the optimizer has taken it already."""
    own: Any = rule
    return float(own.lr) if rule.reads_rate_once else RATE


def _as_decided(number: float, decisions: Mapping[str, float], name: str) -> float:
    """The number that was decided for this parameter, or for another, where it is near one."""
    known: Iterable[float] = (decisions[name], *decisions.values(), 0.0)
    near = (d for d in known if abs(number - d) <= NEAR * abs(d) + NOTHING)
    return next(near, number)
