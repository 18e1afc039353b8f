"""What stands still: parameters whose stop_gradient is set, or requires_grad unset."""

from __future__ import annotations

from dualtrain.reading import Condition, Event, Instance, Known, Made, Unknown, Value, leaves
from dualtrain.reading._methods import COPIED
from dualtrain.recipes._found import described
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes.parameters._filters import rule_of

__all__ = ["freeze_part", "frozen_part"]

STILL = {".stop_gradient": True, ".trainable": False, ".requires_grad": False}


ADAPTERS = frozenset(
    {
        "get_peft_model",
        "mark_only_lora_as_trainable",
        "mark_only_prefix_as_trainable",
        "prepare_model_for_kbit_training",
    }
)
"""Calls after which all stands still but what they add."""


def freeze_part(seen: Seen) -> Part:
    """freeze."""
    return Part() if seen.optimizer is None else frozen_part(seen)


def frozen_part(seen: Seen) -> Part:
    """freeze, whoever trains."""
    part = Part()
    frozen: list[str] = []
    place = None
    for event in seen.program.events:
        if not event.context.real or not _freezes(event):
            continue
        place = place or event.place
        text = _which(event)
        if text not in frozen:
            frozen.append(text)
    part.fields["freeze"] = Found(frozen, "stated", place)
    adapters = [one for one in seen.calls(*ADAPTERS) if one.context.real]
    if adapters:
        name, place = adapters[0].name, adapters[0].place
        why = f"{name} lets all stand still but what it adds, where it is called"
        sure = all(one.taken for one in adapters[0].context.conditions)
        kept = Found([f"all but what {name} adds"], "stated", place, why=why)
        part.fields["freeze"] = kept if sure else Found(None, "unknown", place, why=why)
        return part
    loaded = [one for one in seen.program.events if one.context.real and _loads_adapter(one)]
    if loaded:
        place, trains = loaded[0].place, loaded[0].kwargs.get("is_trainable", Known(False))
        why = "PeftModel.from_pretrained holds all still, the adapter too unless is_trainable"
        still = ["all, the adapter too"]
        sure = isinstance(trains, Known) and all(one.taken for one in loaded[0].context.conditions)
        if isinstance(trains, Known) and trains.value:
            still = ["all but the adapter"]
        kept = Found(still, "stated", place, why=why)
        part.fields["freeze"] = kept if sure else Found(None, "unknown", place, why=why)
    return part


def _loads_adapter(event: Event) -> bool:
    return (
        event.kind == "call"
        and event.path.startswith("peft.")
        and event.path.endswith(".from_pretrained")
        and "Config" not in event.path
    )


def _freezes(event: Event) -> bool:
    if event.receiver is None or any(_of_copy(one) for one in leaves(event.receiver)):
        return False
    if event.kind == "store" and event.path in STILL:
        value = event.args[0]
        wanted = STILL[event.path]
        still = isinstance(value, Known) and value.value is wanted
        return still and _parameter(event.receiver, event.context.functions[-1:] == ("__init__",))
    if event.kind == "call" and event.name == "requires_grad_":
        off = [*event.args, *event.kwargs.values()]
        return any(isinstance(one, Known) and one.value is False for one in off)
    return False


def _of_copy(value: Value) -> bool:
    """Whether something is taken of a copy of a model, as averages have one."""
    receiver = value.receiver if isinstance(value, Made) else value
    return isinstance(receiver, (Instance, Made)) and COPIED in receiver.cells


def _parameter(value: Value, in_constructor: bool) -> bool:
    """Whether a value is a parameter, as far as its making tells.

    A table that a layer's constructor fills and holds still, such as one of sines, is a constant.
    """
    for one in leaves(value):
        path = str(getattr(one, "path", ""))
        if path.endswith("parameters"):
            return True
    return (
        not in_constructor
        and isinstance(value, Unknown)
        and value.op == "attr"
        and isinstance(value.operands[1], Known)
        and value.operands[1].value in ("weight", "bias")
    )


def _which(event: Event) -> str:
    for condition in reversed(event.context.conditions):
        said = _said(condition)
        if said:
            return said
    assert event.receiver is not None
    return described(event.receiver)


def _said(condition: Condition) -> str:
    if condition.taken is not None:
        return ""
    rule = rule_of(condition.test, picks=condition.holds)
    if rule is None or not rule.atoms:
        return ""
    return f"{rule.match} {', '.join(rule.strings)}"
