"""A library's Trainer in a program: its arguments, and what the program hands it besides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dualtrain.reading import Event, Instance, Known, ListValue, Made, Place, Value
from dualtrain.recipes._clip import clip_part
from dualtrain.recipes._decay import decay_part
from dualtrain.recipes._found import found
from dualtrain.recipes._optimizer import optimizer_part
from dualtrain.recipes._record import Found
from dualtrain.recipes._releases import release_of
from dualtrain.recipes._seen import Part, Seen, inside
from dualtrain.recipes._trainers import trainer_recipe

__all__ = ["trainer_of", "trainer_part"]

FAMILIES = ("paddlenlp", "paddleformers", "transformers", "trl", "llmtuner")
OURS = {"trl": "transformers", "llmtuner": "transformers"}
"""Trainers that are another library's underneath."""


def trainer_of(seen: Seen) -> Event | None:
    """Where the Trainer is made that trains; None if none does, or the program's own loop."""
    made = [one for one in seen.program.events if one.kind == "call" and _makes(one)]
    entered = [one for one in made if one.context.real] or made
    if not entered or (seen.updates and not any(_handed(seen, one) for one in entered)):
        return None
    trained = [one for one in entered if any(_trains(seen, one))]
    return (trained or entered)[0]


def _makes(event: Event) -> bool:
    path = event.path.removesuffix(".__init__")
    return path.partition(".")[0] in FAMILIES and path.endswith("Trainer")


def _value(event: Event) -> Value:
    return event.receiver if isinstance(event.receiver, Instance) else event.result


def _trains(seen: Seen, trainer: Event) -> Iterator[bool]:
    for one in seen.program.events:
        if one.name == "train" and one.receiver is _value(trainer):
            yield True


def _handed(seen: Seen, trainer: Event) -> Place | None:
    """Where the program hands the Trainer an optimizer of its own."""
    for given in (*trainer.args, *trainer.kwargs.values()):
        parts = given.values if isinstance(given, ListValue) else [given]
        for one in parts:
            if any(value is seen.made for value in inside(one)) and seen.made is not None:
                return trainer.place
    for one in seen.program.events:
        stored = one.kind == "store" and one.path == ".optimizer"
        own = stored and one.receiver is _value(trainer) and one.context.real
        if own and seen.made is not None and seen.of_optimizer(one.args[0]):
            return one.place
    return None


def _schedule(trainer: Event) -> Place | None:
    """Where the program hands the Trainer a schedule of its own."""
    optimizers = trainer.kwargs.get("optimizers")
    if isinstance(optimizers, ListValue) and len(optimizers.items) == 2:
        second = optimizers.values[1]
        if not (isinstance(second, Known) and second.value is None):
            return trainer.place
    return None


def _groups(seen: Seen, trainer: Event) -> Place | None:
    for one in seen.program.events:
        named = one.name == "set_optimizer_grouped_parameters"
        if named and one.receiver is _value(trainer) and one.context.real:
            return one.place
    return None


def trainer_part(seen: Seen, trainer: Event, root: Path) -> Part:
    """All fields of a recipe that a Trainer trains."""
    first = trainer.path.partition(".")[0]
    family = OURS.get(first, first)
    near = trainer.place.file.rpartition("/")[0]
    part = Part()
    own = _handed(seen, trainer)
    if own is not None:
        for one in (optimizer_part(seen), decay_part(seen), clip_part(seen)):
            part.fields |= one.fields
            part.hazards += one.hazards
    fields, hazards = trainer_recipe(
        family,
        release_of(root, family, near),
        _given(trainer),
        own_optimizer=own,
        own_schedule=_schedule(trainer),
        own_groups=_groups(seen, trainer),
    )
    part.fields = {**fields, **part.fields}
    part.hazards += hazards
    return part


def _given(trainer: Event) -> dict[str, Found]:
    """What the Trainer's arguments are given, by name."""
    arguments = trainer.kwargs.get("args")
    if arguments is None and len(trainer.args) > 1:
        arguments = next((one for one in trainer.args[1:] if _arguments(one)), None)
    given: dict[str, Value] = {}
    for one in inside(arguments) if arguments is not None else ():
        if isinstance(one, Made) and _arguments(one):
            given |= {**one.kwargs, **{k: v for k, v in one.cells.items() if isinstance(k, str)}}
            break
        if isinstance(one, Instance):
            given |= one.cells
            break
    return {name: found(value) for name, value in given.items()}


def _arguments(value: Value) -> bool:
    path = value.path if isinstance(value, Made) else ""
    return path.endswith(("Arguments", "Config")) or isinstance(value, Instance)
