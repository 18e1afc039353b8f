"""How long a schedule is and how long its warmup, as the program computes them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace

from dualtrain.reading import Known, ListValue, Made, Unknown, Value
from dualtrain.recipes._base_rate import followed
from dualtrain.recipes._found import described, found, number
from dualtrain.recipes._record import ABSENT, Found
from dualtrain.recipes._seen import Seen, inside
from dualtrain.recipes.schedules._numeric import NotANumber, Numbers, key, parts

__all__ = ["epochs_of", "in_epochs", "length_of", "lengths_of", "share_of_epochs", "warmup_of"]

ACCUMULATION = re.compile(r"accum|update_(freq|every|interval|period)|grad_acc", re.I)
BATCH = re.compile(r"batch|\bbs\b", re.I)
GIVES = re.compile(r"load|iter|batch|sampler|prepare|split", re.I)
"""Functions that may give batches, and not samples."""


def names_of(value: Value) -> Iterator[str]:
    """The flags, keys and attributes in a tree."""
    for one in parts(value):
        if isinstance(one, (Known, Unknown)) and one.origin.name:
            yield one.origin.name
        if isinstance(one, Unknown) and one.op == "attr":
            yield str(getattr(one.operands[1], "value", ""))
        if isinstance(one, Unknown) and one.op in ("item", "parameter", "name"):
            yield str(getattr(one.operands[-1], "value", ""))


def divides(value: Value) -> Iterator[tuple[Value, Value]]:
    """Divisions in a tree: what is divided, and by what."""
    for one in parts(value):
        if isinstance(one, (Known, Unknown)) and one.op in ("/", "//") and len(one.operands) == 2:
            yield one.operands[0], one.operands[1]


def accumulated(seen: Seen, value: Value) -> bool:
    """Whether a tree is divided by the micro-batches of an update."""
    modulos = list(_modulos(seen))
    for _, by in divides(value):
        named = any(ACCUMULATION.search(name) for name in names_of(by))
        if named or any(_same_number(one, by) for one in modulos):
            return True
    return False


def _same_number(one: Value, other: Value) -> bool:
    """Whether two numbers are the same; of two that are 1 only where they come from one place."""
    if isinstance(one, Known) and one.value == 1:
        place = one.origin.place
        return isinstance(other, Known) and place is not None and other.origin.place == place
    return key(one) == key(other)


def _modulos(seen: Seen) -> Iterator[Value]:
    """What an update's number is compared with modulo, or an engine is told."""
    for event in seen.program.events:
        if event.kind == "call" and event.context.real:
            yield from (one for name, one in event.kwargs.items() if ACCUMULATION.search(name))
    for event in seen.updates:
        for condition in event.context.conditions:
            for one in parts(condition.test):
                if isinstance(one, (Known, Unknown)) and one.op == "%":
                    yield one.operands[1]


def lengths_in(value: Value) -> list[Value]:
    """Every `len(...)` that is not known, in a tree."""
    return [one for one in parts(value) if isinstance(one, Unknown) and one.op == "len"]


def _samples(value: Value) -> bool:
    """Whether a tree counts batches from the number of samples."""
    for divided, by in divides(value):
        counted = lengths_in(divided)
        if counted and any(BATCH.search(name) for name in names_of(by)):
            return True
        plain = number(by) not in (None, 1) and not any(map(ACCUMULATION.search, names_of(by)))
        if counted and plain and all(map(_no_loader, counted)):
            return True
    return any(_of_samples(one) for one in lengths_in(value))


def _no_loader(length: Value) -> bool:
    """Whether a `len` is that of a list, a table or a data set: nothing that gives batches."""
    of = length.operands[0] if isinstance(length, Unknown) else length
    while isinstance(of, Unknown) and of.op == "slice":
        of = of.operands[0]
    unseen = isinstance(of, Made) and (of.path == "?" or GIVES.search(of.path))
    return isinstance(of, (ListValue, Made)) and not unseen


