"""The optimizer of a program: its class and its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

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
from dualtrain.recipes._base_rate import SCALED, base_rate
from dualtrain.recipes._found import described, found, implied, number
from dualtrain.recipes._record import ABSENT, Found, Hazard
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes._signatures import (
    MODE,
    Signature,
    given,
    is_copied,
    parameters_of,
    signature_of,
)
from dualtrain.recipes.parameters._decay import regularized
from dualtrain.recipes.parameters._groups import Group, groups_of
from dualtrain.recipes.parameters._rates import Unsaid, betas_of, rates_of
from dualtrain.recipes.schedules._driving import decay_writes, factors, writes

__all__ = ["optimizer_part"]


def optimizer_part(seen: Seen) -> Part:
    """optimizer, lr of a plain rate, betas, eps, momentum, nesterov, weight_decay, param_groups."""
    part = Part()
    event = seen.optimizer
    if event is None:
        return part
    signature = signature_of(event)
    values = given(event, signature)
    groups = groups_of(parameters_of(signature, values))
    part.fields["optimizer"] = _name(seen, event, values)
    part.fields.update(_numbers(event, signature, values))
    if signature.library == "paddle":
        part.hazards += _unknown_rates(event, groups)
        groups = [replace(one, values=_of_paddle(one.values)) for one in groups]
    of_groups = [one.values["lr"] for one in groups if "lr" in one.values]
    taken = part.fields.get("lr")
    if len(of_groups) == len(groups) > 0 and taken is not None and taken.certainty == "implied":
        plain = [one for one in of_groups if isinstance(one, Known) and not one.op]
        same = len({one.value for one in plain}) == 1  # of `lr * 2` beside `lr`
        part.fields["lr"] = base_rate(
            plain[0] if same else of_groups[0]
        )  # no group takes the library's
    left = part.fields.get("lr", ABSENT)
    if (left.value == 0 or left.certainty == "implied") and writes(seen):
        why = f"{left.value} is replaced by what is written at {writes(seen)[0].place}"
        part.fields["lr"] = replace(left, value=None, certainty="unknown", why=why)
    part.fields.update(_of_all_groups(part.fields, groups))
    part.fields["weight_decay"] = _decay(event, signature, values, groups)
    if not signature.is_known:
        part.fields |= _unsaid(event, part.fields)
    moved = next(decay_writes(seen), None)
    if moved is not None:
        why = f"the loop writes a decay into the optimizer's groups: {described(moved.args[0])}"
        part.fields["weight_decay"] = Found(None, "unknown", moved.place, why=why)
    if "decoupled_weight_decay" in values and seen.class_name != "adam":
        told = found(values["decoupled_weight_decay"])
        decoupled = "decoupled" if told.value else None
        part.fields["decay_kind"] = replace(told, value=decoupled)
    elif is_copied(event) or not seen.class_name:
        why = f"how {_path(event)} decays is its own"
        part.fields["decay_kind"] = Found(None, "unknown", event.place, why=why)
    each = regularized(seen)
    if each is not None and not part.fields["weight_decay"].value:
        part.fields["weight_decay"] = _regularizer(each.args[0], event, signature)
    own = [one.numbers for one in groups if one.own]
    part.fields["param_groups"] = Found(own, "stated", event.place)
    if own:
        part.fields["lr_multipliers"] = _multipliers(event, signature, groups, part.fields)
    if any("betas" in one.values for one in groups):
        part.fields["own_betas"] = _own_betas(event, groups, part.fields)
    by_hand = None if any(True for _ in factors(seen)) else _own_rates(seen)
    if by_hand is not None:
        why = "parameters are given rates of their own: optimize_attr is written"
        part.fields["lr_multipliers"] = Found(None, "unknown", by_hand.place, why=why)
        part.fields["param_groups"] = Found(None, "unknown", by_hand.place, why=why)
        part.hazards.append(Hazard("param_groups", by_hand.place, why, "lr_multipliers"))
    attribute = None if own else _attribute(seen)
    if attribute is not None:
        factor = number(attribute.kwargs["learning_rate"])
        why = f"ParamAttr at {attribute.place} multiplies the rate of its parameters by {factor}"
        part.fields["lr_multipliers"] = Found(None, "unknown", attribute.place, why=why)
        part.hazards.append(Hazard("param_groups", attribute.place, why, "lr_multipliers"))
    layers = values.get("layerwise_decay")
    if layers is not None and number(layers) != 1:
        why = f"each layer's rate is that of the next times layerwise_decay {described(layers)}"
        part.fields["lr_multipliers"] = Found(None, "unknown", event.place, why=why)
        part.hazards.append(Hazard("param_groups", event.place, why, "lr_multipliers"))
    part.hazards += _decay_hazards(seen, event, signature, values, part.fields)
    if _scaled(part.fields):
        text = f"the rate is not what is configured: {part.fields['lr'].why}"
        part.hazards.append(Hazard("lr_scaled_at_run_time", part.fields["lr"].place, text))
    listed = parameters_of(signature, values)
    alone = isinstance(listed, ListValue) and len(listed.items) == 1 and not listed.open
    if own and not alone:
        part.hazards.append(
            Hazard(
                "param_groups",
                event.place,
                f"groups with numbers of their own: {own}",
                "lr_multipliers",
            )
        )
    return part


def _attribute(seen: Seen) -> Event | None:
    """Where the model's code gives parameters a multiple of the rate."""
    for one in seen.program.events:
        if one.path in ATTRIBUTES and one.context.real:
            factor = number(one.kwargs.get("learning_rate", Known(1.0)))
            if factor is not None and factor != 1:
                return one
    return None


