"""Calls at the wrong place of a training loop: gradients cleared, clipped, unscaled."""

from __future__ import annotations

from collections.abc import Iterator

from dualtrain.reading import Event, Instance, Known, Made, Unknown, Value, leaves
from dualtrain.recipes._clock import Clock, clock_of, unwrapped
from dualtrain.recipes._record import Hazard
from dualtrain.recipes._seen import Part, Seen, inside
from dualtrain.recipes.loops._clipped import clipped, in_parts
from dualtrain.recipes.loops._length import stops
from dualtrain.recipes.schedules._driving import driving

__all__ = ["order_part"]

CLEARS = ("clear_grad", "clear_gradients", "zero_grad")
CLIPS = ("clip_grad_norm_", "clip_grad_norm", "clip_grad_value_")


def order_part(seen: Seen) -> Part:
    """Hazards alone."""
    part = Part()
    clock = clock_of(seen)
    if clock is None:
        return part
    for rule in (_clears, _clips, _other_loader, _limit_without_stop, _warmup_type):
        part.hazards += rule(clock)
    return part


def _of_loop(clock: Clock, *names: str) -> list[Event]:
    """Calls of these names in the loop, entered."""
    return [
        one
        for one in clock.seen.program.events
        if one.kind == "call"
        and one.name in names
        and clock.within(one)
        and one.context.real
        and clock.entered(one)
    ]


def _clears(clock: Clock) -> Iterator[Hazard]:
    events = list(clock.seen.program.events)
    anywhere = [one for one in events if one.kind == "call" and one.name in CLEARS]
    own = [one for one in _of_loop(clock, *CLEARS) if _clears_trained(clock.seen, one)]
    backwards = [one for one in clock.seen.backwards if clock.within(one) and one.context.real]
    if not clock.updates or not backwards:
        return
    passes, last = [events.index(one) for one in backwards], events.index(clock.updates[-1])
    if not anywhere:
        text = "gradients are never cleared: each update takes the sum of all before it"
        yield Hazard("grads_never_cleared", clock.updates[-1].place, text)
    for one in own:
        at, gated = events.index(one), clock.own(one) == clock.own(clock.updates[-1])
        steps = [events.index(other) for other in clock.updates]
        if any(n < at < m for n in passes for m in passes if not any(n < u < m for u in steps)):
            text = "gradients of a first backward pass are dropped: the update has a second pass's"
            yield Hazard("adversarial_step", one.place, text)
        elif min(passes) < at < last and gated and not any(at < n < last for n in passes):
            text = "gradients are cleared between the backward pass and the update: it sees none"
            yield Hazard("grads_cleared_before_step", one.place, text)
    gate = clock.gate
    if gate is not None and own:
        free = [one for one in own if gate.condition.test not in _tests(clock, one)]
        size = gate.size.value if isinstance(gate.size, Known) else None
        if free and size != 1 and len(free) == len(own):
            text = (
                "gradients are cleared at each micro-batch, so an update takes the last one of its "
                "group alone"
            )
            yield Hazard("grads_cleared_each_micro_batch", free[0].place, text, "batch.accumulate")


def _tests(clock: Clock, event: Event) -> list[Value]:
    return [one.test for one in clock.own(event)]


def _clears_trained(seen: Seen, event: Event) -> bool:
    """Of the optimizer or of a model; not of another optimizer."""
    receiver = event.receiver
    others = [one.result for one in seen.optimizers if one is not seen.optimizer]
    return receiver is not None and not any(v is o for v in inside(receiver) for o in others)


