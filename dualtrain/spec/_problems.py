"""pydantic's errors as `Problem`s: where, as the user writes it; the rule; what was received."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from dualtrain.errors import Problem
from dualtrain.spec._positions import Positions, Steps, dotted

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
    found = []
    for details in error.errors(include_url=False):
        steps, part = _as_written(details["loc"], root)
        steps, rule, received = _explain(details, steps, part)
        line = None if positions is None else positions.line(steps)
        where = steps[:-1] if details["type"] == "extra_forbidden" else steps
        found.append(
            Problem(where=dotted(where), rule=rule, received=received, file=file, line=line)
        )
    return found


def _explain(
    details: ErrorDetails, steps: Steps, part: type[BaseModel]
) -> tuple[Steps, str, str | None]:
    """Where exactly, the rule, and what was received."""
    context: dict[str, Any] = details.get("ctx", {})
    received = shown(details["input"])
    match details["type"]:
        case "extra_forbidden":
            return steps, _unknown(str(steps[-1]), part.model_fields), None
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
            return steps, rule, own or received
        case other if other in _RULES:
            return steps, _RULES[other].format(**context), received
    return steps, details["msg"], received


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
    return found


def _name(part: type[BaseModel]) -> str:
    """The one value of a part's field `name`; "" if it has none."""
    names = get_args(part.model_fields["name"].annotation) if "name" in part.model_fields else ()
    return str(names[0]) if names else ""


def _unknown(key: str, valid: Iterable[str]) -> str:
    near = difflib.get_close_matches(key.lower(), valid, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(map(repr, valid))}"
    return f"unknown key {key!r}; {hint}"


def _choice(expected: str) -> str:
    """The rule for pydantic's list of choices, `'a', 'b' or 'c'`."""
    choices = expected.replace(" or ", ", ")
    return f"must be one of {choices}" if ", " in choices else f"must be {choices}"


def shown(value: object) -> str:
    """What was received, cut when it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
