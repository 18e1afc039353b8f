"""Every field of a trace: the stages that compare it, or why none does.

What stands in no stage is either decided when a file is read, or told beside the verdict, or may be
another on the two sides of one training run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualtrain.parity import _stages as stages
from dualtrain.parity._stages import Stage
from dualtrain.trace import (
    Computation,
    Decision,
    End,
    Evaluation,
    Header,
    ParameterFacts,
    PlanFacts,
    Update,
)

__all__ = ["FIELDS"]

_KIND = "which kind of line it is, decided on reading"
_SIDE = "which side it is; told"
_NATIVE = "a framework's own name; parameters are compared by their canonical ones"
_RULE = "why it was decided so; what was decided is compared"
_FILE = "where the file is; what it holds is compared, and that both sides have one"
_DIGEST = "held against the file that it is of, on reading"

FIELDS: Mapping[type[Any], Mapping[str, tuple[Stage, ...] | str]] = {
    Header: {
        "record": _KIND,
        "format": _KIND,
        "version": "decided on reading: one of before says the same in other words",
        "backend": _SIDE,
        "versions": _SIDE,
        "device": _SIDE,
        "computation": (stages.COMPUTATION,),
        "parameters": (stages.DECAY,),
        "initial_digest": (stages.INITIAL_WEIGHTS,),
        "probe": (stages.INITIAL_OUTPUT, stages.NUMBERS),
        "data_digest": (stages.BATCHES,),
        "code": "what it computes is compared; told where it is another",
        "notes": "sentences for people; told",
        "plan": (stages.PLAN, stages.DECAY, stages.SPEC),
    },
    Computation: {
        "dtype": (stages.COMPUTATION,),
        "level": (stages.COMPUTATION,),
        "masters": (stages.COMPUTATION,),
    },
    ParameterFacts: {
        "name": (stages.DECAY,),
        "native": _NATIVE,
        "structured": _NATIVE,
        "shape": (stages.DECAY,),
        "dtype": (stages.COMPUTATION,),
        "trainable": (stages.DECAY,),
        "effective_decay": (stages.DECAY, stages.NUMBERS),
        "effective_lr_multiplier": (stages.DECAY, stages.NUMBERS),
    },
    PlanFacts: {
        "spec": (stages.SPEC,),
        "total_updates": (stages.PLAN,),
        "warmup_updates": (stages.PLAN,),
        "horizon": (stages.PLAN,),
        "updates_per_epoch": (stages.PLAN,),
        "micro_batches_per_epoch": (stages.PLAN,),
        "world_size": "how many processes shared each micro-batch, not how they trained",
        "decisions": (stages.DECAY,),
    },
    Decision: {
        "name": (stages.DECAY,),
        "roles": (stages.DECAY,),
        "rule": _RULE,
        "decay": (stages.DECAY, stages.NUMBERS),
        "lr_rule": _RULE,
        "lr_multiplier": (stages.DECAY, stages.NUMBERS),
        "freeze_rule": _RULE,
        "frozen": (stages.DECAY,),
        "betas_rule": _RULE,
        "betas": (stages.DECAY,),
    },
    Update: {
        "record": _KIND,
        "attempt": "its number; decided on reading",
        "t": (stages.LOSS_SCALE,),
        "lr": (stages.LEARNING_RATE, stages.NUMBERS),
        "momentum": (stages.LEARNING_RATE, stages.NUMBERS),
        "loss": (stages.ACCUMULATION, stages.NUMBERS),
        "micro_losses": (stages.LOSS, stages.NUMBERS),
        "grad_norm": (stages.ACCUMULATION, stages.NUMBERS),
        "clipped_norm": (stages.CLIP, stages.NUMBERS),
        "loss_scale": (stages.LOSS_SCALE, stages.NUMBERS),
        "skipped": (stages.LOSS_SCALE, stages.MADE),
        "batches": (stages.BATCHES,),
    },
    Evaluation: {
        "record": _KIND,
        "t": (stages.EVALUATION,),
        "examples": (stages.EVALUATION,),
        "loss": (stages.EVALUATION, stages.NUMBERS),
        "correct": (stages.EVALUATION,),
        "metrics": (stages.EVALUATION, stages.NUMBERS),
    },
    End: {
        "record": _KIND,
        "reason": (stages.END,),
        "skipped": "the count of what each update says for itself, which is compared",
        "weights": _FILE,
        "initial_weights": _FILE,
        "weights_digest": _DIGEST,
        "averages": _FILE,
        "averages_digest": _DIGEST,
    },
}
"""Class -> field -> the stages that compare it, or the reason why none does."""
