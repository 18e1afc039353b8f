"""What stands still: parameters whose stop_gradient is set, or requires_grad unset."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dualtrain.reading import (
    Class,
    Condition,
    DictValue,
    Event,
    Instance,
    Known,
    ListValue,
    Made,
    Unknown,
    Value,
    leaves,
)
from dualtrain.reading._methods import COPIED
from dualtrain.recipes._found import described
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes._signatures import given, parameters_of, signature_of
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
    maybe = None if frozen else next(_may_freeze(seen), None)
    if maybe is not None:
        part.fields["freeze"] = maybe
    only = _only(seen)
    if only is not None and seen.optimizer is not None:
        why = f"only {only} is handed to the optimizer"
        part.fields["freeze"] = Found([f"all but {only}"], "stated", seen.optimizer.place, why=why)
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


def _may_freeze(seen: Seen) -> Iterator[Found]:
    """Classes of the program that hold parameters still, where the model is of one of several and
    the text does not tell of which."""
    for event in seen.program.events:
        if event.kind != "call" or not event.context.real or event.receiver is None:
            continue
        for one in _picked_from(event.receiver):
            if any(map(_holds, ast.walk(one.node))):
                why = f"the model is of one of several classes, of which {one.name} may hold some"
                yield Found(None, "unknown", event.place, why=why)


def _picked_from(value: Value) -> Iterator[Class]:
    """The classes of a table that one is taken from by a key which is not known."""
    while isinstance(value, Unknown) and value.op == "item":
        value = value.operands[0]
        stack: list[Value] = [value] if isinstance(value, DictValue) else []
        while stack:
            one = stack.pop()
            if isinstance(one, DictValue):
                stack += one.cells.values()
            elif isinstance(one, Class):
                yield one


def _holds(node: ast.AST) -> bool:
    """Whether a statement lets something stand still."""
    match node:
        case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Constant(value=value)):
            return f".{name}" in STILL and value is STILL[f".{name}"]
        case ast.Call(func=ast.Attribute(attr="requires_grad_"), args=[ast.Constant(value=False)]):
            return True
    return False


def _only(seen: Seen) -> str | None:
    """The one part of a library's model that is handed to the optimizer; None where it is another
    thing, or the whole."""
    if seen.optimizer is None:
        return None
    signature = signature_of(seen.optimizer)
    params = parameters_of(signature, given(seen.optimizer, signature))
    sources = [
        one.receiver
        for one in (_through(params) if params is not None else ())
        if isinstance(one, Made) and one.path.endswith("parameters")
    ]
    parts = {described(one): one for one in sources if one is not None}
    if len(parts) != 1 or len(sources) == 0:
        return None
    ((text, value),) = parts.items()
    names = []
    while isinstance(value, Unknown) and value.op == "attr":
        names.append(str(getattr(value.operands[1], "value", "")))
        value = value.operands[0]
    inner = [one for one in names if one not in ("module", "_layers")]
    made = isinstance(value, Made) and (
        ".from_pretrained" in value.path or ".models." in value.path
    )
    return text if inner and made else None


def _through(params: Value) -> Iterator[Value]:
    """All that a list of parameters or groups is taken from."""
    stack, met = [params], set[int]()
    while stack:
        one = stack.pop()
        if id(one) in met:
            continue
        met.add(id(one))
        yield one
        match one:
            case ListValue():
                stack += [*one.values, *([one.over] if one.over is not None else [])]
            case DictValue():
                stack += [one.cells["params"]] if "params" in one.cells else []
            case Made() if not one.path.endswith("parameters"):
                stack += one.args
            case Unknown(op="element" | "item"):
                stack.append(one.operands[0])


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

    A table that a layer's constructor fills and holds still, such as one of sines, is a constant;
    the bias of a layer inside is none.
    """
    for one in leaves(value):
        path = str(getattr(one, "path", ""))
        if path.endswith("parameters"):
            return True
    if not (isinstance(value, Unknown) and value.op == "attr"):
        return False
    of, name = value.operands
    if not isinstance(name, Known) or name.value not in ("weight", "bias"):
        return False
    return not in_constructor or (name.value == "bias" and not isinstance(of, Instance))


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
