"""Each typical mistake, alone, is found by parity and named; docs/parity.md has what it costs.

With every rule right both frameworks end as far apart as one framework from itself.
"""

from __future__ import annotations

import re
from functools import partial

import pytest

from benchmarks.mistakes.bench import Bench, Cost
from benchmarks.mistakes.table import MISTAKES
from benchmarks.stated import same_order
from docs.make_mistake_table import ACCUMULATED, FLOOR, RIGHT, ROUNDING, STATED, told
from dualtrain.parity import compare_files

same = partial(same_order, rounding=ROUNDING)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def disagreeing(measured: Cost, stated: Cost) -> list[str]:
    """The numbers that are not of the order that the page states."""
    names = ("weights", "loss", "first_loss")
    pairs = {name: (getattr(measured, name), getattr(stated, name)) for name in names}
    return [f"{n}: {a:.1e}, stated {b:.1e}" for n, (a, b) in pairs.items() if not same(a, b)]


def test_the_table_is_about_these_mistakes() -> None:
    assert [*STATED][:3] == [RIGHT, ACCUMULATED, FLOOR]
    assert {m.title: m.stage for m in MISTAKES.values()} == {
        title: row.stage for title, row in [*STATED.items()][3:]
    }


def test_another_order_of_magnitude_is_noticed() -> None:
    cost = Cost(weights=1e-3, loss=1e-2, first_loss=0.0)
    near = Cost(weights=2e-3, loss=4e-3, first_loss=0.0)
    assert disagreeing(near, cost) == []
    far = Cost(weights=1e-4, loss=5e-2, first_loss=1e-5)
    assert [text.partition(":")[0] for text in disagreeing(far, cost)] == [
        "weights",
        "loss",
        "first_loss",
    ]


def test_a_page_written_again_keeps_what_only_rounds_otherwise() -> None:
    before = STATED[RIGHT].cost
    elsewhere = Cost(weights=before.weights * 1.5, loss=before.loss / 2, first_loss=1e-8)
    assert told(RIGHT, elsewhere) == before
    mistaken = Cost(weights=before.weights * 50, loss=before.loss, first_loss=before.first_loss)
    assert told(RIGHT, mistaken) == mistaken
    assert told("a new mistake", elsewhere) == elsewhere


@pytest.mark.parametrize("accumulate", [1, 2])
def test_with_every_rule_right_the_chaos_floor_is_reached(bench: Bench, accumulate: int) -> None:
    recipe = {"batch": {"accumulate": accumulate}}
    torch, paddle = bench.right("torch", recipe), bench.right("paddle", recipe)
    again = bench.right("torch", recipe, nudge=True)
    comparison = compare_files(torch, paddle, floors=[again])
    assert comparison.agrees
    assert comparison.weights is not None and not comparison.weights.chaotic
    right, floor = bench.cost(torch, paddle), bench.cost(torch, again)
    assert right.weights <= 1e-5 and right.loss <= 1e-5
    assert same(right.weights, floor.weights)
    title = {1: RIGHT, 2: ACCUMULATED}[accumulate]
    assert same(right.weights, STATED[title].cost.weights)
    assert same(floor.weights, STATED[FLOOR].cost.weights)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_and_named_and_costs_what_the_page_says(bench: Bench, name: str) -> None:
    mistake = MISTAKES[name]
    torch, paddle = bench.sides(mistake)
    right = mistake.side != "torch"  # the floor is the torch side's own
    floor = bench.right("torch", mistake.spec, nudge=True) if right else None
    comparison = compare_files(torch, paddle, floors=[floor] if floor else [])
    first = comparison.first
    assert not comparison.agrees and first is not None
    assert (mistake.stage, mistake.first_update) == (first.stage, first.first_update)
    assert mistake.knob in first.knob.split(", ")
    assert re.search(mistake.told, first.detail), first.detail
    cost = bench.cost(torch, paddle)
    assert disagreeing(cost, STATED[mistake.title].cost) == []
    assert cost.weights > 1e-4
    assert mistake.in_losses == (cost.loss >= 1e-2)
    assert mistake.at_once == (cost.first_loss > 1e-5)
