"""Which parameters do not decay: Paddle's apply_decay_param_fun, torch's groups."""

from __future__ import annotations

from collections.abc import Sequence

from dualtrain.reading import (
    Event,
    Function,
    Known,
    ListValue,
    Origin,
    Place,
    Unknown,
    Value,
    leaves,
)
from dualtrain.recipes._found import described, found
from dualtrain.recipes._record import Found, Hazard
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes._signatures import given, parameters_of, signature_of
from dualtrain.recipes.parameters._filters import ONE_DIMENSIONAL, Rule, rule_of, tests_of
from dualtrain.recipes.parameters._groups import Group, groups_of

__all__ = ["decay_part", "regularized"]


def decay_part(seen: Seen) -> Part:
    """decay_exclude and decay_match, with what is wrong about them."""
    part = Part()
    event = seen.optimizer
    if event is None:
        return part
    signature = signature_of(event)
    values = given(event, signature)
    keeps = values.get("apply_decay_param_fun")
    drops = values.get("exclude_from_weight_decay_fn")
    if keeps is not None and not _none(keeps):
        _by_function(seen, event, keeps, True, part)
    elif drops is not None and not _none(drops):
        _by_function(seen, event, drops, False, part)
    elif (parts := values.get("exclude_from_weight_decay")) is not None and not _none(parts):
        _by_parts(event, parts, part)
    elif (each := regularized(seen)) is not None:
        _by_regularizer(each, part)
    else:
        _by_groups(seen, groups_of(parameters_of(signature, values)), part)
    return part


def regularized(seen: Seen) -> Event | None:
    """Where Paddle's parameters are given an L2Decay each."""
    for one in seen.program.events:
        stored = one.kind == "store" and one.path == ".regularizer" and one.context.real
        if stored and str(getattr(one.args[0], "path", "")).endswith("L2Decay"):
            return one
    return None


def _by_regularizer(event: Event, part: Part) -> None:
    """Which parameters are given a decay each, and which are given none."""
    tests = [one for one in event.context.conditions if one.taken is None]
    rules = [rule_of(one.test, picks=not one.holds) for one in tests]
    said = [one for one in rules if one is not None and one.atoms]
    if len(tests) == len(said) == 1:
        _says(part, said[0], event.place)
    elif tests:
        _unknown(part, event.place, f"what is given none is {described(tests[0].test)}")


def _none(value: Value) -> bool:
    return isinstance(value, Known) and value.value is None


def _by_function(seen: Seen, event: Event, function: Value, keeps: bool, part: Part) -> None:
    """A function of a parameter's internal name; keeps: whether it is true of what decays."""
    name = Unknown("the internal name", Origin("computed"), "parameter", (Known("a name"),))
    test = seen.program.apply(function, name)
    place = event.place
    if isinstance(function, Function):
        place = type(place)(function.module.file, function.node.lineno)
    listed = _listed(test, name)
    if listed is not None:
        members, inside = listed
        _by_list(seen, members, inside is keeps, place, part)
        return
    if isinstance(test, Known):
        if bool(test.value) is keeps:
            return
        _never(part, place, "the function is true of no name")
        return
    rule = rule_of(test, picks=not keeps)
    if rule is None:
        _unknown(part, place, f"the filter is {described(test)}")
        return
    _says(part, rule, place)
    part.hazards.append(_internal(rule.strings, place))


def _internal(strings: Sequence[str], place: Place | None) -> Hazard:
    return Hazard(
        "decay_internal_names",
        place,
        f"the filter is given Paddle's internal names, such as linear_0.b_0, and looks for "
        f"{', '.join(map(repr, strings))} in them",
        "weight_decay.exclude",
    )


def _by_parts(event: Event, parts: Value, part: Part) -> None:
    """The list of LARS: what has one of them in its internal name does not decay."""
    listed = found(parts)
    if listed.certainty == "unknown":
        _unknown(part, event.place, f"the names left out are {described(parts)}")
    elif listed.value:
        part.fields["decay_exclude"] = listed
        part.fields["decay_match"] = Found("substring", "stated", event.place)
        part.hazards.append(_internal(listed.value, event.place))


