"""Clipping: an object that Paddle's optimizer is given, a call in torch's loop."""

from __future__ import annotations

from dualtrain.reading import (
    Event,
    Instance,
    Known,
    ListValue,
    Made,
    Unknown,
    Value,
    alternatives,
    leaves,
)
from dualtrain.recipes._clock import clock_of
from dualtrain.recipes._found import described, found
from dualtrain.recipes._record import Found, Hazard
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes._signatures import given, signature_of
from dualtrain.recipes.loops._clipped import clipped, in_parts, one_group

__all__ = ["clip_part"]

OBJECTS = {
    "ClipGradByGlobalNorm": "global_norm",
    "GradientClipByGlobalNorm": "global_norm",
    "ClipGradForMOEByGlobalNorm": "global_norm",
    "ClipGradByNorm": "norm",
    "GradientClipByNorm": "norm",
    "ClipGradByValue": "value",
    "GradientClipByValue": "value",
}
CALLS = {
    "clip_grad_norm_": "global_norm",
    "clip_grad_norm": "global_norm",
    "clip_grad_value_": "value",
    "clip_grad_value": "value",
}
NUMBERS = ("clip_norm", "max_norm", "max", "clip_value", "gradient_clip_val")


def clip_part(seen: Seen) -> Part:
    """clip, and clips that do nothing or less than meant."""
    part = Part()
    event = seen.optimizer
    if event is None:
        return part
    attached = _attached(event)
    calls = [one for one in seen.program.events if one.name in CALLS and one.kind == "call"]
    if attached is not None:
        part.fields["clip"] = _of_object(attached, part)
    else:
        part.fields["clip"] = _of_calls(calls, event, seen)
        of_torch = part.fields["clip"].value
        if isinstance(of_torch, dict) and of_torch["kind"] == "global_norm":
            place = part.fields["clip"].place
            part.fields["clip_rule"] = Found("torch", "stated", place, "clip_grad_norm_")
        by_hand = _by_hand(seen)
        if part.fields["clip"].value == "none" and by_hand is not None:
            part.fields["clip"] = _of_hand(by_hand)
    held = list(alternatives(attached)) if attached is not None else []
    for one in seen.program.events:
        lost = one.name in OBJECTS and one.context.real and one.result not in held
        if lost and not any(one.result is value for e in seen.optimizers for value in _all(e)):
            text = (
                f"{one.name} is built and handed to no optimizer: gradients are not clipped by it"
            )
            part.hazards.append(Hazard("clip_not_attached", one.place, text, "clip"))
    return part


def _by_hand(seen: Seen) -> Event | None:
    """Where a program changes gradients itself."""
    for one in seen.program.events:
        changes = one.name in BY_HAND and one.kind == "call" and one.context.real
        if changes and one.receiver is not None and _gradient(one.receiver):
            return one
        stored = one.kind == "store" and one.path == ".grad" and bool(one.context.loops)
        if stored and one.context.real and any(map(_gradient, leaves(one.args[0]))):
            return one
    return None


def _of_hand(event: Event) -> Found:
    """`grad.mul_(c / norm.clamp(min=c))`, of the norm of all gradients or of each."""
    by = event.args[0] if event.name == "mul_" and len(event.args) == 1 else None
    if isinstance(by, Unknown) and by.op == "/":
        limit, norm = by.operands
        kind = _clamped(norm, limit)
        if kind:
            return _said(kind, limit, event.place)
    why = f"gradients are changed by hand: {described(event.result)}"
    return Found(None, "unknown", event.place, why=why)


