"""What a training loop does that its author may not have meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dualtrain.reading import DictValue, Event, Instance, Known, Made, Place, Unknown, Value
from dualtrain.recipes._clock import Clock, deep, exclusive, names_of, same_tree
from dualtrain.recipes._configured import configured, of_processes, reached
from dualtrain.recipes._found import described
from dualtrain.recipes._record import Hazard
from dualtrain.recipes._seen import inside
from dualtrain.recipes.loops._length import LIMIT, arguments, forever, limits, overrun
from dualtrain.recipes.loops._tails import tail
from dualtrain.recipes.loops._weighing import weighing
from dualtrain.recipes.schedules._clock_hazards import own_number
from dualtrain.recipes.schedules._counting import STEPS, schedule_steps
from dualtrain.recipes.schedules._driving import driving, rate, writes

__all__ = ["hazards"]

DEEPEST = 12
"""Steps into what a rate is computed from."""

CLIPS = ("clip_grad_norm_", "clip_grad_value_", "clip_grad_norm")


def hazards(clock: Clock) -> list[Hazard]:
    """All that are seen."""
    rules = (
        _off_by_one,
        _bits,
        _not_divided,
        _tail,
        _clips_each,
        _several_backwards,
        _adversarial,
        _several_optimizers,
        _schedule,
        _endless,
        _limits,
        _scaled,
        _written_apart,
    )
    return [one for rule in rules for one in rule(clock)]


# Accumulation


def _off_by_one(clock: Clock) -> Iterator[Hazard]:
    gate = clock.gate
    if gate is None or gate.first is None or gate.first == 1:
        return
    n = configured(gate.size)
    given = f"; n is {n.value} here" if isinstance(n, Known) else ""
    text = (
        f"the count that lets an update through is {gate.first} at the first micro-batch, so the "
        f"first update comes after {'one micro-batch' if gate.first == 0 else 'fewer or more'} "
        f"instead of n{given}"
    )
    yield Hazard("accum_off_by_one", gate.condition.place, text)


def _bits(clock: Clock) -> Iterator[Hazard]:
    """A step's bits, where its remainder was meant."""
    for update in clock.updates:
        for condition in clock.own(update):
            bits = [v for v in deep(condition.test) if isinstance(v, Unknown) and v.op == "&"]
            if bits:
                text = (
                    f"an update waits for {described(bits[0])}: the bits that two numbers share, "
                    "not the remainder, so updates do not come in groups of one size"
                )
                yield Hazard("accum_condition_bits", condition.place, text, "batch.accumulate")
                return


def _not_divided(clock: Clock) -> Iterator[Hazard]:
    found = weighing(clock)
    if found is None or found.value != "sum":
        return
    text = (
        "the losses of the micro-batches are summed, not divided by their number: gradients are "
        "n times as large under accumulation"
    )
    yield Hazard("accum_loss_not_divided", found.place, text, "batch.normalise")


def _tail(clock: Clock) -> Iterator[Hazard]:
    gate, found = clock.gate, tail(clock)
    if gate is None or found is None or found.value != "leak":
        return
    n = configured(gate.size)
    if not (isinstance(n, Known) and isinstance(n.value, int) and n.value > 1):
        return
    text = (
        f"micro-batches left over at the end of an epoch (up to {n.value - 1}) go into the next "
        "one's first update"
    )
    yield Hazard("accum_tail_leaks", gate.condition.place, text, "batch.tail")


def _clips_each(clock: Clock) -> Iterator[Hazard]:
    if clock.gate is None:
        return
    clips = [e for e in clock.seen.program.events if e.name in CLIPS and clock.within(e)]
    entered = [one for one in clips if clock.entered(one)] or clips
    for one in entered:
        if clock.gated(one) is None:
            text = (
                "gradients are clipped after each micro-batch: the parts of an accumulated "
                "gradient are cut, not the whole"
            )
            yield Hazard("accum_clip_each_micro_batch", one.place, text)
            return


