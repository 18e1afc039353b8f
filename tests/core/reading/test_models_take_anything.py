"""What a library's function gives can be asked with any arguments: a program may be wrong."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dualtrain.reading._attributes import get
from dualtrain.reading._calls import call
from dualtrain.reading._machine import Machine
from dualtrain.reading._models import ALL_MODELS
from dualtrain.reading._place import Place
from dualtrain.reading._program import read_program
from dualtrain.reading._values import (
    Class,
    DictValue,
    Function,
    Item,
    Known,
    Library,
    ListValue,
    Made,
    Unknown,
    Value,
)

TEXT = """
class Own:
    def __init__(self, a, b=3):
        self.a = a
class Below(dict):
    pass
def function(a, b=2, *c, d=4, **e):
    return a
own = Own(1)
below = Below(a=1)
"""

PLACE = Place("train.py", 1)


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> list[Value]:
    folder = tmp_path_factory.mktemp("any")
    (folder / "train.py").write_text(TEXT)
    cells = read_program(folder / "train.py", folder).entry.cells
    made = [cells[name] for name in ("Own", "Below", "function", "own", "below")]
    constants = [None, True, 0, -3, 2.5, float("nan"), 1j, "", "train.py", "--lr", "a.b", b"a"]
    found: list[Value] = [*made, *map(Known, constants)]
    items = {"items": (Item(Known("--lr")), Item(Unknown("why"))), "open": False}
    found += [
        ListValue("list"),
        ListValue("tuple", items),
        ListValue("set", {**items, "open": True}),
    ]
    found += [DictValue({}), DictValue({"a": Known(1), 3: Unknown()}, attributes=True)]
    found += [
        Library("lib.thing"),
        Unknown("why"),
        Unknown("", op="if", operands=(Unknown(), *found[:2])),
    ]
    return found


@pytest.mark.parametrize("path", sorted(ALL_MODELS))
def test_no_call_of_a_model_fails(tmp_path: Path, values: list[Value], path: str) -> None:
    (tmp_path / "train.py").write_text(TEXT)
    chance = random.Random(path)
    for _ in range(60):
        machine = Machine(tmp_path.resolve(), models=ALL_MODELS, argv=[Known("--lr"), Known("x")])
        args = chance.choices(values, k=chance.randrange(4))
        names = chance.sample(["args", "default", "type", "name", "path", "*", "**", "nargs"], 2)
        kwargs = {name: chance.choice(values) for name in names[: chance.randrange(3)]}
        receiver = chance.choice([None, *values])
        machine.state["decorated"] = (chance.choice(values), args, kwargs, chance.choice(values))
        result = machine.happens(path, args, kwargs, PLACE, receiver=receiver)
        assert isinstance(result, Value)
        more = machine.happens(f"{path}.more", [], {}, PLACE, receiver=result)
        assert isinstance(get(machine, more, "name", PLACE), Value)
        owner, _, name = path.rpartition(".")
        maker = Made(owner, tuple(args), kwargs, PLACE, machine.context)
        assert isinstance(
            call(machine, get(machine, maker, name, PLACE), args, kwargs, PLACE), Value
        )
        assert isinstance(receiver, (Value, type(None)))


def test_the_values_are_of_every_kind(values: list[Value]) -> None:
    kinds = {type(one) for one in values}
    assert kinds >= {Class, Function, Known, Unknown, ListValue, DictValue, Library}
