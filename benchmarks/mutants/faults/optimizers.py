"""Faults of the update rules and of what the native classes are told."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "dualtrain/optimizers/"

MUTANTS = (
    Mutant(
        name="Adam: eps inside the root",
        breaks="sqrt(v + eps^2) stands for sqrt(v) + eps",
        file=f"{_AT}_adam.py",
        old="xp.add_(xp.sqrt(v / (1 - b2k)), self.eps)",
        new="xp.sqrt(v / (1 - b2k) + self.eps * self.eps)",
    ),
    Mutant(
        name="AdamW: decay after the step",
        breaks="the moved weight decays instead of the weight",
        file=f"{_AT}_adam.py",
        old="return xp.plus_(w * (1 - now.lr * now.decay), step, -now.lr)",
        new="return xp.plus_(w, step, -now.lr) * (1 - now.lr * now.decay)",
    ),
    Mutant(
        name="decay apart: without the rate",
        breaks="of decoupled decay beside momentum and others w (1 - wd) is left",
        file=f"{_AT}_rule.py",
        old="w = verbs.multiply_(w, 1 - lr * decay)",
        new="w = verbs.multiply_(w, 1 - decay)",
    ),
    Mutant(
        name="Adam: amsgrad forgets",
        breaks="the last v stands for the largest",
        file=f"{_AT}_adam.py",
        old='xp.maximum_(state["largest_second_moment"], v)',
        new="v",
    ),
    Mutant(
        name="Adamax: correction one update late",
        breaks="the bias is corrected as at the update before",
        file=f"{_AT}_adamax.py",
        old="b1**now.k",
        new="b1 ** max(1, now.k - 1)",
    ),
    Mutant(
        name="LAMB: trust without decay",
        breaks="the step of a parameter that does not decay is scaled by its norm",
        file=f"{_AT}_lamb.py",
        old="if not now.decay:",
        new="if False:",
    ),
    Mutant(
        name="RMSProp: eps outside the root",
        breaks="torch's rule stands for Paddle's",
        file=f"{_AT}_rmsprop.py",
        old="xp.sqrt_(xp.add(v, self.eps))",
        new="xp.sqrt_(v + 0.0) + self.eps",
    ),
    Mutant(
        name="NAdam: the next momentum is this one",
        breaks="c_k stands for c_(k+1)",
        file=f"{_AT}_nadam.py",
        old="following = b1 * (1 - 0.5 * falling * 0.96**self.momentum_decay)",
        new="following = c",
    ),
    Mutant(
        name="RAdam: rectified one update early",
        breaks="the second moment acts where p is above 4",
        file=f"{_AT}_radam.py",
        old="if p <= 5:",
        new="if p <= 4:",
    ),
    Mutant(
        name="Adadelta: eps of the numerator",
        breaks="sqrt(a) + eps stands for sqrt(a + eps)",
        file=f"{_AT}_adagrad.py",
        old="xp.sqrt_(xp.add(a, self.eps))",
        new="(xp.sqrt(a) + self.eps)",
    ),
    Mutant(
        name="Adagrad: the sum starts at 0",
        breaks="`initial_accumulator` is not heeded",
        file=f"{_AT}_adagrad.py",
        old="verbs.add_(verbs.zeros(w), self.initial_accumulator)",
        new="verbs.zeros(w)",
    ),
    Mutant(
        name="Rprop: a turn counts",
        breaks="the weight moves in the update in which the gradient changes its sign",
        file=f"{_AT}_rprop.py",
        old="        g = xp.where(turn < 0, xp.zeros(g), g)\n",
        new="",
    ),
    Mutant(
        name="Momentum: dampening",
        breaks="the gradient enters the velocity by 1 - momentum",
        file=f"{_AT}_sgd.py",
        old='momentum * state["velocity"] + g',
        new='momentum * state["velocity"] + (1 - momentum) * g',
    ),
    Mutant(
        name="decay without a gradient's sign",
        breaks="coupled decay is taken off the gradient",
        file=f"{_AT}_rule.py",
        old="g = verbs.plus(g, w, decay)",
        new="g = verbs.plus(g, w, -decay)",
    ),
    Mutant(
        name="native: Paddle's beta2 is beta1",
        breaks="Paddle's Adams are given the first of the betas twice",
        file="dualtrain/native/optimizers.py",
        old='"beta2": ("betas", 1, 0.999),',
        new='"beta2": ("betas", 0, 0.999),',
    ),
    Mutant(
        name="own betas: the first alone",
        breaks="`own_betas` moves beta1 where the rule is computed here, and not beta2",
        file=f"{_AT}_rule.py",
        old='update={"betas": betas})',
        new='update={"betas": (betas[0], self.betas[1])})',
    ),
    Mutant(
        name="torch: own betas lost",
        breaks="parameters with betas of their own share a group with the others",
        file="backends/dualtrain_torch/optim.py",
        old="key = (row.lr_multiplier, row.decay, row.betas)",
        new="key = (row.lr_multiplier, row.decay, None)",
    ),
    Mutant(
        name="paddle: own betas lost",
        breaks="parameters with betas of their own have those of all",
        file="backends/dualtrain_paddle/optimizers.py",
        old="{p.name: row.betas for p, row in rows if row.betas is not None}",
        new="dict[str, tuple[float, float]]()",
    ),
    Mutant(
        name="decay apart: twice",
        breaks="AdamW and LAMB, whose rules say what decay does, shrink the weight before it, too",
        file=f"{_AT}_rule.py",
        old='kind == "decoupled" and "coupled" in self.decay_kinds',
        new='kind == "decoupled"',
    ),
    Mutant(
        name="decay apart: added, too",
        breaks="decoupled decay beside momentum and others is in the gradient as well",
        file=f"{_AT}_rule.py",
        old="        elif decay and not self.decoupled:\n",
        new="        if decay and self.decay_kinds != ('decoupled',):\n",
    ),
)