# Backward passes and optimizers


def _several_backwards(clock: Clock) -> Iterator[Hazard]:
    found: dict[Place, Event] = {}
    for one in clock.seen.backwards:
        if clock.within(one) and clock.entered(one):
            found.setdefault(one.place, one)
    events = list(found.values())
    for number, one in enumerate(events):
        for other in events[number + 1 :]:
            if not exclusive(one, other):
                text = f"backward passes at {one.place} and at {other.place} go into one update"
                yield Hazard("many_backwards_one_step", other.place, text)
                return


def _adversarial(clock: Clock) -> Iterator[Hazard]:
    for one in clock.inside():
        of = one.receiver.of.name.lower() if isinstance(one.receiver, Instance) else ""
        names = {name.lower() for name in (*one.context.functions, one.name)}
        if names & {"attack", "restore_embed"} or of in ("fgm", "pgd", "awp", "freelb"):
            text = "a second backward pass at disturbed parameters goes into each update"
            yield Hazard("adversarial_step", one.place, text)
            return


def _several_optimizers(clock: Clock) -> Iterator[Hazard]:
    stepped: dict[int, Event] = {}
    for one in clock.inside():
        if one.kind != "call" or one.name not in ("step", "minimize"):
            continue
        for made in clock.seen.optimizers:
            value = made.receiver if isinstance(made.receiver, Instance) else made.result
            given = [one.receiver, *one.args]
            mine = any(v is value for g in given if g is not None for v in inside(g))
            if mine:
                stepped.setdefault(id(made), one)
    steps = list(stepped.values())
    apart = len({one.place for one in steps}) > 1
    if apart and not any(exclusive(steps[0], one) for one in steps[1:]):
        text = f"{len(steps)} optimizers take steps in one loop"
        yield Hazard("several_optimizers", steps[1].place, text)


# The schedule


def _schedule(clock: Clock) -> Iterator[Hazard]:
    held = driving(clock.seen)
    if held is None or "fluid." in getattr(held, "path", ""):
        return
    steps = schedule_steps(clock)
    place = getattr(held, "place", None)
    if not steps:
        yield Hazard(
            "sched_never_stepped",
            place,
            "the schedule is built and never stepped: the rate stays what it is at the first "
            "update",
        )
        return
    entered = [one for one in steps if clock.entered(one)]
    if not entered:
        yield Hazard(
            "sched_flag_gated",
            steps[0].place,
            "the schedule is stepped in a branch only that is not entered: the rate stays what it "
            "is at the first update",
        )
        return
    n = configured(clock.size) if clock.size is not None else None
    free = [one for one in entered if clock.within(one) and clock.gated(one) is None]
    if isinstance(n, Known) and isinstance(n.value, int) and n.value > 1 and free == entered:
        text = f"the schedule is stepped at each micro-batch, {n.value} times an update"
        yield Hazard("sched_per_micro_batch", free[0].place, text, "schedule")
    yield from _before(clock, entered)


def _before(clock: Clock, steps: list[Event]) -> Iterator[Hazard]:
    events = clock.seen.program.events
    called = [e for e in steps if e.kind == "call" and e.name in STEPS]
    updates = [one for one in clock.updates if clock.update_loop in one.context.loops]
    if not called or not updates:
        return
    first = called[0]
    per_epoch = clock.update_loop not in first.context.loops
    if per_epoch and (clock.epoch_loop not in first.context.loops or first.args):
        return
    if own_number(first) is not None or "Plateau" in first.path:
        return
    if events.index(first) < min(events.index(one) for one in updates):
        text = (
            "the schedule is stepped before the updates of its epoch: each epoch has the rate of "
            "the next"
            if per_epoch
            else "the schedule is stepped before the update: the first update has the second rate"
        )
        yield Hazard("sched_before_optimizer", first.place, text, "shift", ahead=1)


