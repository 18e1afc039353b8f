"""Numbers of a training that stand in its files and do not apply."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

from dualtrain.reading import Known, Place
from dualtrain.recipes._record import Hazard
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes._source_lines import text_of
from dualtrain.recipes.schedules._driving import driving

__all__ = ["decoys_part"]

BUILDS = re.compile(
    r"Adam\w*|SGD|Momentum|RMSProp|Lamb|LAMB|\w*Decay\w*|\w*LR|\w*Warmup\w*|\w*Plateau|ClipGrad\w*|"
    r"clip_grad_\w+|get_\w*schedule\w*|\w+_decay|adjust_learning_rate"
)
"""Names of what optimizers, schedules and clips are made with."""

RATE = re.compile(r"lr|learning_?rate|set_lr|lr_decay|adjust_learning_rate", re.IGNORECASE)

OPENS = re.compile(r"[:(\[,]\s*$")
"""How a line ends whose statement goes on."""

LONGEST = 12
"""Lines of a statement that is a comment."""


def decoys_part(seen: Seen) -> Part:
    """Hazards alone."""
    return Part(hazards=[*_commented_out(seen), *_never_stepped(seen)])


def _commented_out(seen: Seen) -> Iterator[Hazard]:
    """A call with numbers that is a comment, the first of each file that the training is in."""
    held = driving(seen)
    made = [seen.optimizer, *seen.updates, held]
    places = [place for one in made if (place := getattr(one, "place", None)) is not None]
    for file in dict.fromkeys([seen.program.entry.file, *(one.file for one in places)]):
        for line, code in _comments(text_of(seen.program, file).splitlines()):
            name = _call(code)
            if name:
                said = (
                    f"{name} with other numbers is a comment: {code.strip().splitlines()[0][:80]}"
                )
                yield Hazard("decoy_values", Place(file, line), said)
                break


def _comments(lines: list[str]) -> Iterator[tuple[int, str]]:
    """(line, code) of each line that is a comment, and of each run of them from any of its lines.

    Of a run only the shortest that is whole code counts: an `if` with its body, a call over lines.
    """
    bare = [one.strip()[1:] if one.strip().startswith("#") else None for one in lines]
    for at, first in enumerate(bare):
        if first is None:
            continue
        yield at + 1, first.lstrip("# \t")
        if not OPENS.search(first):
            continue
        run = [first]
        for more in bare[at + 1 : at + LONGEST]:
            if more is None:
                break
            run.append(more)
            yield at + 1, textwrap.dedent("\n".join(run))


def _call(code: str) -> str:
    """What code builds with numbers; empty where it does not."""
    if not (BUILDS.search(code) or RATE.search(code)):
        return ""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    if isinstance(tree.body[0] if tree.body else None, ast.If):
        names = [getattr(one, "id", getattr(one, "attr", "")) for one in ast.walk(tree)]
        rates = [one for one in names if RATE.fullmatch(one)]
        return rates[0] if rates and _has_a_number(tree) else ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            given = [*node.args, *(one.value for one in node.keywords)]
            if BUILDS.fullmatch(name) and any(map(_has_a_number, given)):
                return name
    return ""


def _has_a_number(given: ast.AST) -> bool:
    return any(
        isinstance(one, ast.Constant) and type(one.value) in (int, float) for one in ast.walk(given)
    )


def _never_stepped(seen: Seen) -> Iterator[Hazard]:
    """An optimizer with numbers of its own that is built, and another one trains."""
    if not seen.updates:
        return
    stepped = [one for one in seen.program.events if one.name in ("step", "minimize")]
    for made in seen.optimizers:
        value = made.result
        used = any(value in (one.receiver, *one.args) for one in stepped)
        own = any(
            isinstance(one, Known) and one.origin.how == "literal" and type(one.value) is float
            for one in (*made.args, *made.kwargs.values())
        )
        if made is not seen.optimizer and made.context.real and own and not used:
            text = f"{made.name} is built with numbers of its own and never stepped"
            yield Hazard("decoy_values", made.place, text)
