"""The schedule of a program: which it is, its numbers, and how its length is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dualtrain.reading import (
    Event,
    Function,
    Instance,
    Known,
    Library,
    ListValue,
    Made,
    Unknown,
    Value,
    alternatives,
)
from dualtrain.recipes._base_rate import base_rate
from dualtrain.recipes._clock import same_tree
from dualtrain.recipes._found import described, found, implied, number
from dualtrain.recipes._record import ABSENT, Found
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes.schedules._cycles import one_cycle, triangle
from dualtrain.recipes.schedules._driving import (
    beside,
    built,
    constructed,
    driving,
    factors,
    is_schedule,
    rate,
    writes,
)
from dualtrain.recipes.schedules._hazards import schedule_hazards
from dualtrain.recipes.schedules._lengths import (
    in_epochs,
    lengths_of,
    warmup_of,
)
from dualtrain.recipes.schedules._names import (
    SCHEDULES,
    LibrarySchedule,
    given_to,
    length_by_epochs,
    library_of,
    library_schedule,
)
from dualtrain.recipes.schedules._numeric import parts
from dualtrain.recipes.schedules._rules import (
    CODE,
    NUMBERS,
    SHARE,
    of_class,
    of_function,
    of_writes,
    unknown,
)
from dualtrain.recipes.schedules._stepping import stepped_per_epoch

__all__ = ["schedule_fields", "schedule_part"]

NAMES = {
    "linear": "get_linear_schedule_with_warmup",
    "cosine": "get_cosine_schedule_with_warmup",
    "cosine_with_restarts": "get_cosine_with_hard_restarts_schedule_with_warmup",
    "polynomial": "get_polynomial_decay_schedule_with_warmup",
    "constant": "get_constant_schedule",
    "constant_with_warmup": "get_constant_schedule_with_warmup",
    "inverse_sqrt": "get_inverse_sqrt_schedule",
}
"""What `get_scheduler` builds, by name."""

BERT_ADAM = {
    "warmup_linear": "linear",
    "warmup_cosine": "cosine",
    "warmup_constant": "constant",
    "none": "none",
}
"""Schedules inside an optimizer of pytorch_pretrained_bert."""

RATES = ("lr", "end_lr", "warmup_start")
"""Fields that may be scaled at run time, as the rate is."""

Fields = dict[str, Found]


def schedule_part(seen: Seen) -> Part:
    """schedule, its numbers, its length, and lr where the schedule holds it."""
    part = Part()
    if seen.optimizer is None:
        return part
    held = driving(seen)
    choices = _choices(seen, held)
    if len(choices) > 1:
        part.fields["schedule"] = _undecided(seen, choices)
        given = rate(seen)
        if given is not None and any(is_schedule(one) for one in alternatives(given)):
            part.fields["lr"] = _one_rate(seen, choices, part.fields["schedule"])
    elif held is not None:
        part.fields.update(_of_all(seen, held))
    else:
        part.fields.update(_none(seen))
    kind = part.fields.get("schedule")
    if kind is not None and kind.certainty == "unknown":
        part.fields.update(unknown(NUMBERS, kind.place, kind.why))
    part.fields.setdefault("length", ABSENT)
    _start(seen, part.fields)
    if len(choices) < 2:
        part.hazards += schedule_hazards(seen, held, part.fields)
    if any(one.code == "sched_not_attached" for one in part.hazards):
        part.fields.pop("lr", None)  # that of the optimizer
    return part


def _of_all(seen: Seen, held: Value) -> Fields:
    """Of the schedule that drives the rate, with a warmup that is an object of its own."""
    fields = _of(seen, held)
    for event, made in beside(seen, held):
        more = _of(seen, made)
        rises = more["schedule"].value == "constant" and "warmup" in more
        if not rises or "warmup" in fields:
            why = f"{described(held)} and {described(made)} both move the rate"
            doubted = ("schedule", *(["lr"] if "lr" in {**fields, **more} else []))
            return unknown(doubted, event.place, why)
        unit = more["warmup_unit"]
        if not more["warmup"].why and unit.value in ("steps", "epochs"):
            unit = replace(unit, value="epochs" if stepped_per_epoch(seen, made) else "steps")
        fields |= {"warmup": more["warmup"], "warmup_unit": unit}
    return fields


def _start(seen: Seen, fields: Fields) -> None:
    """The rate at the first update, of which only the share of the whole rate is known."""
    start = fields.get("warmup_start")
    if start is None or start.how != SHARE:
        return
    lr = fields.get("lr") or base_rate(rate(seen) or Known(None))
    if isinstance(lr.value, (int, float)):
        fields["warmup_start"] = replace(start, value=start.value * lr.value, how="computed")
    else:
        fields["warmup_start"] = Found(None, "unknown", start.place, why="of a rate not known")


def schedule_fields(seen: Seen, schedule: Value) -> dict[str, Found]:
    """The fields of one object of a schedule, whatever it drives."""
    fields = _of(seen, schedule)
    kind = fields.get("schedule")
    if kind is not None and kind.certainty == "unknown":
        fields = fields | unknown(NUMBERS, kind.place, kind.why)
    return fields


def _choices(seen: Seen, held: Value | None) -> list[Value]:
    """Schedules of which the text does not tell which one is built."""
    if held is None:
        return []
    given = rate(seen)
    found_: list[Value] = []
    if given is not None and any(one is held for one in alternatives(given)):
        found_ = [one for one in alternatives(given) if is_schedule(one) or _plain_rate(one)]
    else:
        by_place = {e.place: (e, made) for e, made in built(seen) if e.context.real}
        mine = next((e for e, made in by_place.values() if made is held), None)
        if mine is not None:
            found_ = [m for e, m in by_place.values() if m is held or _otherwise(e, mine)]
    return found_ if any(one is held for one in found_) else []


def _plain_rate(value: Value) -> bool:
    return isinstance(value, Known) and value.value is not None


def _otherwise(one: Event, other: Event) -> bool:
    """Whether two events stand on the two sides of a test that is not known."""
    sides = {id(c.test): c.holds for c in one.context.conditions if c.taken is None}
    return any(
        id(c.test) in sides and sides[id(c.test)] is not c.holds
        for c in other.context.conditions
        if c.taken is None
    )


def _undecided(seen: Seen, choices: list[Value]) -> Found:
    kinds = ", ".join(dict.fromkeys(described(one) for one in choices))
    place = getattr(choices[0], "place", None)
    return Found(None, "unknown", place, why=f"one of {kinds}: by a test that the text leaves open")


def _one_rate(seen: Seen, choices: list[Value], undecided: Found) -> Found:
    """The rate that each of the schedules is built with, where that is the same."""
    each = [
        base_rate(one) if isinstance(one, Known) else _of(seen, one).get("lr") or ABSENT
        for one in choices
    ]
    same = len({repr(one.value) for one in each}) == 1 and each[0].certainty == "stated"
    return each[0] if same else replace(undecided, why=f"that of {undecided.why}")


def _none(seen: Seen) -> Fields:
    """Where no object drives the rate: the loop does, the optimizer itself, or nothing."""
    stores = writes(seen)
    if stores:
        return of_writes(seen, stores)
    factor = next(factors(seen), None)
    if factor is not None:
        why = "the loop writes the parameters' own factors of the rate; write its rates as a table"
        return {
            "schedule": Found("custom", "stated", factor.place, why=why),
            **unknown(CODE, factor.place, why),
        }
    event = seen.optimizer
    assert event is not None
    if event.name in ("BertAdam", "OpenAIAdam"):
        return _bert_adam(seen, event)
    given = rate(seen)
    if isinstance(given, Made) and not given.path.startswith(("builtins", "numpy", "math")):
        why = f"{described(given)} is not followed"
        return {"schedule": Found(None, "unknown", given.place, why=why)}
    return {"schedule": Found("none", "stated", event.place, why="the rate is a plain number")}


def _of(seen: Seen, value: Value) -> Fields:
    """Of an object of a schedule."""
    if isinstance(value, Instance):
        return _of_instance(seen, value)
    if not isinstance(value, Made):
        return {"schedule": Found(None, "unknown", None, why=f"{described(value)}")}
    schedule = library_schedule(value.path)
    if schedule is None:
        why = f"{value.path} is a schedule whose rule is not known here"
        return {"schedule": Found("custom", "stated", value.place, why=why)}
    return _of_library(seen, value.path, schedule, given_to(value), value)


def _of_instance(seen: Seen, value: Instance) -> Fields:
    """Of a subclass: the library's rule with these numbers, or the subclass's own."""
    path = value.of.library
    schedule = library_schedule(path)
    event = next((e for e in seen.program.events if constructed(e) is value), None)
    own = [one for one in value.of.line if {"get_lr", "step", "_get_lr"} & set(one.cells)]
    if schedule is not None and not own and event is not None:
        return _of_library(seen, path, schedule, given_to(event), value)
    if schedule is not None and event is not None and path.endswith("Plateau"):
        return _of_library(seen, path, schedule, given_to(event), value)
    fields = of_class(seen, value)
    if schedule is not None and event is not None:
        base = _of_library(seen, path, schedule, given_to(event), value)
        kept = ({"lr", "end_lr", "gamma"} & set(base)) - ({"lr"} & set(fields))
        fields = {**fields, **{name: base[name] for name in kept}}
    elif event is not None:
        lr = event.kwargs.get("learning_rate", event.args[0] if event.args else None)
        if lr is not None and path.startswith("paddle") and "lr" not in fields:
            fields["lr"] = base_rate(lr)
    return fields


def _of_library(
    seen: Seen,
    path: str,
    schedule: LibrarySchedule,
    given: Mapping[str, Value],
    value: Value,
) -> Fields:
    place = getattr(value, "place", None)
    if schedule.schedule == "named":
        return _named(seen, path, given, value)
    values = {f: given[name] for f, name in schedule.named.items() if name in given}
    whole = length_by_epochs(given)
    if whole is not None:
        values["length"] = whole
    if schedule.schedule == "wrap":
        return _wrapped(seen, values, value)
    if schedule.schedule == "sequence":
        return _sequence(seen, values, value)
    if schedule.schedule == "lambda":
        return _lambda(seen, values, value)
    if schedule.schedule == "ramp":
        return _ramp(seen, path, schedule, values, value)
    fields: Fields = {"schedule": Found(schedule.schedule, "stated", place, "literal")}
    per_epoch = stepped_per_epoch(seen)
    open_ = "**" in given or "*" in given
    for field, name in schedule.named.items():
        if field in ("warmup", "length", "d_model", "restarts", "name"):
            continue
        if name in given:
            fields[field] = base_rate(given[name]) if field in RATES else found(given[name])
        elif open_:
            fields[field] = Found(None, "unknown", place, why=f"{name} comes out of what is spread")
        elif schedule.defaults.get(name) is not None and not _no_floor(field, schedule):
            fields[field] = implied(schedule.defaults[name], library_of(path), place)
    if fields["schedule"].value == "cosine" and "num_cycles" not in fields:
        cycles = 1.0 if "num_cycles" in schedule.named else 0.5
        fields["num_cycles"] = implied(cycles, library_of(path), place)
    if any(_written_by_a_loop(values.get(one)) for one in ("milestones", "values")):
        why = "a loop writes its rates; write them as a table"
        return unknown(("schedule", "lr"), place, why)
    _times(seen, path, values, fields, per_epoch)
    if schedule.schedule == "noam":
        _noam(values, fields)
    _restarts(given, fields)
    if path.endswith("CyclicLR"):
        fields |= triangle(seen, given, fields["schedule"])
    if path.endswith("OneCycleLR"):
        fields |= one_cycle(path, schedule, given, fields["schedule"])
    return fields


def _no_floor(field: str, schedule: LibrarySchedule) -> bool:
    """Whether an end is only how low a rate may fall that waits for a plateau, and is 0."""
    return field == "end_lr" and schedule.named[field] == "min_lr"


def _written_by_a_loop(rates: Value | None) -> bool:
    """Whether a list has an element for each round of a loop, as many as are not known."""
    return isinstance(rates, ListValue) and rates.open


def _times(
    seen: Seen, path: str, values: Mapping[str, Value], fields: Fields, per_epoch: bool | None
) -> None:
    """Length, warmup, milestones and step size, each in the unit that the program has it in."""
    if path.endswith(("cosine_decay", "CosineDecay")):
        fields["length"] = Found("epochs", "stated", fields["schedule"].place, "computed")
    if "length" in values:
        fields.update(lengths_of(seen, values["length"], per_epoch))
    unit = "epochs" if per_epoch else "steps"
    if "warmup" in values:
        whole = values.get("length")
        floats = path.startswith(("paddlenlp", "paddleformers")) and "Annealing" not in path
        fields["warmup"], fields["warmup_unit"] = warmup_of(
            seen, values["warmup"], whole, floats=floats, unit=unit
        )
    _milestones(seen, values, fields, per_epoch)


def _milestones(
    seen: Seen, values: Mapping[str, Value], fields: Fields, per_epoch: bool | None
) -> None:
    times = values.get("milestones")
    if isinstance(times, ListValue) and not times.open and times.values:
        epochs = in_epochs(times.values)
        if epochs is not None:
            first = epochs[0]
            fields["milestones"] = replace(
                first, value=[one.value for one in epochs], why=f"in epochs: {described(times)}"
            )
            fields["length"] = Found("epochs", "stated", first.place, "computed")
    size = values.get("step_size")
    if size is not None and fields["step_size"].certainty == "unknown":
        epochs = in_epochs([size])
        if epochs is not None:
            fields["step_size"] = replace(epochs[0], why=f"in epochs: {described(size)}")
            fields["length"] = Found("epochs", "stated", epochs[0].place, "computed")
    if per_epoch and "length" not in fields and ("step_size" in values or times is not None):
        fields["length"] = Found(
            "epoch_units", "stated", fields["schedule"].place, why="stepped once an epoch"
        )
    if "values" in fields and "lr" not in fields:
        rates = fields["values"]
        first_rate = rates.value[0] if isinstance(rates.value, list) and rates.value else None
        if first_rate is not None:
            fields["lr"] = replace(rates, value=first_rate, why="the first of the values")


def _noam(values: Mapping[str, Value], fields: Fields) -> None:
    """A width that is computed from a rate makes it the peak: 1 / (warmup * rate**2)."""
    width, warmup = values.get("d_model"), number(values.get("warmup"))
    if not isinstance(width, Known) or not width.op or not warmup:
        return
    for one in parts(width):
        n = number(one)
        if n and one is not width and abs(width.value * warmup * n * n - 1) < 1e-9:
            fields["lr"] = replace(found(one), why=f"the peak: d_model is {described(width)}")
            return


def _restarts(given: Mapping[str, Value], fields: Fields) -> None:
    restarts = given.get("with_hard_restarts")
    if isinstance(restarts, Known) and restarts.value:
        fields["schedule"] = replace(fields["schedule"], value="custom", why="hard restarts")


def _named(seen: Seen, path: str, given: Mapping[str, Value], value: Value) -> Fields:
    """`get_scheduler` by name."""
    place = getattr(value, "place", None)
    name = given.get("name")
    text = name.value if isinstance(name, Known) else None
    if isinstance(name, Library):
        text = name.path.rpartition(".")[2].lower()
    if not isinstance(text, str) or text not in NAMES:
        why = f"get_scheduler is given {described(name) if name is not None else 'no name'}"
        return {"schedule": Found(None, "unknown", place, why=why)}
    schedule = SCHEDULES["transformers"][NAMES[text]]
    words = {"num_warmup_steps", "num_training_steps", "num_cycles", "power"}
    kept = {one: v for one, v in given.items() if one in words}
    extra = given.get("scheduler_specific_kwargs")
    cells = getattr(extra, "cells", {})
    kept |= {str(k): v for k, v in cells.items()}
    fields = _of_library(seen, f"transformers.{NAMES[text]}", schedule, kept, value)
    flag = name.origin if isinstance(name, Known) else None
    if flag is not None and flag.name:
        fields["schedule"] = Found(
            fields["schedule"].value, "stated", flag.place, flag.how, flag.name
        )
    return fields


def _wrapped(seen: Seen, values: Mapping[str, Value], value: Value) -> Fields:
    """A warmup around a schedule, or around a number that is constant afterwards."""
    place = getattr(value, "place", None)
    inner = values.get("inner")
    if inner is not None and is_schedule(inner):
        fields = _of(seen, inner)
        if "warmup" in fields:
            why = f"a warmup around another: {described(inner)}"
            kept = {"lr": fields["lr"]} if "lr" in fields else {}
            return {"schedule": Found("custom", "stated", place, why=why), **kept}
        if not _shortened(_inner_length(inner)):
            fields["warmup_counted"] = Found("before", "stated", place, "literal")
    elif isinstance(inner, Unknown) and any(is_schedule(one) for one in alternatives(inner)):
        return {"schedule": _undecided(seen, list(alternatives(inner)))}
    else:
        fields = {"schedule": Found("constant", "stated", place, "literal")}
        if inner is not None:
            fields["lr"] = base_rate(inner)
    per_epoch = stepped_per_epoch(seen)
    if "warmup" in values:
        whole = _inner_length(inner)
        fields["warmup"], fields["warmup_unit"] = warmup_of(
            seen, values["warmup"], whole, unit="epochs" if per_epoch else "steps"
        )
    if "warmup_start" in values:
        fields["warmup_start"] = found(values["warmup_start"])
    peak, lr = found(values["peak"]) if "peak" in values else ABSENT, fields.get("lr", ABSENT).value
    numbers = isinstance(peak.value, (int, float)) and isinstance(lr, (int, float))
    if numbers and peak.value != lr:
        fields["warmup_peak"] = peak
    return fields


def _shortened(length: Value | None) -> bool:
    """Whether the warmup is taken off the length, so that the curve ends where training does."""
    return isinstance(length, (Known, Unknown)) and length.op == "-"


def _inner_length(inner: Value | None) -> Value | None:
    if not isinstance(inner, Made):
        return None
    schedule = library_schedule(inner.path)
    if schedule is None or "length" not in schedule.named:
        return None
    return given_to(inner).get(schedule.named["length"])


def _ramp(
    seen: Seen, path: str, schedule: LibrarySchedule, values: Mapping[str, Value], value: Value
) -> Fields:
    """LinearLR: a warmup where it ends at the whole rate, else a line."""
    name = schedule.named["end_factor"]
    ends = number(values["end_factor"]) if "end_factor" in values else schedule.defaults[name]
    place = getattr(value, "place", None)
    kind = "constant" if ends == 1 else "custom"
    fields: Fields = {"schedule": Found(kind, "stated", place, why="LinearLR")}
    over = values.get("warmup", Known(schedule.defaults.get(schedule.named["warmup"])))
    if ends == 1 and ("warmup" in values or number(over) is not None):
        unit = "epochs" if stepped_per_epoch(seen) else "steps"
        fields["warmup"], fields["warmup_unit"] = warmup_of(seen, over, None, unit=unit)
        low = values.get("start_factor", Known(schedule.defaults["start_factor"]))
        fields["warmup_start"] = replace(found(low), how=SHARE)
    if "lr" in values:
        fields["lr"] = base_rate(values["lr"])
    return fields


def _sequence(seen: Seen, values: Mapping[str, Value], value: Value) -> Fields:
    """A rise and then another schedule; of other sequences the first rate."""
    place = getattr(value, "place", None)
    parts_ = values.get("parts")
    inner = parts_.values if isinstance(parts_, ListValue) and not parts_.open else []
    joints = values.get("joints")
    joint = joints.values[0] if isinstance(joints, ListValue) and len(joints.values) == 1 else None
    if len(inner) == 2 and joint is not None:
        first, second = (_of(seen, one) for one in inner)
        rises = first["schedule"].value == "constant" and "warmup" not in second
        if rises and _as_long(inner[0], joint):
            rise = ("warmup", "warmup_unit", "warmup_start")
            if not _shortened(_inner_length(inner[1])):
                second["warmup_counted"] = Found("before", "stated", place, "literal")
            return {**second, **{name: first[name] for name in rise if name in first}}
    why = f"a sequence of {described(parts_) if parts_ is not None else 'schedules'}"
    return {"schedule": Found("custom", "stated", place, why=why)}


def _as_long(rise: Value, joint: Value) -> bool:
    """Whether a rise is over where the next schedule begins."""
    schedule = library_schedule(rise.path) if isinstance(rise, Made) else None
    if schedule is None or not isinstance(rise, Made) or schedule.schedule != "ramp":
        return False
    name = schedule.named["warmup"]
    over = given_to(rise).get(name, Known(schedule.defaults.get(name)))
    return number(over) == number(joint) if number(joint) is not None else same_tree(over, joint)


def _lambda(seen: Seen, values: Mapping[str, Value], value: Value) -> Fields:
    """A function of the program that gives the rate's factor."""
    rule = values.get("rule")
    if isinstance(rule, ListValue) and rule.values:
        same = {id(getattr(one, "node", one)) for one in rule.values}
        rule = rule.values[0] if len(same) == 1 else rule
    lr = {"lr": base_rate(values["lr"])} if "lr" in values else {}
    partial = isinstance(rule, Made) and rule.path == "functools.partial"
    if rule is None or not (partial or isinstance(rule, (Function, Instance))):
        why = f"its rule is {described(rule) if rule is not None else 'not given'}"
        place = getattr(value, "place", None)
        return {
            "schedule": Found("custom", "stated", place, why=why),
            **unknown(CODE, place, why),
            **lr,
        }
    return {**of_function(seen, rule, value), **lr}


def _bert_adam(seen: Seen, event: Event) -> Fields:
    """BertAdam(lr, warmup, t_total, schedule): it moves its rate itself."""
    names = ("params", "lr", "warmup", "t_total", "schedule")
    given = {**dict(zip(names, event.args, strict=False)), **event.kwargs}
    name, total, warmup = given.get("schedule"), given.get("t_total"), given.get("warmup")
    text = "warmup_linear" if name is None else name.value if isinstance(name, Known) else None
    if not isinstance(text, str) or text not in BERT_ADAM:
        why = "the schedule of BertAdam is not known"
        return {"schedule": Found(None, "unknown", event.place, why=why)}
    if total is None or number(total) == -1:
        why = "BertAdam without t_total keeps its rate"
        return {"schedule": Found("none", "stated", event.place, why=why)}
    fields: Fields = {"schedule": Found(BERT_ADAM[text], "stated", event.place, "literal")}
    fields.update(lengths_of(seen, total))
    if warmup is not None and number(warmup) != -1:
        fields["warmup"] = found(warmup)
        fields["warmup_unit"] = Found("fraction", "stated", event.place)
    return fields