ATTRIBUTES = (
    "paddle.ParamAttr",
    "paddle.framework.ParamAttr",
    "paddle.fluid.ParamAttr",
    "paddle.fluid.param_attr.ParamAttr",
)


def _of_paddle(values: Mapping[str, Value]) -> dict[str, Value]:
    """The numbers of a group that Paddle reads: its key of a rate is `learning_rate`, a factor."""
    return {name: value for name, value in values.items() if name != "lr"}


def _unknown_rates(event: Event, groups: list[Group]) -> Iterator[Hazard]:
    for group in groups:
        if "lr" in group.values:
            text = (
                f"lr {described(group.values['lr'])} of a group has no effect: Paddle reads "
                "learning_rate there, by which it multiplies the optimizer's rate"
            )
            yield Hazard("dead_flag", event.place, text, "lr_multipliers")
            return


def _multipliers(
    event: Event, signature: Signature, groups: list[Group], fields: Mapping[str, Found]
) -> Found:
    """The rates of the groups, as patterns of names."""
    base = fields.get("lr", ABSENT)
    try:
        rates = rates_of(groups, base.value, multiples=signature.library == "paddle")
    except Unsaid as reason:
        return Found(None, "unknown", event.place, why=str(reason))
    return Found(rates, "stated", event.place)


def _own_betas(event: Event, groups: list[Group], fields: Mapping[str, Found]) -> Found:
    """The betas of the groups, as patterns of names."""
    try:
        pairs = betas_of(groups, fields.get("betas", ABSENT).value)
    except Unsaid as reason:
        return Found(None, "unknown", event.place, why=str(reason))
    return Found(pairs, "stated", event.place)


def _of_all_groups(fields: Mapping[str, Found], groups: list[Group]) -> dict[str, Found]:
    """Numbers that every group says for itself, so that the optimizer's own are nobody's."""
    told: dict[str, Found] = {}
    for name in ("betas", "eps", "momentum"):
        own = [found(one.values[name]) for one in groups if name in one.values]
        if not own or len(own) < len(groups):
            continue
        same = all(one.value == own[0].value for one in own)
        why = f"the groups have {name} of their own"
        told[name] = own[0] if same else replace(own[0], value=None, certainty="unknown", why=why)
    return told


def _own_rates(seen: Seen) -> Event | None:
    """Where the rates of Paddle's parameters are written."""
    for one in seen.program.events:
        held = leaves(one.receiver) if one.kind == "store" and one.receiver is not None else ()
        named = any(isinstance(v, Known) and v.value == "optimize_attr" for v in held)
        if named and one.context.real:
            return one
    return None