def _listed(test: Value, name: Value) -> tuple[ListValue, bool] | None:
    """The list that a name is looked for in, and whether it is to be in it."""
    if isinstance(test, Unknown) and test.op == "not":
        inner = _listed(test.operands[0], name)
        return None if inner is None else (inner[0], not inner[1])
    if isinstance(test, Unknown) and test.op == "if":
        for one in test.operands[1:]:
            inner = _listed(one, name)
            if inner is not None:
                return inner
    if isinstance(test, (Known, Unknown)) and test.op in ("in", "not in"):
        one, of = test.operands
        own = isinstance(one, Unknown) and one.op == "attr" and one.operands[0] is name
        if (one is name or own) and isinstance(of, ListValue):
            return of, test.op == "in"
    return None


def _by_list(seen: Seen, members: ListValue, decays: bool, place: object, part: Part) -> None:
    """Members: the names listed; decays: whether those decay, and no others."""
    at = members.origin.place
    if not members.items:
        if decays:
            _never(part, at, "the list of names is empty")
        return
    tests = tests_of(members.items)
    rules = [rule_of(one.test, picks=one.holds is not decays) for one in tests]
    said = [one for one in rules if one is not None and one.atoms]
    if not tests:
        return
    if not said:
        _unknown(part, at, f"the list is built where {described(tests[0].test)}")
        return
    _says(part, said[0], at or tests[0].place)
    _misses(seen, part, said[0], at, PADDLE_NORMS)
    structured = [one for one in members.values if _structured(one)]
    if structured and decays:
        text = (
            "the list holds structured names (linear.weight), the function is given internal ones "
            "(linear_0.w_0): none is in it, so nothing decays"
        )
        part.hazards.append(Hazard("decay_never_matches", at, text, "weight_decay.exclude"))


def _structured(name: Value) -> bool:
    """Whether a listed name is what named_parameters gives first, not a parameter's `.name`."""
    if not isinstance(name, Unknown) or name.op != "item":
        return False
    index = name.operands[1]
    over = [one for one in leaves(name.operands[0]) if getattr(one, "path", "")]
    named = any(str(getattr(one, "path", "")).endswith("named_parameters") for one in over)
    return named and isinstance(index, Known) and index.value == 0


def _by_groups(seen: Seen, groups: list[Group], part: Part) -> None:
    event = seen.optimizer
    assert event is not None
    for one in groups:
        test = _decided_inside(one)
        if test is not None:
            rule = rule_of(test[0], picks=test[1])
            if rule is None or not rule.atoms:
                _unknown(part, event.place, f"what does not decay is {described(test[0])}")
            else:
                _says(part, rule, event.place)
            return
    still = [one for one in groups if _zero(one)]
    others = [one for one in groups if not _zero(one)]
    if not still or not others:
        return
    of_still = [rules for one in still if (rules := one.rules())]
    of_others = [rules for one in others if (rules := one.rules(picks=False))]
    decides = _shared(of_still, of_others)
    out = [decides] if decides else [rules[0] for rules in of_still]
    rest = [decides] if decides else [rules[0] for rules in of_others]
    said = [*out, *rest]
    several = not decides and any(len(rules) > 1 for rules in (*of_still, *of_others))
    if out and rest and (several or not any(_alike(a, b) for a in out for b in rest)):
        why = f"groups by other tests than what decays: {out[0].match} {', '.join(out[0].strings)}"
        _unknown(part, event.place, why)
    elif not out and any(tests_of(one.items) for one in still):
        _unknown(part, event.place, "what does not decay is picked by what is no test of names")
    elif said:
        straight = [one for one in said if not one.inverted]
        _says(part, (straight or said)[0], event.place)
        _misses(seen, part, (straight or said)[0], event.place, TORCH_NORMS)
    else:
        _unknown(part, event.place, "no test of names is seen in the groups")
    overs = [
        id(one.params.over)
        for one in groups
        if isinstance(one.params, ListValue) and one.params.over is not None
    ]
    if len(set(overs)) < len(overs) and _generator(groups):
        text = (
            "both groups are taken from one generator: the first uses it up, the second is empty, "
            "and its parameters never train"
        )
        part.hazards.append(Hazard("params_lost", event.place, text, "weight_decay.exclude"))


