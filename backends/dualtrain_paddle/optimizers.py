"""The native optimizer of each update rule, told by the ledger what to do with each parameter.

The rules are in `dualtrain.spec`; Paddle's kernels compute them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import paddle
from paddle.regularizer import L2Decay

from dualtrain import optimizers as spec
from dualtrain.ledger import Row
from dualtrain_paddle._compat import native_class

__all__ = ["native_optimizer"]


def native_optimizer(
    settings: spec.Optimizer, rows: Sequence[tuple[Any, Row]], clip: Any = None
) -> Any:
    """The optimizer over trainable parameters, each with its row of the ledger.

    Raises `BackendError` where the installed Paddle lacks it.
    """
    lr, decaying = settings.lr, {p.name: row.decay for p, row in rows if row.decay > 0.0}
    value = max(decaying.values(), default=0.0)
    common: dict[str, Any] = {"parameters": [p for p, _ in rows], "grad_clip": clip}
    match settings:
        case spec.SGD():
            made = _wired("SGD")(lr, **common)
        case spec.Momentum(momentum=momentum, nesterov=nesterov):
            made = _wired("Momentum")(lr, momentum, use_nesterov=nesterov, **common)
        case spec.Adam(betas=betas, eps=eps, amsgrad=amsgrad):
            made = _wired("Adam", amsgrad)(lr, *betas, eps, **_flag(amsgrad), **common)
        case spec.AdamW(betas=betas, eps=eps, amsgrad=amsgrad):
            made = _wired("AdamW", amsgrad)(
                lr,
                *betas,
                eps,
                weight_decay=value,
                apply_decay_param_fun=decaying.__contains__,
                **_flag(amsgrad),
                **common,
            )
        case spec.Lamb(betas=betas, eps=eps):
            made = _wired("Lamb")(
                lr,
                value,
                *betas,
                eps,
                exclude_from_weight_decay_fn=lambda p: p.name not in decaying,
                **common,
            )
        case spec.Adagrad(eps=eps, initial_accumulator=start):
            made = _wired("Adagrad")(lr, eps, initial_accumulator_value=start, **common)
        case spec.Adadelta(rho=rho, eps=eps):
            made = _wired("Adadelta")(lr, eps, rho, **common)
        case spec.Adamax(betas=betas, eps=eps):
            made = _wired("Adamax")(lr, *betas, eps, **common)
        case spec.NAdam(betas=betas, eps=eps, momentum_decay=momentum_decay):
            made = _wired("NAdam")(lr, *betas, eps, momentum_decay, **common)
        case spec.RAdam(betas=betas, eps=eps):
            made = _wired("RAdam")(lr, *betas, eps, **common)
        case spec.RMSProp(rho=rho, eps=eps, momentum=momentum, centered=centered):
            made = _wired("RMSProp")(lr, rho, eps, momentum, centered, **common)
        case spec.Rprop(etas=etas, step_sizes=sizes):
            made = _wired("Rprop")(lr, sizes, etas=etas, **common)
    coupled = {} if isinstance(settings, (spec.AdamW, spec.Lamb)) else decaying
    made.tell({p.name: row.lr_multiplier for p, row in rows}, coupled)
    return made


def _flag(amsgrad: bool) -> dict[str, Any]:
    """Nothing where amsgrad is off: Paddle 2.6 does not know the word."""
    return {"amsgrad": True} if amsgrad else {}


@cache
def _wired(name: str, amsgrad: bool = False) -> Any:
    """Paddle's class of that name, its hooks led to the ledger's decisions."""
    return type(name, (_ByLedger, native_class(name, amsgrad=amsgrad)), {})


class _ByLedger(paddle.optimizer.Optimizer):
    """Multiplier and coupled decay of each parameter, kept by the optimizer itself.

    Paddle keeps both on the parameter (`optimize_attr`, `regularizer`), where the next optimizer
    finds them, and sets them through groups, each of which it clips by its own norm. What the
    model itself says there is in the ledger's decisions already.
    """

    _multipliers: Mapping[str, float]
    _coupled: Mapping[str, float]
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

    def tell(self, multipliers: Mapping[str, float], coupled: Mapping[str, float]) -> None:
        """Native name -> lr multiplier, and -> weight decay that is added to the gradient."""
        self._multipliers, self._coupled = multipliers, coupled

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
        """Momentum's kernel would add the parameter's own regularizer once more."""
        with _without_regularizer(param_and_grad[0]):
            return super()._append_optimize_op(block, param_and_grad)

    def _create_accumulators(self, block: Any, parameters: Any) -> None:
        """With names of a fresh process: those of the second optimizer would end in _1."""
        with paddle.utils.unique_name.guard():
            super()._create_accumulators(block, parameters)


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