def _scaled(fields: Mapping[str, Found]) -> bool:
    """Whether the rate is multiplied at run time."""
    return "lr" in fields and fields["lr"].why.startswith(SCALED)


def _unsaid(event: Event, fields: Mapping[str, Found]) -> dict[str, Found]:
    """What a class has by itself that is none of those whose arguments are known."""
    why = f"it is not given, and what {_path(event)} has by itself is not known"
    names = [one for one in OF_A_CLASS if fields.get(one, ABSENT).certainty == ABSENT.certainty]
    return {one: Found(None, "unknown", event.place, why=why) for one in names}


OF_A_CLASS = ("lr", "betas", "eps", "momentum", "weight_decay")


def _path(event: Event) -> str:
    if isinstance(event.receiver, Instance):
        return event.receiver.of.name
    return event.path.removesuffix(".__init__")


def _name(seen: Seen, event: Event, values: Mapping[str, Value]) -> Found:
    name = seen.class_name
    if not name:
        why = f"{_path(event)} is no optimizer that is known"
        return Found(None, "unknown", event.place, why=why)
    if name == "sgd" and "momentum" in values:
        momentum = number(values["momentum"])
        if momentum is None:
            return Found(None, "unknown", event.place, why="SGD with a momentum that is not known")
        name = "momentum" if momentum else "sgd"
    words = [one for one in ("decoupled_weight_decay", *MODE) if one in values]
    if words and name in ("adam", "adamw"):
        apart = values[words[0]]
        if not isinstance(apart, Known):
            why = "adam whose decay is decoupled, or may be"
            return Found(None, "unknown", event.place, why=why)
        name = "adamw" if apart.value else "adam"
    return Found(name, "stated", event.place, "literal")


PAIRS = (("beta1", "beta2"), ("b1", "b2"))
ONE = {
    "eps": ("epsilon", "eps", "e"),
    "momentum": ("momentum",),
    "nesterov": ("use_nesterov", "nesterov"),
}


def _numbers(event: Event, signature: Signature, values: Mapping[str, Value]) -> dict[str, Found]:
    fields: dict[str, Found] = {}
    rate = "learning_rate" if "learning_rate" in signature.names else "lr"
    if rate not in values and rate in signature.defaults:
        fields["lr"] = implied(signature.defaults[rate], signature.library, event.place)
    elif rate in values and not _schedule(values[rate]):
        fields["lr"] = base_rate(values[rate])
    for field, names in ONE.items():
        for name in names:
            if name in values:
                fields[field] = found(values[name])
            elif name in signature.defaults and field != "nesterov":
                default = signature.defaults[name]
                if field != "momentum" or default:
                    fields[field] = implied(default, signature.library, event.place)
    if number(values.get("momentum")) == 0:
        fields.pop("momentum", None)
    betas = _betas(event, signature, values)
    if betas is not None:
        fields["betas"] = betas
    return fields


def _schedule(value: Value) -> bool:
    """Whether a rate is an object that moves."""
    return any(
        not isinstance(one, Known) and not isinstance(one, Unknown) for one in alternatives(value)
    )


def _betas(event: Event, signature: Signature, values: Mapping[str, Value]) -> Found | None:
    if "betas" in values:
        return found(values["betas"])
    if "betas" in signature.defaults:
        return implied(list(signature.defaults["betas"]), signature.library, event.place)
    for pair in PAIRS:
        if pair[0] not in signature.defaults:
            continue
        stated = [found(values[name]) for name in pair if name in values]
        if not stated:
            both = [signature.defaults[name] for name in pair]
            return implied(both, signature.library, event.place)
        unknown = [one for one in stated if one.certainty == "unknown"]
        if unknown:
            return unknown[0]
        both = [found(values[n]).value if n in values else signature.defaults[n] for n in pair]
        return Found(both, "stated", stated[0].place, stated[0].how, stated[0].flag)
    return None


OWN_DECAYS = ("lamb_weight_decay", "lars_weight_decay")
"""What two of Paddle's classes call their decay."""


