"""The native optimizer of each update rule, and the core's own where torch has none, or another.

The rules are in `dualtrain.optimizers`, which torch's class says what in `dualtrain.native`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer

from dualtrain.native.optimizers import arguments_for, driving_row, words_of
from dualtrain.optimizers import Arithmetic, UpdateRule
from dualtrain_torch._compat import fused_classes, supports_fused
from dualtrain_torch.clip import norm
from dualtrain_torch.parts import is_split

__all__ = ["ByRule", "native_optimizer"]

Group = dict[str, Any]


def native_optimizer(rule: UpdateRule, groups: Sequence[Group]) -> Any:
    """The optimizer over parameter groups: each its own `lr` and `weight_decay`, some `betas`."""
    parts, row = list(groups), driving_row("torch", rule)
    if row is None:
        return ByRule(parts, rule)
    native = getattr(torch.optim, row.name.rpartition(".")[2])
    moved = [p for group in parts for p in group["params"]]
    if native is torch.optim.Rprop and any(map(is_split, moved)):  # it writes by index: refused
        return ByRule(parts, rule)
    arguments = arguments_for(native, row, words_of(rule))
    if native in fused_classes():
        arguments["fused"] = supports_fused(moved)
    return native(parts, **arguments)


class ByRule(Optimizer):
    """An update rule of the core over torch's tensors, parameter by parameter.

    Its state has the names that the rule gives it.
    """

    def __init__(self, params: Any, rule: UpdateRule) -> None:
        self.rule = rule
        super().__init__(params, {"lr": words_of(rule)["optimizer.lr"], "weight_decay": 0.0})

    def __getstate__(self) -> dict[str, Any]:
        """What a copy has, too."""
        return {**super().__getstate__(), "rule": self.rule}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; `closure`, if given, computes the loss again."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._move(p, group)
        return loss

    def _move(self, p: Any, group: Group) -> None:
        state = self.state[p] or self.rule.new_state(p, verbs=VERBS)
        self.state[p], w = self.rule.having(group.get("betas")).update(
            state,
            p,
            p.grad,
            lr=group["lr"],
            decay=group["weight_decay"],
            momentum=group.get("momentum"),  # where the schedule cycles it
            verbs=VERBS,
        )
        if w is not p:
            p.copy_(w)


VERBS = Arithmetic(
    zeros=torch.zeros_like,
    sqrt=torch.sqrt,
    abs=torch.abs,
    sign=torch.sign,
    clip=torch.clamp,
    where=torch.where,
    norm=norm,
    ratio=lambda a, b: torch.where((a > 0) & (b > 0), a / b, 1.0),
    add=torch.add,
    plus=lambda a, b, s: a.add(b, alpha=s),
    minus_square=lambda a, x: a.addcmul(x, x, value=-1),
    add_=torch.Tensor.add_,
    multiply_=torch.Tensor.mul_,
    divide_=torch.Tensor.div_,
    sqrt_=torch.Tensor.sqrt_,
    maximum_=lambda a, b: torch.maximum(a, b, out=a),
    plus_=lambda a, b, s: a.add_(b, alpha=s),
    plus_quotient_=lambda a, x, y, s: a.addcdiv_(x, y, value=s),
    average_=lambda held, rate, x: held.mul_(rate).add_(x, alpha=1 - rate),
)
"""In place, by kernels of which some multiply and add in one rounding."""