def _clips(clock: Clock) -> Iterator[Hazard]:
    clips = _of_loop(clock, *CLIPS)
    events = list(clock.seen.program.events)
    scaled = [
        one
        for one in events
        if one.name in ("scale", "step", "minimize") and "GradScaler" in one.path
        and one.context.real and clock.within(one)
    ]  # fmt: skip
    unscales = [events.index(one) for one in _of_loop(clock, "unscale_", "unscale")]
    for one in clips:
        at = events.index(one)
        if scaled and not any(place < at for place in unscales):
            text = (
                "gradients are clipped while they are multiplied by the loss scale: the limit is "
                "the scale's part of what it says"
            )
            yield Hazard("clip_before_unscale", one.place, text, "clip")
        kind = clipped(one, clock.seen) if one.name != "clip_grad_value_" else "all"
        if kind == "tensor":
            text = "each tensor is clipped by its own norm, which changes the update's direction"
            yield Hazard("clip_per_tensor", one.place, text, "clip.global_norm")
        elif kind in ("group", "part") or in_parts(clips, clock):
            text = "each parameter group is clipped by a norm of its own, not all by one"
            yield Hazard("clip_per_group", one.place, text, "clip.global_norm")


def _schedule_values(clock: Clock) -> list[Value]:
    """What the schedule that drives the rate was given."""
    held = driving(clock.seen)
    if isinstance(held, Made):
        return [*held.args, *held.kwargs.values()]
    if isinstance(held, Instance):
        return list(held.cells.values())
    return []


def _other_loader(clock: Clock) -> Iterator[Hazard]:
    over = clock.loop.over
    if over is None:
        return
    gone_over = unwrapped(over)
    own = [] if gone_over is None else [one for one in inside(gone_over) if _is_loader(one)]
    if len(own) != 1:
        return
    for value in _schedule_values(clock):
        for one in leaves(value):
            if not (isinstance(one, Unknown) and one.op == "len"):
                continue
            counted = one.operands[0]
            if _is_loader(counted) and counted is not own[0] and isinstance(counted, Made):
                text = (
                    f"the schedule counts the batches of the loader made at {counted.place}, the "
                    "loop goes over another"
                )
                yield Hazard("sched_other_loader", one.origin.place, text, "horizon")


def _is_loader(value: Value) -> bool:
    return isinstance(value, Made) and value.path.rpartition(".")[2] == "DataLoader"


def _limit_without_stop(clock: Clock) -> Iterator[Hazard]:
    """max_steps shapes the schedule, and nothing stops at it."""
    for value in _schedule_values(clock):
        names = {
            one.origin.name
            for one in leaves(value)
            if isinstance(one, Known)
            and one.origin.name.lstrip("-").replace("-", "_") in LIMITS
            and not (isinstance(one.value, int) and one.value <= 0)
        }
        for name in sorted(names):
            if not any(_speaks_of(test, name) for test in _stops(clock)):
                text = f"{name} shapes the schedule, and nothing ends the training at it"
                place = next(
                    one.origin.place
                    for one in leaves(value)
                    if isinstance(one, Known) and one.origin.name == name
                )
                yield Hazard("max_steps_not_a_stop", place, text, "duration.updates")


LIMITS = ("max_steps", "max_train_steps", "max_train_iters", "total_steps", "num_training_steps")


def _stops(clock: Clock) -> list[Value]:
    tests = [test for one in stops(clock) for test in _tests(clock, one)]
    loops = (*clock.around, clock.loop)
    return [
        *tests,
        *(loop.over for loop in loops if loop.over is not None),
        *(loop.test for loop in loops if loop.test is not None),
    ]


def _speaks_of(value: Value, name: str) -> bool:
    return any(isinstance(one, Known) and one.origin.name == name for one in leaves(value))


def _warmup_type(clock: Clock) -> Iterator[Hazard]:
    """paddlenlp's classes take an int as steps, and anything else as a share of the run."""
    held = driving(clock.seen)
    if not isinstance(held, Made) or not held.path.startswith("paddlenlp"):
        return
    warmup = held.kwargs.get("warmup", held.args[2] if len(held.args) > 2 else None)
    if not isinstance(warmup, Known) or isinstance(warmup.value, bool):
        return
    if isinstance(warmup.value, float) and warmup.value >= 1:
        text = (
            f"warmup {warmup.value!r} is a float, so it is a share of the run: as many times its "
            f"length; as an int it would be {int(warmup.value)} steps"
        )
    elif isinstance(warmup.value, int) and warmup.value == 1:
        text = "warmup 1 is an int: one step; 1.0 would be the whole run"
    else:
        return
    place = warmup.origin.place or held.place
    yield Hazard("warmup_type_decides", place, text, "warmup")