def _of_samples(length: Value) -> bool:
    """Whether a `len` is a data set's, and not a loader's."""
    of = length.operands[0] if isinstance(length, Unknown) else length
    if isinstance(of, Made):
        name = of.path.rpartition(".")[2].lower()
        return "dataset" in name and "loader" not in name
    return False


def _rounded_up(value: Value) -> bool:
    return any(isinstance(one, (Known, Unknown)) and one.op == "ceil" for one in parts(value))


def length_of(seen: Seen, value: Value, per_epoch: bool | None = None) -> Found:
    """The kind of a schedule's length, with the rule in words.

    per_epoch: whether the schedule is stepped once an epoch.
    """
    rule = described(value)
    place = getattr(getattr(value, "origin", None), "place", None)
    if isinstance(value, Known) and value.value is None:
        return ABSENT
    counted = lengths_in(value)
    if not counted:
        if not isinstance(value, Known):
            return Found(None, "unknown", place, why=f"{rule}: cannot be computed from the text")
        kind = "epoch_units" if per_epoch or counts_epochs(seen, value) else "fixed_steps"
        return Found(kind, "stated", value.origin.place, "computed", why=rule)
    over = accumulated(seen, value)
    examples = _samples(value) and not _rounded_up(value)
    if any(_chooses(one) for one in parts(value)) and not (examples and isinstance(value, Unknown)):
        kind = "max_steps_or_epochs_over_accumulate" if over else "max_steps_or_epochs"
    elif examples:
        kind = "examples"
    else:
        kind = "epochs_over_accumulate" if over else "epochs"
    return Found(kind, "stated", place, "computed", why=rule)


def lengths_of(seen: Seen, value: Value, per_epoch: bool | None = None) -> dict[str, Found]:
    """`length` and, where the schedule states a number of its own, `horizon`."""
    length = length_of(seen, value, per_epoch)
    counted = length.value in ("epochs", "epochs_over_accumulate", "examples")
    own = epochs_of(value) if counted else None
    if length.value in ("fixed_steps", "epoch_units"):
        own = replace(length, value=number(value))
    return {"length": length, **({} if own is None else {"horizon": own})}


def _chooses(value: Value) -> bool:
    """Whether a tree is a number of updates in one case, and counted from batches in another."""
    if not (isinstance(value, (Known, Unknown)) and value.op == "if"):
        return False
    sides = value.operands[1:]
    plain = [one for one in sides if not lengths_in(one)]
    if len(plain) != 1:
        return False
    return any(names_of(plain[0])) or (number(plain[0]) or 0) > 1


def counts_epochs(seen: Seen, value: Value) -> bool:
    """Whether a number is that of the epochs: what a loop around the batches goes through."""
    if not isinstance(value, Known):
        return False
    for event in seen.updates:
        for loop in event.context.loops[:-1]:
            if loop.over is None:
                continue
            for one in inside(loop.over):
                if one is value or (
                    isinstance(one, Known)
                    and one.value == value.value
                    and one.origin.name == value.origin.name != ""
                ):
                    return True
    return False


def warmup_of(
    seen: Seen, value: Value, total: Value | None, *, floats: bool = False, unit: str = "steps"
) -> tuple[Found, Found]:
    """The warmup and its unit.

    floats: a number that is no int is a fraction of the total, as in paddlenlp.
    unit: of a number that is known.
    """
    if isinstance(value, Known) and value.value is None:
        return ABSENT, ABSENT
    part = _part_of(value, total)
    if part is not None:
        return part, _unit(part, "fraction")
    if isinstance(value, Known):
        stated = found(value)
        fraction = floats and isinstance(value.value, float)
        return stated, _unit(stated, "fraction" if fraction else unit)
    epochs = epochs_of(value)
    if epochs is not None:
        return epochs, _unit(epochs, "epochs")
    unknown = found(value)
    return unknown, Found(None, "unknown", unknown.place, why=unknown.why)


def _unit(of: Found, unit: str) -> Found:
    return Found(unit, "stated", of.place, of.how)