def _clamped(value: Value, limit: Value) -> str:
    """Which norm a number is that is no less than the limit; empty where it is none."""
    if not (isinstance(value, Made) and value.path == f"{NORM}.clamp"):
        return ""
    least = [*value.args, *value.kwargs.values()]
    norm = value.receiver
    if len(least) != 1 or least[0] is not limit or set(value.kwargs) - {"min"}:
        return ""
    if not isinstance(norm, Made) or norm.kwargs or len(norm.args) != 1:
        return ""
    of = norm.args[0]
    if isinstance(of, Unknown) and of.op == "attr" and _gradient(of):
        return "norm"
    each = of.args[0] if isinstance(of, Made) and of.path == "torch.stack" and of.args else None
    norms = each.values if isinstance(each, ListValue) else []
    plain = [one for one in norms if isinstance(one, Made) and one.path == NORM and not one.kwargs]
    return "global_norm" if norms and len(plain) == len(norms) else ""


NORM = "torch.linalg.vector_norm"

BY_HAND = ("mul_", "div_", "scale_", "clamp_", "clip_", "set_value", "copy_")


def _gradient(value: Value) -> bool:
    return any(isinstance(one, Known) and one.value == "grad" for one in leaves(value))


def _all(event: Event) -> list[Value]:
    return [*event.args, *event.kwargs.values()]


def _attached(event: Event) -> Value | None:
    clip = given(event, signature_of(event)).get("grad_clip")
    if clip is None or (isinstance(clip, Known) and clip.value is None):
        return None
    return clip


def _of_object(clip: Value, part: Part) -> Found:
    if isinstance(clip, Unknown):
        return Found(None, "unknown", clip.origin.place, why=f"grad_clip is {described(clip)}")
    if isinstance(clip, Instance):
        return Found(None, "unknown", clip.place, why=f"a clip of its own: {clip.of.name}")
    name = clip.path.rpartition(".")[2] if isinstance(clip, Made) else ""
    kind = OBJECTS.get(name)
    if kind is None or not isinstance(clip, Made):
        return Found(None, "unknown", None, why=f"grad_clip is {described(clip)}")
    value = next((clip.kwargs[one] for one in NUMBERS if one in clip.kwargs), None)
    value = value if value is not None else clip.args[0] if clip.args else None
    if kind == "norm":
        text = "each tensor is clipped by its own norm, which changes the update's direction"
        part.hazards.append(Hazard("clip_per_tensor", clip.place, text, "clip.global_norm"))
    return _said(kind, value, clip.place)


def _said(kind: str, value: Value | None, place: object) -> Found:
    if value is None:
        return Found(None, "unknown", None, why="the clip's number is not given")
    limit = found(value)
    if limit.certainty == "unknown":
        return limit
    said = {"kind": kind, "value": limit.value}
    return Found(said, "stated", limit.place, limit.how, limit.flag)


def _of_calls(calls: list[Event], optimizer: Event, seen: Seen) -> Found:
    entered, clock = [one for one in calls if one.context.real], clock_of(seen)
    if clock is not None:  # in a training that waits for a flag
        entered += [one for one in calls if clock.within(one) and clock.entered(one)]
    if not entered:
        name = optimizer.path.rpartition(".")[2]
        if name == "BertAdam":
            limit = optimizer.kwargs.get("max_grad_norm")
            if limit is None:
                said = {"kind": "norm", "value": 1.0}
                return Found(said, "implied", optimizer.place, "library default of BertAdam")
            return _said("norm", limit, optimizer.place)
        return Found("none", "stated", calls[0].place if calls else None, why="nothing clips")
    event = entered[0]
    value = next((event.kwargs[one] for one in NUMBERS if one in event.kwargs), None)
    if value is None:
        rest = event.args[1:] if len(event.args) > 1 else event.args
        value = rest[0] if rest else None
    kind = CALLS[event.name]
    over = clipped(event, seen) if kind == "global_norm" else "all"
    parts = clock is not None and in_parts(entered, clock)
    if parts or over == "part" or (over == "group" and not one_group(seen)):
        why = "each group of parameters is clipped by a norm of its own, not all by one"
        return Found(None, "unknown", event.place, why=why)
    kind = "norm" if over == "tensor" else kind
    return _said(kind, value, event.place)