def _shared(still: list[list[Rule]], others: list[list[Rule]]) -> Rule | None:
    """The rule that all that does not decay is picked by, and none of the rest: groups may be of
    modules too, each of them in two."""
    for one in still[0] if still and others else ():
        if all(any(_alike(one, r) for r in group) for group in (*still, *others)):
            return one
    return None


def _alike(one: Rule, other: Rule) -> bool:
    return set(one.atoms) == set(other.atoms) and one.inverted is other.inverted


def _decided_inside(group: Group) -> tuple[Value, bool] | None:
    """Of groups made one by one: the test that decides whether one decays, and how it comes out
    where none does."""
    decay = group.values.get("weight_decay")
    if not isinstance(decay, Unknown) or decay.op != "if":
        return None
    test, then, other = decay.operands
    zeros = [isinstance(one, Known) and one.value == 0 for one in (then, other)]
    return (test, zeros[0]) if zeros[0] is not zeros[1] else None


PADDLE_NORMS = ("encoder.layers.0.norm1.weight", "embeddings.layer_norm.weight", "h.0.ln_1.weight")
TORCH_NORMS = ("encoder.layer.0.output.LayerNorm.weight", "h.0.ln_1.weight", "layer_norm.weight")
"""Names of norms' weights in the models of paddlenlp and transformers."""


LIBRARIES = ("transformers.", "pytorch_", "paddlenlp.", "paddleformers.")


def _misses(seen: Seen, part: Part, rule: Rule, place: object, norms: tuple[str, ...]) -> None:
    """Norms that a filter by substrings lets through, though it speaks of them, or though the model
    is one of a library whose norms have other names."""
    if rule.match != "substring" or rule.inverted:
        return
    means = any("norm" in one.lower() or one.startswith("ln") for one in rule.strings)
    met = [one for one in norms if any(text in one for text in rule.strings)]
    loaded = (one.path.startswith(LIBRARIES) for one in seen.calls("from_pretrained"))
    if met or not (means or ("bias" in rule.strings and any(loaded))):
        return
    where = place if hasattr(place, "line") else None
    text = (
        f"{', '.join(map(repr, rule.strings))} is in no norm's name, such as {norms[0]}: their "
        "weights decay"
    )
    part.hazards.append(
        Hazard("decay_misses_norm", where, text, "weight_decay.exclude")  # type: ignore[arg-type]
    )


def _generator(groups: list[Group]) -> bool:
    for one in groups:
        over = one.params.over if isinstance(one.params, ListValue) else None
        if str(getattr(over, "path", "")).endswith("named_parameters"):
            return True
    return False


def _zero(group: Group) -> bool:
    decay = group.values.get("weight_decay")
    return isinstance(decay, Known) and decay.value == 0 and not decay.origin.name


def _says(part: Part, rule: Rule, place: object) -> None:
    where = place if place is None or hasattr(place, "line") else None
    exactly = ONE_DIMENSIONAL if rule.one_dimensional else ""
    part.fields["decay_match"] = Found(rule.match, "stated", where, why=exactly)  # type: ignore[arg-type]
    if rule.strings:
        part.fields["decay_exclude"] = Found(rule.strings, "stated", where)  # type: ignore[arg-type]


def _unknown(part: Part, place: object, why: str) -> None:
    where = place if hasattr(place, "line") else None
    for field in ("decay_exclude", "decay_match"):
        part.fields[field] = Found(None, "unknown", where, why=why)  # type: ignore[arg-type]


def _never(part: Part, place: object, why: str) -> None:
    where = place if hasattr(place, "line") else None
    text = f"{why}: no parameter decays"
    part.hazards.append(
        Hazard("decay_never_matches", where, text, "weight_decay.value")  # type: ignore[arg-type]
    )
