"""pydantic's errors as `Problem`s: where, as the user writes it; the rule; what was received."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from dualtrain.errors import Problem
from dualtrain.fields._cures import of_key, of_list, of_mapping, of_name, of_number, of_size, off
from dualtrain.fields._positions import Positions, Steps, dotted
from dualtrain.printable import shortened

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["problems_of", "shown"]

# pydantic's error type -> our rule, filled from the error's context
_RULES = {
    "bool_type": "must be true or false",
    "finite_number": "must be finite",
    "float_type": "must be a number",
    "greater_than": "must be > {gt:.12g}",
    "greater_than_equal": "must be >= {ge:.12g}",
    "int_type": "must be a whole number",
    "less_than": "must be < {lt:.12g}",
    "less_than_equal": "must be <= {le:.12g}",
    "model_attributes_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "string_too_short": "must not be empty",
    "string_type": "must be text",
    "string_unicode": "must be text, without half a surrogate pair",
    "too_short": "must have {min_length} or more",
    "tuple_type": "must be a list",
}
_LONGEST = 200


def problems_of(
    error: ValidationError,
    root: type[BaseModel],
    *,
    file: str | None = None,
    positions: Positions | None = None,
) -> list[Problem]:
    """One `Problem` per error of the model `root`; with lines if `positions` are given."""
    problems = []
    for details in error.errors(include_url=False):
        steps, part = _as_written(details["loc"], root)
        steps, rule, received = _explain(details, steps, part)
        line = None if positions is None else positions.line(steps)
        where = steps[:-1] if details["type"] == "extra_forbidden" else steps
        problems.append(
            Problem(
                where=dotted(where),
                rule=rule,
                received=received,
                file=file,
                line=line,
                cure=_cure(details, steps, part, root),
            )
        )
    return problems


def _explain(
    details: ErrorDetails, steps: Steps, part: type[BaseModel]
) -> tuple[Steps, str, str | None]:
    """Where exactly, the rule, and what was received."""
    context: dict[str, Any] = details.get("ctx", {})
    received = shown(details["input"])
    match details["type"]:
        case "extra_forbidden":
            return steps, f"unknown key {steps[-1]!r}", None
        case "missing":
            return steps, "is required", "nothing"
        case "union_tag_not_found" if not isinstance(details["input"], dict):
            return steps, _RULES["model_type"], received
        case "union_tag_not_found":
            return (*steps, "name"), "is required", "nothing"
        case "union_tag_invalid":
            given = details["input"]
            tag = given["name"] if isinstance(given, dict) else given
            return (*steps, "name"), _choice(context["expected_tags"]), shown(tag)
        case "literal_error":
            return steps, _choice(context["expected"]), received
        case "value_error":
            rule, _, own = str(context["error"]).partition(". Received: ")
            field, rule = _field(rule, details["input"])
            return (*steps, *field), rule, own or received
        case other if other in _RULES:
            return steps, _RULES[other].format(**context), received
    return steps, details["msg"], received


def _cure(
    details: ErrorDetails, steps: Steps, part: type[BaseModel], root: type[BaseModel]
) -> str | None:
    """What to write instead, where that is known."""
    value, context = details["input"], details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            key = str(steps[-1])
            return (
                of_key(steps, value, getattr(part, "cures", {}))
                or _having(key, part, root)
                or _moved(steps, root)
                or _near(key, part.model_fields)
            )
        case "union_tag_not_found" | "model_type" | "model_attributes_type" if not isinstance(
            value, dict
        ):
            return of_mapping(steps, value, _choices(steps, part))
        case "union_tag_invalid":
            tag = value["name"] if isinstance(value, dict) else value
            return of_name(tag, re.findall("'([^']*)'", context["expected_tags"]))
        case "literal_error":
            if steps == ("amp", "dtype") and off(value):
                return "leave amp out: without it all is float32"
            return of_name(value, re.findall("'([^']*)'", context["expected"]))
        case "float_type" | "int_type":
            return of_number(steps, value)
        case "less_than" | "greater_than_equal":
            return of_size(steps, value)
        case "tuple_type":
            return of_list(steps, value)
        case "bool_type":
            return _BOOLS.get(str(value).lower())
        case "value_error" | "string_type" if steps == ("device",):
            return _on_cuda(value)
    return None


_BOOLS = {
    **dict.fromkeys(("yes", "on", "1", "true"), "write true"),
    **dict.fromkeys(("no", "off", "0", "false"), "write false"),
}


def _on_cuda(device: object) -> str | None:
    if isinstance(device, int) and not isinstance(device, bool):
        return f"write cuda:{device}"
    if isinstance(device, str) and device.startswith("gpu"):
        return f"write {device.replace('gpu', 'cuda')}"
    return None


def _choices(steps: Steps, part: type[BaseModel]) -> dict[str, type[BaseModel]]:
    field = part.model_fields.get(str(steps[-1])) if steps else None
    return {} if field is None else _options(field.annotation)


_LEADING = re.compile(r"([a-z_]+(?:\[\d+\])?(?:\.[a-z_]+)*) (must .*)", re.DOTALL)


def _field(rule: str, value: object) -> tuple[Steps, str]:
    """The field that a rule over several begins with, and the rest: `min_lr must be below ...`."""
    match = _LEADING.fullmatch(rule)
    if match is None:
        return (), rule
    found = re.findall(r"[a-z_]+|\d+", match[1])
    if found[0] not in (value if isinstance(value, dict) else getattr(value, "__dict__", ())):
        return (), rule
    return tuple(int(step) if step.isdecimal() else step for step in found), match[2]


def _as_written(loc: Steps, root: type[BaseModel]) -> tuple[Steps, type[BaseModel]]:
    """A location without the tags that pydantic adds for unions, and the part it ends in."""
    part, written, steps = root, [], iter(loc)
    for step in steps:
        written.append(step)
        field = part.model_fields.get(str(step))
        options = {} if field is None else _options(field.annotation)
        if len(options) == 1:
            (part,) = options.values()
        elif options:
            part = options.get(str(next(steps, None)), part)
    return tuple(written), part


def _options(annotation: Any) -> dict[str, type[BaseModel]]:
    """The parts that a field may hold, by the tag that pydantic gives each in a union."""
    found = {}
    for option in get_args(annotation) or (annotation,):
        part, *extra = get_args(option) or (option,)
        if isinstance(part, type) and issubclass(part, BaseModel):
            found[extra[0].tag if extra else _name(part)] = part
        elif extra:  # a union of its own beside None
            found |= _options(part)
    return found


def _name(part: type[BaseModel]) -> str:
    """The one value of a part's field `name`; "" if it has none."""
    names = get_args(part.model_fields["name"].annotation) if "name" in part.model_fields else ()
    return str(names[0]) if names else ""


