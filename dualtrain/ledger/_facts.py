"""What a model itself says of a parameter's training, beside what a spec says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dualtrain.errors import LedgerError
from dualtrain.spec import Spec

__all__ = ["SILENT", "THE_MODEL", "Facts", "check_facts", "own_decay"]

THE_MODEL = "the model"
"""The rule behind what the model itself decides."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """As a backend found them on a live parameter. By default the model says nothing.

    Only Paddle has words for the first four: `ParamAttr`. What an earlier optimizer's groups left
    stands in the same attributes, so nobody can tell the two apart.
    """

    lr_multiplier: float = 1.0
    """What its rate is multiplied by: `ParamAttr(learning_rate=)`. 0 holds it still."""
    decay: float | None = None
    """Its own L2 in the gradient, in place of the optimizer's: `ParamAttr(regularizer=L2Decay())`.
    None: it says nothing."""
    clipped: bool = True
    """Whether the clip is to reach it: `ParamAttr(need_clip=)`."""
    averaged: bool = True
    """Whether averages of the weights are to hold it: `ParamAttr(do_model_average=)`."""
    undecayed: bool = False
    """Whether it is marked as one without weight decay, as timm and Mamba mark theirs."""
    refused: tuple[str, ...] = ()
    """What no run can do for it, if it trains: each with the way out and what was received."""


SILENT = Facts()
"""Of a parameter of which the model says nothing."""


def own_decay(facts: Facts, spec: Spec) -> float | None:
    """The weight decay that the model decides; None where the spec does.

    coupled decay: the model's own value, 0 too. Decoupled decay knows nothing of it: there a
    native optimizer adds the model's on top, which is nothing for 0 and refused otherwise.
    """
    return None if spec.rule.decoupled else facts.decay


def check_facts(trained: Mapping[str, Facts], spec: Spec) -> None:
    """Refuse what a model says of the parameters that train and a run under this spec cannot do.

    trained: canonical name -> what the model says. Raises `LedgerError` with a line for each.
    """
    problems = [
        f"{name}: {text}" for name, facts in trained.items() for text in _problems(facts, spec)
    ]
    if problems:
        raise LedgerError("\n".join(problems))


def _problems(facts: Facts, spec: Spec) -> Iterator[str]:
    yield from facts.refused
    name, decay, multiplier = spec.optimizer.name, facts.decay or 0.0, facts.lr_multiplier
    if decay and spec.rule.decoupled:
        yield (
            f"with {name} the model's own regularizer would be a second decay, in the gradient: "
            "build the model without ParamAttr(regularizer=), or set parameter.regularizer = None. "
            f"Received: L2Decay({decay:g})"
        )
    if spec.optimizer.reads_rate_once and (decay or multiplier != 1.0):
        yield (
            f"with {name} neither a rate nor a decay of the parameter's own has an effect: build "
            "the model without them, or set parameter.optimize_attr['learning_rate'] = 1.0 and "
            f"parameter.regularizer = None. Received: rate x {multiplier:g}, L2Decay({decay:g})"
        )
    if spec.clip is not None and not facts.clipped:
        yield (
            "clip reaches every parameter that trains: build the model without "
            "ParamAttr(need_clip=False), or set parameter.need_clip = True. Received: need_clip "
            "False"
        )
    if spec.ema is not None and not facts.averaged:
        yield (
            "ema averages every parameter that trains: build the model without "
            "ParamAttr(do_model_average=False), or set parameter.do_model_average = True. "
            "Received: do_model_average False"
        )
