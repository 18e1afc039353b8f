"""Which names are those of a training's numbers."""

from __future__ import annotations

import re

__all__ = ["TRAINING", "decides"]

TRAINING = re.compile(
    r"(^|_)(lr|learning_?rate|decay|warm\w*|grad_norm|clip\w*|sched\w*|steps?|epochs?|accum\w*|"
    r"loss_scal\w*|scale_loss|beta[s12]?|eps\w*|momentum|seed|batch_size|fp16|bf16|amp|optim\w*)"
    r"(_|$)"
)
"""Names of what decides a training."""

OTHER = re.compile(
    r"logging|log_|save|eval|test|dev|valid|predict|print|display|report|checkpoint|worker|debug|"
    r"(^|_)(step_size|num_steps_per|adv|start_epoch|start_step|resume)"
)
"""Names of what is written down or measured beside it."""


def decides(name: str) -> bool:
    """Whether a flag or key of this name decides a training."""
    last = name.rpartition(".")[2].strip("-").replace("-", "_").lower()
    return bool(TRAINING.search(last)) and not OTHER.search(last)
