"""A library's Trainer in a program: its arguments, and what the program hands it besides."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from dualtrain.errors import SourceError
from dualtrain.reading import (
    Event,
    Function,
    Instance,
    Known,
    ListValue,
    Made,
    Node,
    Place,
    Unknown,
    Value,
    read_data,
)
from dualtrain.reading._files import find
from dualtrain.recipes._found import described, found
from dualtrain.recipes._record import Found, Hazard
from dualtrain.recipes._seen import Part, Seen, inside
from dualtrain.recipes.loops._batches import quotient_of_batches
from dualtrain.recipes.loops._clip import clip_part
from dualtrain.recipes.parameters._decay import decay_part
from dualtrain.recipes.parameters._freeze import frozen_part
from dualtrain.recipes.parameters._optimizer import optimizer_part
from dualtrain.recipes.schedules._hazards import schedule_hazards
from dualtrain.recipes.schedules._part import schedule_fields
from dualtrain.recipes.trainers._defaults import DEFAULTS
from dualtrain.recipes.trainers._models import OWN
from dualtrain.recipes.trainers._releases import release_of
from dualtrain.recipes.trainers._trainers import trainer_recipe

__all__ = ["trainer_of", "trainer_part"]

FAMILIES = ("paddlenlp", "paddleformers", "transformers", "trl", "llmtuner")
SCHEDULE = (
    "schedule", "warmup", "warmup_unit", "warmup_start", "num_cycles", "power", "end_lr", "gamma",
    "step_size", "milestones", "values", "length",
)  # fmt: skip
OF_A_CURVE = ("sched_last_epoch_offset", "sched_name_shadowed", "sched_lambda")
"""Hazards of a schedule, whoever steps it."""
OPTIMIZER = (
    "optimizer", "betas", "eps", "weight_decay", "decay_exclude", "decay_match", "param_groups",
)  # fmt: skip
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
    for event in seen.program.events:
        stored = event.kind == "store" and event.path == ".optimizer" and event.context.real
        mine = stored and event.receiver is _value(trainer) and seen.made is not None
        if mine and seen.of_optimizer(event.args[0]):
            return event.place
    return None


def _schedule(trainer: Event) -> Value | None:
    """The schedule of its own that the program hands the Trainer."""
    optimizers = trainer.kwargs.get("optimizers")
    if isinstance(optimizers, ListValue) and len(optimizers.items) == 2:
        second = optimizers.values[1]
        if not (isinstance(second, Known) and second.value is None):
            return second
    return None


METHODS = {
    "create_scheduler": SCHEDULE,
    "create_optimizer": OPTIMIZER,
    "create_optimizer_and_scheduler": (*SCHEDULE, *OPTIMIZER),
    "get_decay_parameter_names": ("decay_exclude", "decay_match"),
}
"""What of a Trainer a subclass may do its own way -> the fields that it decides."""


def _own_way(trainer: Event) -> dict[str, Found]:
    """Fields that a method of the program's own Trainer decides."""
    of = trainer.receiver.of if isinstance(trainer.receiver, Instance) else None
    doubts: dict[str, Found] = {}
    for one in reversed(of.line) if of is not None else ():
        for name, fields in METHODS.items():
            method = one.cells.get(name)
            if isinstance(method, Function):
                place = Place(one.module.file, method.node.lineno)
                why = f"{one.name}.{name} decides it: look there"
                of_optimizer = _beyond(method.node) if "optimizer" in name else ()
                every = (*fields, *of_optimizer)
                doubts |= {field: Found(None, "unknown", place, why=why) for field in every}
    return doubts


def _beyond(method: ast.AST) -> Iterator[str]:
    """Further fields that a method decides which makes the optimizer: a rate that is not the
    arguments' own, a momentum."""
    for one in ast.walk(method):
        if not isinstance(one, ast.keyword):
            continue
        plain = isinstance(one.value, ast.Attribute) and one.value.attr == "learning_rate"
        if one.arg in ("lr", "learning_rate") and not plain:
            yield "lr"
        elif one.arg in ("momentum", "nesterov"):
            yield one.arg


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
    own, schedule = _handed(seen, trainer), _taken(_schedule(trainer))
    if own is not None:
        clips = [] if family == "transformers" else [clip_part(seen)]  # it clips whatever it holds
        for one in (optimizer_part(seen), decay_part(seen), *clips):
            part.fields |= one.fields
            part.hazards += one.hazards
    given = _given(trainer, family)
    fields, hazards = trainer_recipe(
        family,
        release_of(root, family, near),
        given,
        own_optimizer=own,
        own_schedule=trainer.place if schedule is not None else None,
        own_groups=_groups(seen, trainer),
        deepspeed=_data(seen, given.get("deepspeed"), root),
    )
    fields |= frozen_part(seen).fields
    if schedule is not None:
        own_curve = schedule_fields(seen, schedule)
        fields |= {name: one for name, one in own_curve.items() if name in (*SCHEDULE, "lr")}
        odd = schedule_hazards(seen, schedule, own_curve)
        part.hazards += [one for one in odd if one.code in OF_A_CURVE]
        part.hazards += _beside(own_curve.get("warmup"), given)
    part.fields = {**fields, **part.fields, **_own_way(trainer)}
    part.hazards += hazards
    part.hazards += _effective(seen, _values(_handed_arguments(trainer)) or {})
    return part


