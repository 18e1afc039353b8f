"""The native optimizer of each update rule, told by the ledger what to do with each parameter, and
the core's own where Paddle has none.

The rules are in `dualtrain.optimizers`, which of Paddle's classes says what in `dualtrain.native`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from inspect import signature
from typing import Any

import paddle
from paddle.regularizer import L2Decay

from dualtrain.ledger import LedgerRow
from dualtrain.native.optimizers import words_of
from dualtrain.optimizers import Arithmetic, UpdateRule
from dualtrain_paddle._compat import native_call
from dualtrain_paddle.clip import norm

__all__ = ["ByRule", "native_optimizer"]


def native_optimizer(
    rule: UpdateRule, rows: Sequence[tuple[Any, LedgerRow]], clip: Any = None
) -> Any:
    """The optimizer over trainable parameters, each with its row of the ledger.

    Paddle's classes have one pair of betas for all; with others, and where the installed Paddle has
    no class of the rule, the rule itself is computed.
    """
    decaying = {p.name: row.decay for p, row in rows if row.decay > 0.0}
    value = max(decaying.values(), default=0.0) if rule.decoupled else None
    betas = {p.name: row.betas for p, row in rows if row.betas is not None}
    native, arguments = (None if betas else native_call(rule, value)) or (
        ByRule,
        {"learning_rate": words_of(rule)["optimizer.lr"], "rule": rule},
    )
    filters: dict[str, Callable[[Any], bool]] = {
        "apply_decay_param_fun": decaying.__contains__,
        "exclude_from_weight_decay_fn": lambda p: p.name not in decaying,
    }
    arguments |= {name: f for name, f in filters.items() if name in signature(native).parameters}
    takes = "parameters" if "parameters" in signature(native).parameters else "parameter_list"
    arguments[takes] = [p for p, _ in rows]
    optimizer = _wired(native)(grad_clip=clip, **arguments)
    optimizer.tell({p.name: row.lr_multiplier for p, row in rows}, decaying, rule.decoupled)
    optimizer.own_betas = betas
    return optimizer


@cache
def _wired(native: Any) -> Any:
    """A class of Paddle's, its hooks led to the ledger's decisions."""
    return type(native.__name__, (_ByLedger, native), {})


class _ByLedger(paddle.optimizer.Optimizer):
    """Multiplier and coupled decay of each parameter, kept by the optimizer itself.

    Paddle keeps both on the parameter (`optimize_attr`, `regularizer`), where the next optimizer
    finds them, and sets them through groups, each of which it clips by its own norm. What the
    model itself says there is in the ledger's decisions already.
    """

    _multipliers: Mapping[str, float]
    _coupled: Mapping[str, float]
    _decoupled: Mapping[str, float]
    own_betas: Mapping[str, tuple[float, float]]
    """Native name -> betas, of those that have their own; a rule that is computed here reads it."""
    loaded_clock: Mapping[str, Any] | None = None
    """The state of a schedule that is yet to be built."""

    def set_state_dict(self: Any, state_dict: Any) -> None:
        """Keep the schedule's state in it for `build_schedule`: Paddle drops it without one.

        A state that has none leaves the schedule where it is; Paddle 2.6 asks for one.
        """
        schedule = self._learning_rate
        if not isinstance(schedule, paddle.optimizer.lr.LRScheduler):
            self.loaded_clock = state_dict.get("LR_Scheduler")
        elif "LR_Scheduler" not in state_dict:
            state_dict = {**state_dict, "LR_Scheduler": schedule.state_dict()}
        super().set_state_dict(state_dict)

    set_dict = set_state_dict

    def tell(
        self, multipliers: Mapping[str, float], decays: Mapping[str, float], decoupled: bool
    ) -> None:
        """Native name -> lr multiplier, and -> weight decay, of those that decay."""
        self._multipliers = multipliers
        self._coupled, self._decoupled = ({}, decays) if decoupled else (decays, {})

    def _create_param_lr(self: Any, param_and_grad: Any) -> Any:
        multiplier = self._multipliers[param_and_grad[0].name]
        rate = self._global_learning_rate()
        return rate if multiplier == 1.0 else rate * multiplier

    def _create_regularization_of_grad(
        self, param: Any, grad: Any, regularization: Any = None
    ) -> Any:
        """After the clip; for all optimizers alike, so not in the Momentum kernel."""
        decay = self._coupled.get(param.name, 0.0)
        if decay == 0.0:
            return grad
        with _without_regularizer(param):
            return super()._create_regularization_of_grad(param, grad, L2Decay(decay))

    def _append_optimize_op(self: Any, block: Any, param_and_grad: Any) -> Any:
        """Momentum's kernel would add the parameter's own regularizer once more.

        Of decoupled decay Paddle has one value for all: each parameter's stands there in its turn.
        """
        unfiltered = 0.0 if hasattr(self, "_lars_weight_decay") else None
        own = self._decoupled.get(param_and_grad[0].name, unfiltered)
        if own is not None and not isinstance(self, ByRule):
            setattr(self, _held_decay(self), own)
        with _without_regularizer(param_and_grad[0]):
            return super()._append_optimize_op(block, param_and_grad)

    def _create_accumulators(self, block: Any, parameters: Any) -> None:
        """With names of a fresh process: those of the second optimizer would end in _1."""
        with paddle.utils.unique_name.guard():
            super()._create_accumulators(block, parameters)


class ByRule(paddle.optimizer.Optimizer):
    """An update rule of the core over Paddle's tensors, parameter by parameter.

    Its state has the names that the rule gives it; `steps` are the updates of each parameter, by
    its native name. What it is to do with each parameter `_ByLedger` tells it.
    """

    _decoupled: Mapping[str, float]
    _multipliers: Mapping[str, float]
    own_betas: Mapping[str, tuple[float, float]]

    def __init__(
        self, learning_rate: float, parameters: Any, grad_clip: Any, rule: UpdateRule
    ) -> None:
        super().__init__(learning_rate, parameters, grad_clip=grad_clip)
        self.rule, self.steps = rule, dict[str, int]()

    def state_dict(self) -> Any:
        """With the number of updates."""
        return {**super().state_dict(), "steps": dict(self.steps)}

    def set_state_dict(self, state_dict: Any) -> None:
        """Likewise."""
        self.steps = dict(state_dict.get("steps", {}))
        super().set_state_dict({n: kept for n, kept in state_dict.items() if n != "steps"})

    def _create_accumulators(self: Any, block: Any, parameters: Any) -> None:
        rule = self.rule
        for p in parameters:
            for name in (*rule.state_arrays, *rule.state_numbers):
                if p.name not in self._accumulators[name]:
                    shape = [1] if name in rule.state_numbers else None
                    self._add_accumulator(name, p, shape=shape)

    @paddle.no_grad()
    def _append_optimize_op(self: Any, block: Any, param_and_grad: Any) -> None:
        p, g = param_and_grad
        rule = self.rule.having(self.own_betas.get(p.name))
        arrays = {name: self._get_accumulator(name, p) for name in rule.state_arrays}
        numbers = {name: self._get_accumulator(name, p) for name in rule.state_numbers}
        kept = {**arrays, **{name: float(one) for name, one in numbers.items()}}
        updates = self.steps.get(p.name, 0)
        state, w = rule.update(
            {**kept, "step": updates} if updates else rule.new_state(p, verbs=VERBS),
            p,
            g,
            lr=self.get_lr() * self._multipliers[p.name],
            decay=self._decoupled.get(p.name, 0.0),
            momentum=getattr(self, "_momentum", None),  # where the schedule cycles it
            verbs=VERBS,
        )
        self.steps[p.name] = state["step"]
        for name, tensor in arrays.items():
            paddle.assign(state[name], tensor)
        for name, tensor in numbers.items():
            paddle.assign(paddle.full_like(tensor, state[name]), tensor)
        paddle.assign(w, p)


def _plus_number(a: Any, number: float) -> Any:
    """As a tensor of the type, which Paddle 2.6 does not round to float32."""
    return a + paddle.full([], number, a.dtype)


VERBS = Arithmetic(
    zeros=paddle.zeros_like,
    sqrt=paddle.sqrt,
    abs=paddle.abs,
    sign=paddle.sign,
    clip=paddle.clip,
    where=paddle.where,
    norm=norm,
    ratio=lambda a, b: paddle.where((a > 0) & (b > 0), a / b, paddle.ones_like(a)),
    add=_plus_number,
    plus=lambda a, b, s: a + b * s,
    minus_square=lambda a, x: a - x * x,
    add_=_plus_number,
    multiply_=lambda a, b: a * b,
    divide_=lambda a, b: a / b,
    sqrt_=paddle.sqrt,
    maximum_=paddle.maximum,
    plus_=lambda a, b, s: a + b * s,
    plus_quotient_=lambda a, x, y, s: a + x / y * s,
    average_=lambda held, rate, x: held * rate + x * (1 - rate),
)
"""Each writes into memory of its own."""


def _held_decay(optimizer: Any) -> str:
    """Where AdamW, Lamb or LARS holds its decoupled decay: `_coeff` is AdamW's in Paddle 2.6."""
    names = ("_lamb_weight_decay", "_lars_weight_decay", "_coeff", "_weight_decay")
    return next(name for name in names if hasattr(optimizer, name))


@contextmanager
def _without_regularizer(parameter: Any) -> Iterator[None]:
    """Hide a parameter's own regularizer from Paddle, which would obey it before the ledger."""
    own = getattr(parameter, "regularizer", None)
    if own is None:
        yield
        return
    parameter.regularizer = None
    try:
        yield
    finally:
        parameter.regularizer = own
