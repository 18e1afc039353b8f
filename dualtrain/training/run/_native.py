"""The native objects alone, to drop into a training script that exists already."""

from __future__ import annotations

from typing import Any

from dualtrain.backend import Backend, backend_of
from dualtrain.errors import PlanError
from dualtrain.ledger import Ledger, decide, tell
from dualtrain.optimizers import Optimizer
from dualtrain.plan import Plan
from dualtrain.spec import Spec

__all__ = ["build_optimizer", "build_schedule", "wire"]


def build_optimizer(spec: Spec, model: Any) -> Any:
    """The native optimizer of a model's framework, wired by the ledger; it clips in `step()`.

    The backend follows from the type of the model. Accumulation, `amp` and `ema` are the script's
    own affair. With loss scaling in torch, call `scaler.unscale_(optimizer)` before
    `scaler.step(optimizer)`.

    What the model itself says of its parameters is honoured, and told in a warning: docs/model.md.

    Raises `LedgerError` if an exclusion of the spec names no parameter, or the model asks for what
    no run does.
    """
    backend = backend_of(model)
    ledger = decide(backend.parameters(model), spec)
    return wire(backend, spec.rule, ledger, model, clip=backend.build_clip(spec.clip))


def wire(
    backend: Backend, optimizer: Optimizer, ledger: Ledger, model: Any, *, clip: Any = None
) -> Any:
    """The native optimizer of a model whose parameters are decided, and are frozen by it first.

    What of the decisions nobody may expect is told in a warning.
    """
    tell(ledger)
    backend.freeze(model, ledger)
    return backend.build_optimizer(optimizer, ledger, model, clip=clip)


def build_schedule(plan: Plan, optimizer: Any) -> Any:
    """The native schedule that drives `optimizer`; call its `step()` once after each update.

    At t = 0 the optimizer already has `plan.lr_at(0)`. The backend follows from the optimizer. One
    that `build_optimizer` did not make must have the spec's base rate: torch multiplies the rates
    that it finds, Paddle replaces them.

    Raises `PlanError` if the momentum is cycled too: a schedule moves nothing but the rate.
    """
    if plan.momentum_at(0) is not None:
        raise PlanError(
            plan.spec.problem(
                "schedule",
                "momentum",
                rule="a native schedule cannot cycle the momentum",
                cure="use dualtrain.fit or start, or leave it out",
                received=f"{plan.spec.schedule.name!r} with momentum",
            )
        )
    return backend_of(optimizer).build_schedule(plan, optimizer)
