"""What a program does with its schedule that its author may not have meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from dualtrain.reading import (
    Instance,
    Known,
    Library,
    ListValue,
    Loop,
    Made,
    Unknown,
    Value,
    alternatives,
)
from dualtrain.recipes._found import described, number
from dualtrain.recipes._record import ABSENT, Found, Hazard
from dualtrain.recipes._seen import Seen, inside
from dualtrain.recipes.schedules._clock_hazards import offset
from dualtrain.recipes.schedules._driving import construction, factors, is_schedule, rate, writes
from dualtrain.recipes.schedules._lengths import epochs_of
from dualtrain.recipes.schedules._names import SCHEDULES, given_to, library_schedule
from dualtrain.recipes.schedules._numeric import parts
from dualtrain.recipes.schedules._stepping import stepped_per_epoch

__all__ = ["schedule_hazards"]

LIKE_EPOCHS = 200
"""A step size or milestone up to which a number reads like epochs."""

Fields = Mapping[str, Found]


def schedule_hazards(seen: Seen, held: Value | None, fields: Fields) -> list[Hazard]:
    """Hazards of the schedule that drives the rate, or does not."""
    if held is None:
        return list(_in_loop(seen, fields))
    return [one for rule in RULES for one in rule(seen, held, fields)]


def _in_loop(seen: Seen, fields: Fields) -> Iterator[Hazard]:
    stores = [one for one in writes(seen) if one.context.real] or writes(seen)
    factor = next(factors(seen), None)
    if factor is not None:
        text = "the loop writes the parameters' own factors, by which Paddle multiplies the rate"
        yield Hazard("sched_in_loop", factor.place, text, "schedule")
    elif stores:
        kind = fields["schedule"].value
        text = f"the loop writes the rate into the optimizer's groups itself: {kind}"
        if seen.optimizer is not None and stores[-1].place == seen.optimizer.place:
            text = f"each round makes the optimizer anew, without what it has gathered: {kind}"
        yield Hazard("sched_in_loop", stores[-1].place, text, "schedule")


def _not_attached(seen: Seen, held: Value, fields: Fields) -> Iterator[Hazard]:
    given = rate(seen)
    if seen.framework != "paddle" or given is None:
        return
    if any(is_schedule(one) for one in alternatives(given)):
        return
    if any(True for _ in seen.calls("set_lr_scheduler")):
        return
    event = construction(seen, held)
    text = (
        f"the optimizer is given {described(given)} as its rate, and not {described(held)}: "
        "the rate is constant"
    )
    yield Hazard("sched_not_attached", event.place if event else None, text, "schedule")


def _not_subtracted(seen: Seen, held: Value, fields: Fields) -> Iterator[Hazard]:
    event = construction(seen, held)
    schedule = None if event is None else library_schedule(event.path)
    if event is None or schedule is None or schedule.schedule not in ("wrap", "sequence"):
        return
    if number(given_to(event).get(schedule.named.get("warmup", ""))) == 0:
        return
    if "warmup" not in fields:
        return
    given = given_to(event)
    inner = given.get(schedule.named.get("inner", "")) or _last(given.get("schedulers"))
    if not isinstance(inner, Made):
        return
    whole = _timed(inner)
    late = f"{fields['warmup'].value or 'the warmup'} {fields['warmup_unit'].value or ''}".strip()
    if whole and not any(
        isinstance(one, (Known, Unknown)) and one.op == "-" for v in whole for one in parts(v)
    ):
        text = (
            f"the warmup goes before {described(inner)}, whose times do not take it off: each "
            f"comes {late} later, and what lies beyond the end of training is never reached"
        )
        yield Hazard("sched_warmup_not_subtracted", event.place, text, "warmup.counted")


def _last(value: Value | None) -> Value | None:
    return value.values[-1] if isinstance(value, ListValue) and value.values else None


def _timed(inner: Made) -> list[Value]:
    """The length of a schedule, or its milestones."""
    schedule = library_schedule(inner.path)
    if schedule is None:
        return []
    given = given_to(inner)
    names = [
        schedule.named[f] for f in ("length", "milestones", "step_size") if f in schedule.named
    ]
    found: list[Value] = []
    for name in names:
        value = given.get(name)
        if isinstance(value, ListValue):
            found += value.values
        elif value is not None:
            found.append(value)
    return found


def _jumps(seen: Seen, held: Value, fields: Fields) -> Iterator[Hazard]:
    if fields["schedule"].why.startswith("the curve counts from the first update"):
        text = "after its warmup the curve goes on as if there had been none: the rate jumps"
        yield Hazard("sched_jump_after_warmup", fields["schedule"].place, text, "warmup.counted")
        return
    peak = fields.get("warmup_peak", ABSENT)
    if peak.value is not None:
        text = (
            f"warmup ends at {peak.value} and the schedule behind it begins at {fields['lr'].value}"
        )
        event = construction(seen, held)
        yield Hazard("sched_jump_after_warmup", event.place if event else None, text, "warmup")


def _shadowed(seen: Seen, held: Value, fields: Fields) -> Iterator[Hazard]:
    names = {name: one for table in SCHEDULES.values() for name, one in table.items()}
    event = construction(seen, held)
    schedule = None if event is None else library_schedule(event.path)
    own = [held.of.name] if isinstance(held, Instance) else []
    if event is not None and schedule is not None and schedule.schedule == "lambda":
        own += event.context.functions
    for name in own:
        theirs = names.get(name)
        if theirs is not None and fields["schedule"].value != theirs.schedule:
            text = (
                f"the program's own {name} is not the library's of that name ({theirs.schedule}): "
                "its rule is another one"
            )
            yield Hazard("sched_name_shadowed", getattr(held, "place", None), text, "schedule")
            return


FULL_WAVE = "CosineDecayWithWarmup"


def _full_wave(seen: Seen, held: Value, fields: Fields) -> Iterator[Hazard]:
    event = construction(seen, held)
    if event is None:
        return
    if event.name == FULL_WAVE and event.path.startswith(("paddlenlp", "paddleformers")):
        cycles = given_to(event).get("num_cycles")
        if cycles is None or (isinstance(cycles, Known) and cycles.value is None):
            text = "paddlenlp's cosine is a whole wave by default: it ends at its peak"
            yield Hazard("sched_cosine_full_wave_option", event.place, text, "schedule.half_waves")
        return
    for module in seen.program.modules.values():
        if event.place.file != module.file:
            continue
        for value in module.cells.values():
            path = value.path if isinstance(value, Library) else ""
            if path.startswith(("paddlenlp", "paddleformers")) and path.endswith(f".{FULL_WAVE}"):
                text = f"{module.file} can build {path}, which is a whole wave by default"
                yield Hazard(
                    "sched_cosine_full_wave_option", event.place, text, "schedule.half_waves"
                )
                return


def _lambda(seen: Seen, held: Value, fields: Fields) -> Iterator[Hazard]:
    event = construction(seen, held)
    schedule = None if event is None else library_schedule(event.path)
    if event is not None and schedule is not None and schedule.schedule == "lambda":
        text = f"the rule is code: {fields['schedule'].value}"
        yield Hazard("sched_lambda", event.place, text, "schedule")


def _longer(seen: Seen, held: Value, fields: Fields) -> Iterator[Hazard]:
    event = construction(seen, held)
    schedule = None if event is None else library_schedule(event.path)
    if event is None or schedule is None or "length" not in schedule.named:
        return
    length = given_to(event).get(schedule.named["length"])
    trained = _epochs(seen)
    if length is None or trained is None:
        return
    laid = number(length) if stepped_per_epoch(seen) else None
    if laid is None:
        over = epochs_of(length)
        laid = over.value if over is not None else None
    if isinstance(laid, (int, float)) and laid > trained:
        text = f"laid out over {laid} epochs, and training ends after {trained}"
        yield Hazard("sched_longer_than_training", event.place, text, "horizon", epochs=float(laid))


def _epochs(seen: Seen) -> int | None:
    """The epochs of the loop around the batches, where they are known."""
    batch = seen.batch_loop
    for one in seen.updates:
        loops = one.context.loops
        if batch not in loops or loops.index(batch) == 0:
            continue
        return _rounds(loops[loops.index(batch) - 1])
    return None


def _rounds(loop: Loop) -> int | None:
    if loop.over is None:
        return None
    for one in inside(loop.over):
        if isinstance(one, Made) and one.path == "builtins.range":
            bounds = [number(bound) for bound in one.args]
            if len(bounds) in (1, 2) and all(isinstance(n, int) for n in bounds):
                return len(range(*(int(n) for n in bounds if n is not None)))
    return None


def _unit(seen: Seen, held: Value, fields: Fields) -> Iterator[Hazard]:
    if stepped_per_epoch(seen) is not False:
        return
    event = construction(seen, held)
    for name in ("step_size", "milestones"):
        value = fields[name].value if name in fields else None
        times = value if isinstance(value, list) else [value]
        if fields.get(name) is None or fields[name].why.startswith("in epochs") or not times:
            continue
        if all(isinstance(one, (int, float)) and 0 < one <= LIKE_EPOCHS for one in times):
            text = f"{name} {value} reads like epochs, and the schedule is stepped per batch"
            yield Hazard("sched_unit_suspect", event.place if event else None, text, "schedule.per")


RULES: tuple[Callable[[Seen, Value, Fields], Iterator[Hazard]], ...] = (
    _not_attached,
    offset,
    _not_subtracted,
    _jumps,
    _shadowed,
    _full_wave,
    _lambda,
    _longer,
    _unit,
)