def _having(key: str, part: type[BaseModel], root: type[BaseModel]) -> str | None:
    """For a field of another schedule or optimizer: which of them have it."""
    for info in root.model_fields.values():
        options = _options(info.annotation)
        if part in options.values():
            names = [name for name, option in options.items() if key in option.model_fields]
            return f"{_name(part)} has none; of {', '.join(names)} it is one" if names else None
    return None


def _moved(steps: Steps, root: type[BaseModel]) -> str | None:
    """For a key that is one, in another part."""
    *around, key = steps
    if around:
        return f"write it beside {around[0]}" if key in root.model_fields else None
    found = [
        field
        for field, info in root.model_fields.items()
        if any(key in option.model_fields for option in _options(info.annotation).values())
    ]
    return f"write it within {found[0]}" if len(found) == 1 else None


def _near(key: str, valid: Iterable[str]) -> str:
    near = difflib.get_close_matches(key.lower(), valid, n=1)
    return f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(map(repr, valid))}"


def _choice(expected: str) -> str:
    """The rule for pydantic's list of choices, `'a', 'b' or 'c'`."""
    choices = expected.replace(" or ", ", ")
    return f"must be one of {choices}" if ", " in choices else f"must be {choices}"


def shown(value: object) -> str:
    """What was received, cut when it is long."""
    return shortened(repr(value), _LONGEST)
