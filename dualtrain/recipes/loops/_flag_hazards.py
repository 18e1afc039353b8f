"""Flags of a training that have no effect, and words of a command that a script refuses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dualtrain.reading import Known, Place, Unknown
from dualtrain.recipes._clock import deep
from dualtrain.recipes._record import Hazard
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes._source_lines import module_of
from dualtrain.recipes.schedules._driving import driving, rate, writes

__all__ = ["flags_part"]

TRAINING = re.compile(
    r"(^|_)(lr|learning_?rate|decay|warm\w*|grad_norm|clip\w*|sched\w*|steps?|epochs?|accum\w*|"
    r"loss_scal\w*|scale_loss|beta[s12]?|eps\w*|momentum|seed|batch_size|fp16|bf16|amp|optim\w*)"
    r"(_|$)"
)
"""Names of what decides a training."""

OTHER = re.compile(
    r"logging|log_|save|eval|test|dev|valid|predict|print|display|report|checkpoint|worker|"
    r"(^|_)(step_size|num_steps_per|adv|start_epoch|start_step|resume)"
)
"""Names of what is written down or measured beside it."""

SEED = re.compile(r"(^|_)seed$")


def flags_part(seen: Seen) -> Part:
    """Hazards of flags; they decide no field."""
    part = Part()
    for flag in seen.program.flags.declared.values():
        name = flag.name.strip("-").replace("-", "_").lower()
        if flag.reads or not _trains(flag.name):
            continue
        given = ", and the command gives it" if flag.given else ""
        does = (
            f"handed on at {flag.passes[0]}, and nothing uses" if flag.passes else "nothing reads"
        )
        text = f"{flag.name} is declared, {does} it{given}"
        part.hazards.append(Hazard("dead_flag", flag.place, text))
        if SEED.search(name):
            part.hazards.append(
                Hazard("seed_unused", flag.place, f"{text}: no seed is set", "seed")
            )
    part.hazards += _overwritten(seen)
    for word in seen.program.flags.strangers:
        text = f"the command gives {word.value!r}, which the script's parser refuses"
        part.hazards.append(Hazard("cli_flag_unknown", word.origin.place, text))
    for one in seen.program.flags.text_numbers:
        if _trains(one.origin.name):
            text = f"{one.origin.name}: {one.value} is text to a reader of YAML 1.1"
            part.hazards.append(Hazard("text_number_in_yaml", one.origin.place, text))
    part.hazards += _assigned_again(seen)
    for name, old, new in seen.program.flags.overwritten:
        if _trains(name):
            text = f"{name} is {old.value} at {old.origin.place}, and {new.value} from here on"
            part.hazards.append(Hazard("constants_reassigned", new.origin.place, text))
    return part


def _trains(name: str) -> bool:
    """Whether a flag or key of this name decides a training."""
    last = name.rpartition(".")[2].strip("-").replace("-", "_").lower()
    return bool(TRAINING.search(last)) and not OTHER.search(last)


def _overwritten(seen: Seen) -> Iterator[Hazard]:
    """A rate that the optimizer is given and that the loop replaces before anything uses it."""
    given = rate(seen)
    flag = given.origin.name if isinstance(given, Known) else ""
    written = [one for one in writes(seen) if one.context.loops and one.args]
    if not flag or not written or driving(seen) is not None:
        return
    for one in written:
        for value in deep(one.args[0]):
            kept = isinstance(value, Unknown) and value.op in ("item", "attr", "element", "carried")
            if kept or (isinstance(value, Known) and value.origin.name == flag):
                return
    text = f"{flag} reaches the optimizer, and the loop writes another rate before the first update"
    yield Hazard("dead_flag", written[0].place, text)


def _assigned_again(seen: Seen) -> Iterator[Hazard]:
    """A constant of the entry, in capitals, that its module assigns a second time."""
    file = seen.program.entry.file
    first: dict[str, int] = {}
    tree = module_of(seen.program, file)
    for node in _of_module(tree):
        names = [one.id for one in node.targets if isinstance(one, ast.Name)]
        for name in filter(str.isupper, names):
            if not _trains(name):
                continue
            if name in first and node.lineno != first[name]:
                text = f"{name} is assigned at line {first[name]}, and again here"
                yield Hazard("constants_reassigned", Place(file, node.lineno), text)
                return
            if node in getattr(tree, "body", []):
                first.setdefault(name, node.lineno)


def _of_module(tree: ast.AST | None) -> Iterator[ast.Assign]:
    """The assignments of a module that no function holds, an `if` and a `with` open; of two sides
    of a choice the first, as only one of them is run."""
    for node in getattr(tree, "body", []):
        if isinstance(node, ast.Assign):
            yield node
        elif isinstance(node, (ast.If, ast.With, ast.Try)):
            yield from _of_module(node)
