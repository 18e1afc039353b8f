"""Numbers of a training that stand in its files and do not apply."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import replace

from dualtrain.reading import Event, Known, Place
from dualtrain.recipes._decides import TRAINING, decides
from dualtrain.recipes._record import Hazard
from dualtrain.recipes._seen import Part, Seen, inside
from dualtrain.recipes._source_lines import text_of
from dualtrain.recipes.schedules._driving import driving, rate

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
    return Part(
        hazards=[
            *_commented_out(seen),
            *_commented_keys(seen),
            *_never_stepped(seen),
            *_not_read(seen),
            *_defaults(seen),
            *_of_another_choice(seen),
        ]
    )


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


def _commented_keys(seen: Seen) -> Iterator[Hazard]:
    """A key of a YAML file with a number, in a comment beside the one that applies."""
    for name in sorted({one.origin.place.file for one in _of_data(seen) if one.origin.place}):
        text = text_of(seen.program, name)
        stated = {key: number for key, number in KEY.findall(text)}
        for line, one in enumerate(text.splitlines(), 1):
            match = COMMENTED_KEY.fullmatch(one.rstrip())
            if match and TRAINING.search(match[1]) and stated.get(match[1], match[2]) != match[2]:
                said = f"{match[1]}: {match[2]} is a comment, and {stated[match[1]]} applies"
                yield Hazard("decoy_values", Place(name, line), said)
                break


KEY = re.compile(r"^ *(\w+): *([-+.\deE]+) *(?:#.*)?$", re.MULTILINE)
COMMENTED_KEY = re.compile(r" *# *(\w+): *([-+.\deE]+) *(?:#.*)?")


def _of_data(seen: Seen) -> Iterator[Known]:
    """Numbers of configurations that calls of the program are given."""
    for event in seen.program.events:
        for value in (*event.args, *event.kwargs.values()):
            for one in inside(value):
                if isinstance(one, Known) and one.origin.how == "configuration":
                    yield one


def _not_read(seen: Seen) -> Iterator[Hazard]:
    """A flag for the rate that nothing reads, beside a rate that is a number in the code."""
    given = rate(seen)
    if not (isinstance(given, Known) and given.origin.how == "literal" and not given.origin.name):
        return
    for flag in seen.program.flags.declared.values():
        if RATE_FLAG.fullmatch(flag.name) and not flag.reads:
            said = f"{flag.name} is not read, and the rate is {given.value} in the code"
            yield Hazard("decoy_values", flag.place, said)
            return


RATE_FLAG = re.compile(r"-*(base[-_])?(lr|learning[-_]rate)", re.IGNORECASE)


def _defaults(seen: Seen) -> Iterator[Hazard]:
    """Defaults of a function that trains, several numbers of a training, of which every call gives
    others."""
    updates = [one for one in seen.updates if one.context.real]
    names = {name for one in updates for name in one.context.functions}
    files = {one.place.file for one in updates}
    told: dict[Place, list[str]] = {}
    for (place, name), one in seen.program.flags.defaults.items():
        function, owner = one.function, one.function.owner
        trains = place.file in files and (
            function.name in names
            or (function.name == "__init__" and owner is not None and not owner.library)
        )
        if trains and decides(name) and not one.applies and one.given is not None:
            told.setdefault(place, []).append(f"{name} {one.value.value}")
    for place, each in told.items():
        if len(each) > 1:
            text = f"defaults that every call replaces: {', '.join(each)}"
            yield Hazard("decoy_values", place, text)


def _of_another_choice(seen: Seen) -> Iterator[Hazard]:
    """Numbers of an optimizer or a schedule that the recipe does not choose."""
    given, main = rate(seen), seen.optimizer
    ours = given.value if isinstance(given, Known) else None
    for made in seen.optimizers if main is not None else ():
        other = rate(replace(seen, optimizer=made))
        beside = main is not None and _together(made, main) and not made.context.real
        literal = isinstance(other, Known) and other.origin.how == "literal"
        if beside and literal and isinstance(other, Known) and other.value not in (ours, None):
            text = f"{made.name} with the rate {other.value} is not chosen"
            yield Hazard("decoy_values", made.place, text)
            return
    for flag in seen.program.flags.declared.values():
        if flag.reads and flag.idle and OF_A_CURVE.search(flag.name.replace("-", "_")):
            text = f"{flag.name} is read at {flag.reads[0]} alone, where the recipe does not come"
            yield Hazard("decoy_values", flag.place, text)
            return


def _together(one: Event, other: Event) -> bool:
    return (one.place.file, one.context.functions) == (other.place.file, other.context.functions)


OF_A_CURVE = re.compile(r"(decay|gamma|milestone|momentum)(_(rate|factor|epoch|step))?s?$")
"""Flags of a curve or of an optimizer's rule."""
