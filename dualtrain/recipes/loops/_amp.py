"""Mixed precision: where it is entered, at which level, and what scales the loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dualtrain.reading import (
    Condition,
    Event,
    Known,
    Library,
    Made,
    Unknown,
    Value,
    alternatives,
    leaves,
)
from dualtrain.recipes._clock import Clock, clock_of, deep
from dualtrain.recipes._configured import configured
from dualtrain.recipes._found import found, number, stated
from dualtrain.recipes._record import Found, Hazard
from dualtrain.recipes._seen import Part, Seen, inside
from dualtrain.recipes.loops._hardware import holds, preferred
from dualtrain.recipes.loops._operators import operators_of
from dualtrain.recipes.loops._scaler import SCALERS, first_scale, scale_moves, skipped_holds

__all__ = ["amp_part"]

PADDLE = ("enable", "custom_white_list", "custom_black_list", "level", "dtype", "use_promote")
DEVICE = ("device_type", "dtype", "enabled", "cache_enabled")
CASTS: Mapping[str, Sequence[str]] = {
    "paddle.amp.autocast": DEVICE,
    "paddle.amp.auto_cast": PADDLE,
    "paddle.amp.amp_guard": PADDLE,
    "paddle.fluid.dygraph.amp_guard": PADDLE,
    "paddle.fluid.dygraph.amp.amp_guard": PADDLE,
    "torch.cuda.amp.autocast": ("enabled", "dtype", "cache_enabled"),
    "torch.cuda.amp.autocast_mode.autocast": ("enabled", "dtype", "cache_enabled"),
    "torch.cpu.amp.autocast": ("enabled", "dtype", "cache_enabled"),
    "torch.autocast": DEVICE,
    "torch.amp.autocast": DEVICE,
    "torch.amp.autocast_mode.autocast": DEVICE,
}
"""What enters mixed precision, and its parameters in their order."""

LOW = ("float16", "bfloat16")
ENABLED = ("enable", "enabled")
APEX = "apex.amp.initialize"
DTYPES = {
    "float16": "float16",
    "fp16": "float16",
    "half": "float16",
    "bfloat16": "bfloat16",
    "bf16": "bfloat16",
    "float32": "float32",
    "fp32": "float32",
}


def amp_part(seen: Seen) -> Part:
    """`amp`, and `amp_if_enabled` where a flag or a branch that is off turns it on; with them
    `float32_operators`, of float16 `loss_scale` and `on_skip`."""
    part, clock = Part(), clock_of(seen)
    if clock is None:
        return part
    casts = list(_casts(clock))
    part.hazards += _hazards(clock)
    lowered = next(_lowered(clock), None)
    if casts and lowered is not None:
        text = "beside autocast the program's own code holds parameters in a low type"
        part.fields["amp"] = Found(None, "unknown", lowered.place, why=text)
        return part
    apex = next((one for one in seen.calls("initialize") if one.path == APEX), None)
    if not casts and apex is None:
        part.fields["amp"] = _without(clock)
        return part
    if casts:
        on, setting = _of_cast(clock, casts)
        place = casts[0].place
        operators = operators_of(casts[0], _words(casts[0], CASTS[casts[0].path]))
        if operators is not None:
            part.fields["float32_operators"] = operators
    else:
        assert apex is not None
        on, setting = _entered(apex, clock), _of_apex(apex)
        place = apex.place
        if setting is not None and (scale := setting["init_loss_scaling"]) is not None:
            still = {"init": scale, "floor": scale, "ceiling": scale}
            part.fields["loss_scale"] = stated(still, place)
    if setting is None:
        part.fields["amp"] = Found(
            None, "unknown", place, why="its dtype or loss scale cannot be told"
        )
    elif on is None:
        text = "whether it is on depends on what the text does not tell"
        part.fields["amp"] = Found(None, "unknown", place, why=text)
        part.fields["amp_if_enabled"] = stated(setting, place, "computed")
    else:
        part.fields["amp"] = stated(setting if on else "off", place, "computed")
        if not on:
            part.fields["amp_if_enabled"] = stated(setting, place, "computed")
    if setting is not None and setting["dtype"] == "float16":
        _scaled(part, clock)
    return part


def _lowered(clock: Clock) -> Iterator[Event]:
    """Where a tensor's data are replaced by themselves in a low type."""
    for one in clock.seen.program.events:
        if one.kind == "store" and one.path == ".data" and isinstance(one.result, Made):
            name = one.result.path.rpartition(".")[2]
            types = [_dtype(given) for given in one.result.args if isinstance(given, Library)]
            if name in ("half", "bfloat16") or (name == "to" and {*types} & {*LOW}):
                yield one


def _scaled(part: Part, clock: Clock) -> None:
    """What float16 has beside its first scale."""
    for name, said in (("loss_scale", scale_moves(clock)), ("on_skip", skipped_holds(clock))):
        if said is not None:
            part.fields[name] = said


def _without(clock: Clock) -> Found:
    """Of a training in which no mixed precision is seen."""
    for one in clock.seen.calls("Accelerator"):
        given = one.kwargs.get("mixed_precision", one.kwargs.get("fp16"))
        if given is not None:
            said = found(configured(given))
            dtype = DTYPES.get(str(said.value))
            if dtype in ("float16", "bfloat16"):
                setting = {"dtype": dtype, "level": "O1", "init_loss_scaling": None}
                return stated(setting, one.place)
            if said.value not in ("no", None, False):
                return said
        elif not _is_off(given):
            text = "accelerate takes it from its own configuration"
            return Found(None, "unknown", one.place, why=text)
    for one in clock.seen.program.events:
        if one.kind == "call" and one.path == "deepspeed.initialize":
            return Found(None, "unknown", one.place, why="DeepSpeed's configuration decides")
    return Found(
        "off", "stated", clock.loop.place, "computed", None, "no mixed precision is entered"
    )