def _decay(
    event: Event, signature: Signature, values: Mapping[str, Value], groups: list[Group]
) -> Found:
    params = parameters_of(signature, values)
    name = next((one for one in OWN_DECAYS if one in signature.names), "weight_decay")
    grouped = [one.values["weight_decay"] for one in groups if "weight_decay" in one.values]
    outer = values.get(name, event.kwargs.get("regularization"))  # Paddle 1's word
    grouped = [side for one in grouped for side in alternatives(one)]
    if grouped:
        decays = [one for one in map(found, grouped) if one.value != 0]
        if outer is not None and any("weight_decay" not in one.values for one in groups):
            decays.insert(0, found(outer))
        if not decays:
            return found(grouped[0])
        return _by_flag(decays)
    if params is not None and _hidden(params):
        why = (
            f"the parameters are {described(params)}, which may be groups with decays of their own"
        )
        return Found(None, "unknown", event.place, why=why)
    if outer is None:
        return _default(signature, name, event)
    return _regularizer(outer, event, signature)


def _penalty(event: Event) -> bool:
    """Whether the decay is an object of a penalty, which says that it is part of the loss."""
    given = (*event.args, *event.kwargs.values())
    names = [one.path.rpartition(".")[2] for one in given if isinstance(one, Made)]
    return any(one.startswith(("L2Decay", "L1Decay")) for one in names)


def _by_flag(decays: list[Found]) -> Found:
    """The first that is stated by a flag or configuration, else the first."""
    return next((one for one in decays if one.flag), decays[0])


def _regularizer(value: Value, event: Event, signature: Signature) -> Found:
    """A number, or an object that holds it."""
    if isinstance(value, Made) and value.path.rpartition(".")[2].startswith(("L2Decay", "L1Decay")):
        inner = (
            value.args[0]
            if value.args
            else value.kwargs.get("coeff", value.kwargs.get("regularization_coeff"))
        )
        return found(inner) if inner is not None else Found(0.0, "implied", value.place)
    if isinstance(value, Known) and value.value is None:
        return _default(signature, "", event)
    return found(value)


def _default(signature: Signature, name: str, event: Event) -> Found:
    """What applies where no decay is given: the library's, where that is more than none."""
    decay = signature.defaults.get(name)
    return implied(decay, signature.library, event.place) if decay else ABSENT


def _hidden(params: Value) -> bool:
    """Whether what is handed over may be groups that the text does not show."""
    if isinstance(params, Known):
        return False
    if isinstance(params, ListValue):
        return params.open and not params.items
    if isinstance(params, Unknown) and params.op == "if":
        return any(_hidden(one) for one in alternatives(params))
    if isinstance(params, Made):
        name = params.path.rpartition(".")[2]
        if name in ("filter", "list", "chain") and params.args:
            return any(_hidden(one) for one in params.args[-1:])
        return not (name.endswith("parameters") or params.path.startswith("itertools"))
    return True


def _decay_hazards(
    seen: Seen,
    event: Event,
    signature: Signature,
    values: Mapping[str, Value],
    fields: Mapping[str, Found],
) -> list[Hazard]:
    decay = fields["weight_decay"]
    hazards: list[Hazard] = []
    if seen.class_name == "adamw" and decay.certainty == "implied" and decay.value:
        text = (
            f"AdamW is given no weight_decay: {signature.library}'s own {decay.value} applies to "
            "all that the filter keeps"
        )
        hazards.append(Hazard("framework_default_decay", event.place, text, "weight_decay.value"))
    if (
        seen.class_name in ("adam", "nadam", "radam", "adamax")
        and decay.value
        and fields["optimizer"].value != "adamw"
        and (fields.get("decay_kind") or ABSENT).value != "decoupled"
        and not _penalty(event)
    ):
        text = (
            f"weight_decay {decay.value} of Adam is added to the gradient (coupled), and divided "
            "by the root of the second moment like it; AdamW's is not"
        )
        hazards.append(Hazard("coupled_decay", decay.place or event.place, text, "optimizer.name"))
    return hazards