# The run


def _endless(clock: Clock) -> Iterator[Hazard]:
    loop = forever(clock)
    if loop is not None:
        yield Hazard("endless_loop", loop.place, "nothing ends this loop")


def _limits(clock: Clock) -> Iterator[Hazard]:
    stop, epochs, schedule = limits(clock)
    place = clock.loop.place
    if schedule is not None and stop is None and epochs is None and clock.epoch_loop is not None:
        text = "the limit of steps shapes the schedule only: training goes on through its epochs"
        yield Hazard("max_steps_not_a_stop", place, text, "duration")
    if stop is not None and schedule is None and _of_epochs(clock):
        text = "the limit of steps ends the run, and the schedule is laid out over all epochs"
        yield Hazard("max_steps_not_in_schedule", place, text, "horizon")
    over = overrun(clock) if stop is not None or clock.epoch_loop is None else None
    if over is not None:
        yield Hazard("max_steps_off_by_one", over.place, over.why, "duration.updates")


def _of_epochs(clock: Clock) -> bool:
    """Whether the schedule's length comes from epochs alone."""
    names = {name for value in arguments(clock) for name in names_of(value)}
    return any("epoch" in name for name in names) and not any(map(LIMIT.search, names))


def _scaled(clock: Clock) -> Iterator[Hazard]:
    given = rate(clock.seen)
    held = driving(clock.seen)
    values = [given] if given is not None else []
    if isinstance(held, Made):
        values += [held.kwargs[n] for n in ("learning_rate", "lr_max") if n in held.kwargs]
        values += held.args[:1]
    values += _group_rates(clock)
    for value in values:
        for one in reached(value):
            if (
                isinstance(one, (Known, Unknown))
                and one.op in ("*", "/")
                and len(one.operands) == 2
            ):
                names = names_of(one.operands[1]) | names_of(one.operands[0])
                batches = any("batch_size" in name for name in names)
                if batches or any(of_processes(side) for side in one.operands):
                    text = "the rate is scaled by the number of processes or the batch size"
                    place = one.origin.place
                    yield Hazard("lr_scaled_at_run_time", place, text)
                    return
    for event in writes(clock.seen):
        if any(
            "batch_size" in one.origin.name.replace("-", "_") for one in _multiplied(event.args[:1])
        ):
            text = "the rate that is written is scaled by the batch size"
            yield Hazard("lr_scaled_at_run_time", event.place, text)
            return


def _multiplied(values: Sequence[Value], depth: int = 0) -> Iterator[Known | Unknown]:
    """What a number is multiplied from, on each side of a choice."""
    for one in values:
        if isinstance(one, (Known, Unknown)) and depth < DEEPEST:
            sides = {"if": one.operands[1:], "*": one.operands, "+": one.operands}
            yield one
            yield from _multiplied(
                sides.get(one.op, one.operands[:1] if one.op == "/" else ()), depth + 1
            )


def _written_apart(clock: Clock) -> Iterator[Hazard]:
    """Groups of the optimizer, one by one written a rate of its own."""
    found: dict[object, Event] = {}
    for event in writes(clock.seen):
        group = event.receiver
        if isinstance(group, Unknown) and group.op == "item" and event.context.real:
            at = group.operands[-1]
            if isinstance(at, Known) and isinstance(at.value, int):
                found.setdefault(at.value, event)
    if len(found) > 1:
        first, second, *_ = found.values()
        if not same_tree(first.args[0], second.args[0]):
            text = "each group of the optimizer is written a rate of its own"
            yield Hazard("param_groups", second.place, text, "lr_multipliers")


def _group_rates(clock: Clock) -> list[Value]:
    made = clock.seen.optimizer
    if made is None or not made.args:
        return []
    groups = getattr(made.args[0], "values", [])
    return [one.cells["lr"] for one in groups if isinstance(one, DictValue) and "lr" in one.cells]