def _beside(warmup: Found | None, given: Mapping[str, Found]) -> Iterator[Hazard]:
    """A share of warmup beside the steps that the program's own schedule takes."""
    ratio = given.get("warmup_ratio")
    steps = (warmup.flag or "") if warmup is not None and warmup.value else ""
    if steps.endswith("warmup_steps") and ratio is not None and ratio.value:
        text = f"warmup_ratio {ratio.value} has no effect: the schedule takes warmup_steps"
        yield Hazard("decoy_values", ratio.place, text)


def _effective(seen: Seen, given: Mapping[str, Value]) -> Iterator[Hazard]:
    """An accumulation that is the quotient of two batch sizes."""
    value = given.get("gradient_accumulation_steps")
    place = quotient_of_batches(seen, value) if value is not None else None
    if place is not None:
        text = "the accumulation is one batch size over another: the larger is that of an update"
        yield Hazard("batch_is_effective", place, text, "batch.size")


def _data(seen: Seen, named: Found | None, root: Path) -> Node | None:
    """The file of data that an argument names; None where it is not there, or is none."""
    path = named.value if named is not None else None
    file = find(seen.program.machine, path) if isinstance(path, str) else None
    try:
        return read_data(file, root) if file is not None else None
    except SourceError:
        return None


def _given(trainer: Event, family: str) -> dict[str, Found]:
    """What the Trainer's arguments are given, by name; all unknown where they are not read."""
    arguments = _handed_arguments(trainer)
    given = _values(arguments)
    if given is None:
        why = f"the Trainer's arguments are {described(arguments)}, which is not known"  # type: ignore[arg-type]
        doubt = Found(None, "unknown", trainer.place, why=why)
        return dict.fromkeys(DEFAULTS[family], doubt)
    read = {name: found(_named(name, value)) for name, value in given.items()}
    of_class = [f"library default of {path}" for path in OWN]
    return {n: one for n, one in read.items() if one.certainty != "implied" or one.how in of_class}


def _handed_arguments(trainer: Event) -> Value | None:
    arguments = trainer.kwargs.get("args")
    if arguments is None and len(trainer.args) > 1:
        arguments = next((one for one in trainer.args[1:] if _arguments(one)), None)
    return _taken(arguments)


def _values(arguments: Value | None) -> dict[str, Value] | None:
    """The Trainer's arguments by name; None where they are not read."""
    if arguments is None:
        return {}
    if isinstance(arguments, Unknown) and arguments.op == "if":
        return None
    for one in inside(arguments):
        if isinstance(one, Made) and _arguments(one):
            return {**one.kwargs, **{k: v for k, v in one.cells.items() if isinstance(k, str)}}
        if isinstance(one, Instance):
            return dict(one.cells)
    return None


def _taken(value: Value | None) -> Value | None:
    """Of a choice that the text decides the side that is taken."""
    while isinstance(value, Unknown) and value.op == "if":
        test = value.operands[0]
        if not isinstance(test, Known):
            break
        value = value.operands[1 if test.value else 2]
    return value


def _named(name: str, value: Value) -> Value:
    """An argument as a loop over all of them by name leaves it: `if name in mapping`."""
    while isinstance(value, Unknown) and value.op == "if":
        test, yes, no = value.operands
        if isinstance(test, Known):
            value = yes if test.value else no
            continue
        each, names = (
            test.operands if isinstance(test, Unknown) and test.op == "in" else (None,) * 2
        )
        if not (isinstance(each, Unknown) and each.op == "element"):
            return value
        of = each.operands[0]
        own = isinstance(of, Made) and of.path in ("builtins.vars", "builtins.dir")
        known = names.values if isinstance(names, ListValue) else []
        if not own or not any(isinstance(one, Known) and one.value == name for one in known):
            return value
        value = yes
    return value


def _arguments(value: Value) -> bool:
    path = value.path if isinstance(value, Made) else ""
    return path.endswith(("Arguments", "Config")) or isinstance(value, Instance)
