"""A number as it is configured, out of what a program makes of it for its processes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dualtrain.reading import Known, Library, Made, Unknown, Value, leaves
from dualtrain.reading._operators import truth
from dualtrain.recipes._clock import names_of, same_tree
from dualtrain.recipes._found import found
from dualtrain.recipes._record import Found

__all__ = [
    "configured",
    "of_processes",
    "own_names",
    "reached",
    "setting_of",
    "settings",
    "settled",
]

PROCESSES = re.compile(
    r"(^|_)rank$|world_size|device_count|nranks|(^|_)n_?gpus?(_|$)|num_gpus|num_devices|"
    r"num_process|process_index|trainer_(num|id)|worker_(num|index)$|^environ$|^getenv$|stage_id|"
    r"^is_initialized$"
)
"""Names of what says how many processes or devices there are, or which one this is."""

ACCUMULATION = re.compile(r"accum|update_freq|gradient_merge|iter_size")


def of_processes(value: Value) -> bool:
    """Whether a value depends on the number of processes or devices, or on which one this is."""
    for one in leaves(value):
        path = one.path if isinstance(one, (Made, Library)) else ""
        if any(map(PROCESSES.search, path.split("."))):
            return True
        if isinstance(one, Unknown) and one.op == "rank":
            return True
        if isinstance(one, Made) and one.receiver is not None and of_processes(one.receiver):
            return True
    return any(map(PROCESSES.search, names_of(value)))


def configured(value: Value) -> Value:
    """What is left of a value without its share of processes, accumulation and rounding.

    >>> eight = Known(8)
    >>> configured(Unknown(op="*", operands=(eight, Made("torch.cuda.device_count", (), {}, ...,
    ... ...)))) is eight
    True
    """
    if not isinstance(value, (Known, Unknown)) or not value.operands:
        return value
    if value.origin.name and value.op != "if":
        return value
    match value.op, value.operands:
        case (("int" | "float" | "ceil" | "floor" | "round"), (inner, *_)):
            return configured(inner)
        case (("//" | "/"), (inner, by)) if _is_share(by):
            return configured(inner)
        case (("*" | "+" | "max" | "min"), operands):
            kept = [one for one in operands if not of_processes(one) and not _is_unit(one)]
            return configured(kept[0]) if len(kept) == 1 else value
        case "if", (test, *sides):
            return _of_choice(value, test, [configured(one) for one in sides])
    return value


def _is_share(by: Value) -> bool:
    """Whether a divisor is the number of processes, or of micro-batches an update."""
    return of_processes(by) or any(map(ACCUMULATION.search, names_of(by)))


def _is_unit(value: Value) -> bool:
    return isinstance(value, Known) and value.value == 1 and not value.origin.name


def _of_choice(value: Known | Unknown, test: Value, sides: list[Value]) -> Value:
    first, second = sides
    if same_tree(first, second):
        return first
    if isinstance(value, Known):
        held = [one for one in sides if isinstance(one, Known) and one.value == value.value]
        named = [one for one in held if one.origin.name]
        return (named or held or [value])[0]
    if of_processes(test):
        kept = [one for one in sides if isinstance(one, Known)]
        if len(kept) == 1:
            return kept[0]
    return value


def reached(value: Value) -> Iterator[Value]:
    """What a value is computed from, without the sides of choices that are not taken."""
    stack, met = [value], set[int]()
    while stack:
        one = stack.pop()
        if id(one) in met:
            continue
        met.add(id(one))
        yield one
        if isinstance(one, (Known, Unknown)) and one.op == "if" and len(one.operands) == 3:
            test, then, otherwise = one.operands
            known = truth(test)
            stack += [then, otherwise] if known is None else [then if known else otherwise]
        elif isinstance(one, (Known, Unknown)):
            stack += reversed(one.operands)


def settled(value: Value, pattern: re.Pattern[str]) -> Value:
    """Of a value that depends on more, the one setting of such a name that goes into it; the value
    itself where there is none, or where there are several."""
    named = [one for one in settings(value) if any(map(pattern.search, own_names(one)))]
    values = {repr(one.value) for one in named}
    open_ = (one for one in reached(value) if isinstance(one, Unknown) and one.op == "parsed")
    if len(values) == 1 and named[0].value is not None and not any(open_):
        return named[0]
    return configured(value)


def setting_of(value: Value) -> Found:
    """The field that a configured number gives; a None that something replaces is not known."""
    made = found(value)
    if made.certainty == "stated" and made.value is None:
        why = "it is None by default, and what replaces that cannot be told"
        return Found(None, "unknown", made.place, "", made.flag, why)
    return made


def settings(value: Value) -> Iterator[Known]:
    """The flags and keys that go into a value, each as it is after its own conversion."""
    stack, met = [value], set[int]()
    while stack:
        one = stack.pop()
        if id(one) in met or not isinstance(one, (Known, Unknown)):
            continue
        met.add(id(one))
        if isinstance(one, Known) and one.origin.name and one.op != "if":
            yield one
        else:
            stack += reversed(one.operands)


def own_names(value: Known) -> set[str]:
    """The name of the flag or key that a constant came through, without those of what it is in."""
    name = value.origin.name.rpartition(".")[2]
    return {name.strip("-").replace("-", "_").lower()} if name else set()