def _is_off(given: Value | None) -> bool:
    return isinstance(given, Known) and given.value in (None, False, "no")


def _casts(clock: Clock) -> Iterator[Event]:
    """Constructions of what the loop's rounds enter, those that are entered before others."""
    managers = {
        id(value)
        for one in clock.seen.program.events
        if clock.within(one)
        for manager in one.context.managers
        for value in inside(manager)
    }
    made = [one for one in clock.seen.program.events if one.path in CASTS]
    mine = [
        one
        for one in made
        if id(one.result) in managers or clock.within(one) or _decorates(one, clock)
    ]
    yield from sorted(mine, key=lambda one: not _entered(one, clock))


def _decorates(event: Event, clock: Clock) -> bool:
    """Whether a function that the loop calls is decorated with it."""
    for module in clock.seen.program.modules.values():
        for one in module.cells.values():
            decorators = getattr(one, "decorators", ())
            if any(d is event.result for d in decorators):
                name = getattr(one, "name", "")
                return any(name in e.context.functions for e in clock.inside())
    return False


def _entered(event: Event, clock: Clock) -> bool | None:
    """Whether a branch is entered, given that the training is; on the hardware that it prefers."""
    known: list[bool | None] = [_taken(one) for one in clock.own(event)]
    return False if False in known else None if None in known else True


def _taken(condition: Condition) -> bool | None:
    if condition.taken is not None:
        return condition.taken
    held = holds(condition.test)
    return None if held is None else held is condition.holds


def _words(event: Event, names: Sequence[str]) -> dict[str, Value]:
    return {**dict(zip(names, event.args, strict=False)), **event.kwargs}


def _of_cast(clock: Clock, casts: list[Event]) -> tuple[bool | None, dict[str, Any] | None]:
    """Whether it is on, and what it is where it is on."""
    event = casts[0]
    words = _words(event, CASTS[event.path])
    given = next((words[name] for name in ENABLED if name in words), Known(True))
    on = _truth(given)
    entered = _entered(event, clock)
    on = False if entered is False or on is False else None if None in (entered, on) else True
    dtype = _dtype(words.get("dtype"))
    level = _text(words.get("level")) or "O1"
    for one in clock.seen.calls("decorate", "amp_decorate"):
        if one.path.startswith("paddle.") and (on is not True or _entered(one, clock) is not False):
            level = _text(one.kwargs.get("level")) or level
    if level in ("O0", "OD") and on:
        on = level == "OD"
    if dtype is None:
        return on, None
    if dtype == "bfloat16":
        return on, {"dtype": dtype, "level": level, "init_loss_scaling": None}
    scale = first_scale(clock)
    if isinstance(scale, Unknown):
        return on, None
    return on, {"dtype": dtype, "level": level, "init_loss_scaling": scale}


def _truth(value: Value) -> bool | None:
    value = preferred(configured(value))
    if isinstance(value, Known):
        return bool(value.value)
    return holds(value)


def _dtype(given: Value | None) -> str | None:
    if given is None:
        return "float16"
    given = preferred(given)
    if isinstance(given, Known):
        return DTYPES.get(str(given.value))
    if isinstance(given, Library):
        return DTYPES.get(given.path.rpartition(".")[2])
    return None


def _text(given: Value | None) -> str | None:
    if given is None:
        return None
    given = preferred(configured(given))
    return given.value if isinstance(given, Known) and isinstance(given.value, str) else None


def _of_apex(event: Event) -> dict[str, Any] | None:
    level = _text(event.kwargs.get("opt_level")) or "O1"
    given = event.kwargs.get("loss_scale")
    text = _text(given)
    if text is not None and text.replace(".", "", 1).isdecimal():  # a number as text is taken too
        scale: float | None = float(text)
    else:
        scale = number(configured(given)) if given is not None else None
    if scale is None and given is not None and text != "dynamic" and not _is_none(given):
        return None
    first = None if scale is None else float(scale)
    return {"dtype": "float16", "level": level, "init_loss_scaling": first}


def _is_none(given: Value) -> bool:
    return isinstance(given, Known) and given.value is None


# Hazards


def _hazards(clock: Clock) -> Iterator[Hazard]:
    events = clock.seen.program.events
    apex = next((one for one in events if one.path.startswith("apex.amp.")), None)
    if apex is not None:
        yield Hazard("amp_apex", apex.place, "mixed precision of apex, which is no longer kept up")
    for one in events:
        if one.kind == "call" and one.path in SCALERS and _again(one, clock):
            text = "a new loss scaler each time: what it has learnt of the scale is lost"
            yield Hazard("amp_scaler_recreated", one.place, text)
            break
    for one in clock.seen.updates:
        if one.name == "minimize" and len(one.args) > 1 and _unscaled(one.args[1]):
            text = "scaler.minimize() is given the loss before scaling; it uses the gradients only"
            yield Hazard("amp_minimize_unscaled_loss", one.place, text)
            break


def _again(event: Event, clock: Clock) -> bool:
    loops = (*clock.around[-1:], clock.loop)
    return any(one in event.context.loops for one in loops)


def _unscaled(loss: Value) -> bool:
    """Whether a loss is computed, and not by a scaler."""
    for side in alternatives(loss):
        if isinstance(side, Unknown) and side.op == "name":
            return False
        for one in deep(side):
            if isinstance(one, Made) and one.path.endswith(".scale"):
                return False
    return any(isinstance(one, (Made, Unknown)) for one in leaves(loss))
