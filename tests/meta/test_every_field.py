"""The comparer must object to a change of any field, or say why it need not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dualtrain.errors import TraceError
from dualtrain.parity import Comparison, compare, compare_files
from dualtrain.parity._fields import FIELDS
from dualtrain.spec import Spec
from dualtrain.trace import Trace
from tests.traces import make_spec, make_trace, make_weights, write_run

PAGE = Path(__file__).parents[2] / "docs" / "parity.md"
EMA: dict[str, Any] = {"ema": {"decay": 0.9}}


def whole() -> Trace:
    """A run with something in every field that a run in float32 may have."""
    trace = make_trace(**EMA)
    (evaluation,) = trace.evaluations
    return replace(
        trace,
        header=replace(trace.header, code={"task.py": "00000000000000aa"}),
        evaluations=(replace(evaluation, metrics={"f1": 0.5}),),
    )


def compared(a: Trace, b: Trace) -> Comparison:
    return compare(a, b, weights=(make_weights(averages=0.0), make_weights(averages=0.0)))


@dataclass(frozen=True)
class Place:
    """A field of one record of a trace, and how to put another value into it."""

    owner: type[Any]
    name: str
    value: Any
    put: Callable[[Any], Trace]

    @property
    def verdict(self) -> Any:
        """What the table says of it."""
        return FIELDS[self.owner][self.name]


def places(trace: Trace) -> Iterator[Place]:
    """Every field of the header, of update 2, of the evaluation and of the end."""
    yield from _fields(trace.header, lambda one: replace(trace, header=one))
    yield from _fields(trace.updates[2], lambda one: _with(trace, "updates", 2, one))
    yield from _fields(trace.evaluations[0], lambda one: _with(trace, "evaluations", 0, one))
    yield from _fields(trace.end, lambda one: replace(trace, end=one))


def _with(record: Any, name: str, index: int, item: Any) -> Any:
    """The record with one item of a tuple changed."""
    items = getattr(record, name)
    return replace(record, **{name: (*items[:index], item, *items[index + 1 :])})


def _fields(record: Any, put: Callable[[Any], Trace]) -> Iterator[Place]:
    for field in fields(record):
        yield from _field(record, field.name, put)


def _field(record: Any, name: str, put: Callable[[Any], Trace]) -> Iterator[Place]:
    """The field and, where it holds records, the fields of the first."""
    value = getattr(record, name)
    yield Place(type(record), name, value, lambda new: put(replace(record, **{name: new})))
    if is_dataclass(value):
        yield from _fields(value, lambda new: put(replace(record, **{name: new})))
    elif isinstance(value, tuple) and value and is_dataclass(value[0]):
        yield from _fields(value[0], lambda new: put(_with(record, name, 0, new)))


def others(place: Place) -> Iterator[Any]:
    """Values that the field might have instead."""
    match place.value:
        case bool():
            yield not place.value
        case int():
            yield place.value + 2  # one correct answer more or less is allowed
        case float():
            yield from (place.value + 0.5, math.nan, math.inf)
        case str():
            yield f"{place.value}x"
        case None:
            yield "O1" if place.name == "level" else 0.5
        case Spec():
            yield make_spec(**EMA, optimizer={"name": "adamw", "lr": 0.1, "eps": 1e-6})
        case tuple() | dict() if place.value:
            yield type(place.value)()
        case tuple():
            yield ("embedding",)
        case _:
            assert is_dataclass(place.value), place


PLACES = list(places(whole()))


def test_every_field_of_a_trace_has_a_verdict() -> None:
    """A new one has none, and fails; so does one that is gone."""
    met = {place.owner for place in PLACES}
    assert met == FIELDS.keys()
    for owner in met:
        assert [field.name for field in fields(owner)] == [*FIELDS[owner]]


@pytest.mark.parametrize("place", PLACES, ids=lambda p: f"{p.owner.__name__}.{p.name}")
def test_another_value_changes_the_verdict_or_has_a_reason_not_to(place: Place) -> None:
    """From either side. `compare` sees the change alone: nothing is refused on reading here."""
    trace = whole()
    assert compared(trace, trace).agrees
    for value in others(place):
        changed = place.put(value)
        for a, b in ((trace, changed), (changed, trace)):
            comparison = compared(a, b)
            if isinstance(place.verdict, str):
                assert comparison.agrees, comparison.first
                continue
            assert not comparison.agrees, value
            found = {finding.stage for finding in comparison.findings if not finding.agrees}
            assert found & {stage.name for stage in place.verdict}, found


NUMBERS = [
    p for p in PLACES if any(s.name == "numbers" for s in p.verdict if not isinstance(s, str))
]


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", NUMBERS, ids=lambda p: f"{p.owner.__name__}.{p.name}")
def test_a_number_that_neither_side_has_is_no_proof(place: Place, lost: float) -> None:
    value: Any = lost
    match place.value:
        case tuple():
            value = tuple((lost,) if isinstance(one, tuple) else lost for one in place.value)
        case dict():
            value = dict.fromkeys(place.value, lost)
    trace = place.put(value)
    comparison = compared(trace, trace)
    assert comparison.first is not None
    assert (comparison.verdict, comparison.first.stage) == ("no proof", "numbers")


ON_READING = [place for place in PLACES if "on reading" in str(place.verdict)]


@pytest.mark.parametrize("place", ON_READING, ids=lambda p: f"{p.owner.__name__}.{p.name}")
def test_what_is_decided_on_reading_is_refused_there(place: Place, tmp_path: Path) -> None:
    a, b = (
        write_run(tmp_path / f"{name}.jsonl", whole(), make_weights(averages=0.0))
        for name in ("a", "b")
    )
    assert compare_files(a, b).agrees
    number = {"Header": 0, "Update": 3, "Evaluation": -2, "End": -1}[place.owner.__name__]
    lines = b.read_text().splitlines()
    record = json.loads(lines[number])
    given = record[place.name]
    record[place.name] = given + 1 if isinstance(given, int) else f"{given}x"
    lines[number] = json.dumps(record)
    b.write_text("\n".join(lines) + "\n")
    with pytest.raises(TraceError):
        compare_files(a, b)


def table() -> list[str]:
    """The rows of the page: a record's fields, and what is done with each."""
    return [
        f"| {owner.__name__} | `{name}` | {_told(verdict)} |"
        for owner, verdicts in FIELDS.items()
        for name, verdict in verdicts.items()
    ]


def _told(verdict: Any) -> str:
    if isinstance(verdict, str):
        return f"not compared: {verdict}"
    return ", ".join(stage.name for stage in verdict)


def test_the_page_has_every_field_with_its_verdict() -> None:
    begin, end = "<!-- The fields of a trace; a test holds them. -->", "<!-- End of the fields. -->"
    text = PAGE.read_text(encoding="utf-8")
    rows = text[text.index(begin) : text.index(end)].splitlines()[4:]
    assert rows == table()
