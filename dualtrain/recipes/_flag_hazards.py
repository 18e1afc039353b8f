"""Flags of a training that have no effect, and words of a command that a script refuses."""

from __future__ import annotations

import re

from dualtrain.recipes._record import Hazard
from dualtrain.recipes._seen import Part, Seen

__all__ = ["flags_part"]

TRAINING = re.compile(
    r"(^|_)(lr|learning_?rate|decay|warm\w*|grad_norm|clip\w*|sched\w*|steps?|epochs?|accum\w*|"
    r"loss_scal\w*|scale_loss|beta[s12]?|eps\w*|momentum|seed|batch_size|fp16|bf16|amp|optim\w*)"
    r"(_|$)"
)
"""Names of what decides a training."""

OTHER = re.compile(
    r"logging|log_|save|eval|test|dev|valid|predict|print|display|report|checkpoint|worker|"
    r"(^|_)(step_size|num_steps_per)"
)
"""Names of what is written down or measured beside it."""

SEED = re.compile(r"(^|_)seed$")


def flags_part(seen: Seen) -> Part:
    """Hazards of flags; they decide no field."""
    part = Part()
    for flag in seen.program.flags.declared.values():
        name = flag.name.strip("-").replace("-", "_").lower()
        if flag.reads or not TRAINING.search(name) or OTHER.search(name):
            continue
        given = ", and the command gives it" if flag.given else ""
        does = f"handed on at {flag.passes[0]}, and nothing uses" if flag.passes else "nothing reads"
        text = f"{flag.name} is declared, {does} it{given}"
        part.hazards.append(Hazard("dead_flag", flag.place, text))
        if SEED.search(name):
            part.hazards.append(
                Hazard("seed_unused", flag.place, f"{text}: no seed is set", "seed")
            )
    for word in seen.program.flags.strangers:
        text = f"the command gives {word.value!r}, which the script's parser refuses"
        part.hazards.append(Hazard("cli_flag_unknown", word.origin.place, text))
    return part