def _part_of(value: Value, total: Value | None) -> Found | None:
    """The fraction of the total that a warmup is computed as."""
    if total is None or not isinstance(value, (Known, Unknown)) or not value.op:
        return None
    value = followed(value)
    wanted = key(followed(total))
    at = next((one for one in parts(value) if key(followed(one)) == wanted), None)
    if at is None or at is value:
        return None
    if isinstance(at, Known) and not (at.op or at.origin.name):
        return None
    fixed = {key(at): 1_000_000_007.0}
    numbers = Numbers(1, {key(at): lambda t: 1_000_000_007}, fixed)
    if isinstance(at, Known):
        value = _opened(value, key(at))
    try:
        ratio = numbers.of(value) / 1_000_000_007
    except (NotANumber, ZeroDivisionError):
        return None
    return _ratio(value, ratio, "of the total")


def _opened(value: Value, at: object) -> Value:
    """A known tree as one to be computed, where what it is computed from is in it."""
    if isinstance(value, Known) and value.op and key(value) != at:
        inner = tuple(_opened(one, at) for one in value.operands)
        if any(key(one) == at or isinstance(one, Unknown) for one in parts(value)):
            return Unknown("", value.origin, value.op, inner)
    return value


def _ratio(value: Value, ratio: float, of: str) -> Found | None:
    """The constant of a tree that a ratio is, or the inverse of."""
    if ratio == 0:
        none = [one for one in parts(value) if number(one) == 0 and one is not value]
        named = [one for one in none if isinstance(one, Known) and one.origin.name]
        return found((named or none)[0]) if none else None
    for one in parts(value):
        if not isinstance(one, Known) or isinstance(one.value, bool):
            continue
        if not isinstance(one.value, (int, float)) or one.value == 0:
            continue
        if math.isclose(one.value, ratio, rel_tol=1e-6, abs_tol=1e-8):
            return replace(found(one), why=f"{described(value)}: {one.value!r} {of}")
        if math.isclose(1 / one.value, ratio, rel_tol=1e-6, abs_tol=1e-8):
            stated = replace(found(one), value=1 / one.value)
            return replace(stated, why=f"{described(value)}: 1 / {one.value!r} {of}")
    return None


def share_of_epochs(value: Value) -> float | None:
    """How many epochs a number of updates comes to: 2.5 of `5 * len(loader) / 2`."""
    value, numbers = followed(value), Numbers(1)
    for one in parts(value):
        if lengths_in(one) and _of_an_epoch(one):
            try:
                return float(numbers.of(value) / numbers.of(one))
            except (NotANumber, ZeroDivisionError):
                continue
    return None


def epochs_of(value: Value) -> Found | None:
    """The epochs that a number of updates is computed from: 5 of `5 * len(loader)`."""
    value = followed(value)
    if not lengths_in(value):
        return None
    numbers = Numbers(1)
    try:
        whole = numbers.of(value)
    except NotANumber:
        return None
    for one in parts(value):
        if not lengths_in(one) or not _of_an_epoch(one):
            continue
        try:
            ratio = whole / numbers.of(one)
        except (NotANumber, ZeroDivisionError):
            continue
        if one is value:
            return Found(1, "stated", None, "computed", why=f"{described(value)}: one epoch")
        given = _ratio(value, ratio, "epochs")
        if given is not None:
            return given
    return None


def _of_an_epoch(value: Value) -> bool:
    """Whether a tree counts the updates of one epoch: nothing is multiplied in it."""
    if any(_of_samples(one) for one in lengths_in(value)) and not _samples_in_batches(value):
        return False
    for one in parts(value):
        operands = one.operands if isinstance(one, Unknown) and one.op == "*" else ()
        if operands and not any(isinstance(by, Known) and by.value == 1 for by in operands):
            return False
    return True


def _samples_in_batches(value: Value) -> bool:
    return any(
        lengths_in(divided) and any(BATCH.search(name) for name in names_of(by))
        for divided, by in divides(value)
    )


def in_epochs(values: list[Value]) -> list[Found] | None:
    """Times in epochs, of times that are each epochs times the same updates of an epoch."""
    each = [epochs_of(one) for one in values]
    return [one for one in each if one] if all(each) else None
