"""Each mistake, alone, on either side, is found by lockstep and named, whichever side leads;
docs/parity.md says at which update, and how many times its bar.
"""

from __future__ import annotations

import math
import re

import pytest

from benchmarks.mistakes.lockstep import SIDES, Pairs, first_found
from benchmarks.mistakes.mistake import Mistake, Slipped
from benchmarks.mistakes.small import SMALL
from benchmarks.mistakes.table import MISTAKES
from benchmarks.stated import same_order
from docs.make_mistake_table import SMALL_STATED, STATED, Times
from dualtrain.lockstep import Judged, Reading

# torch's own opinion of a schedule that is stepped first.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")

ALL: dict[str, Slipped] = {**MISTAKES, **SMALL}

LEAST = 10.0
"""Times the bar."""


@pytest.fixture(scope="module", params=SIDES, ids="{} leads".format)
def pairs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    return Pairs(tmp_path_factory.mktemp("pairs"), leader=request.param)


def stated(mistake: Slipped, side: str) -> Times | None:
    """What the page says of it; None where it says nothing of this side."""
    if mistake.title in SMALL_STATED:
        return SMALL_STATED[mistake.title][SIDES.index(side)]
    own = isinstance(mistake, Mistake) and side == mistake.side
    return STATED[mistake.title].times if own else None


def whose(mistake: Slipped, side: str, sides: tuple[str, str]) -> str:
    """The side that is named: where two specs differ the leading one's is the rule of both."""
    if mistake.named.half == "gradients":
        return "both"
    return "b" if mistake.wrong else "ab"[sides.index(side)]


def unlike(
    found: tuple[Judged, Reading] | None, mistake: Slipped, side: str, sides: tuple[str, str]
) -> list[str]:
    """What is not named as it must be. sides: the leading one first."""
    if found is None:
        return ["not found"]
    (update, reading), named = found, mistake.named
    wanted = {
        "update": (update.attempt, named.update),
        "half": (reading.half, named.half),
        "side": (reading.side, whose(mistake, side, sides)),
        "quantity": (bool(re.fullmatch(named.what, reading.what)), True),
        "tensor": (bool(re.search(named.tensor, reading.tensor)), True),
        "knob": (
            named.knob in re.split(r"[,.] ?|$", reading.knob) or named.knob in reading.knob,
            True,
        ),
        "times": (reading.times >= LEAST, True),
    }
    return [f"{what}: {is_} for {due}" for what, (is_, due) in wanted.items() if is_ != due]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", ALL)
def test_a_mistake_is_found_and_named(pairs: Pairs, name: str, side: str) -> None:
    mistake = ALL[name]
    found = first_found(pairs.judged(mistake, side))
    assert unlike(found, mistake, side, pairs.sides) == [], found
    page = stated(mistake, side) if pairs.sides == SIDES else None
    if page is not None and found is not None:
        update, reading = found
        assert update.attempt == page.update
        assert same(reading.times, page.times), (reading.times, page.times)


def same(measured: float, page: float) -> bool:
    """Of one order, or both beyond any bar."""
    if math.isinf(measured) or math.isinf(page):
        return measured == page
    return same_order(measured, page, rounding=1.0)


@pytest.mark.parametrize("net", ["bert", "cnn"])
def test_without_a_mistake_nothing_is_found(pairs: Pairs, net: str) -> None:
    chosen = {"bert": SMALL["eps"], "cnn": SMALL["head"]}[net]
    right = Slipped(title="none", net=chosen.net, named=chosen.named)
    updates = list(pairs.judged(right, pairs.sides[1]))
    assert len(updates) == 6
    assert {r.outcome for update in updates for r in update.readings} == {"agrees"}
    nearest = max(r.times for update in updates for r in update.readings)
    assert nearest < 1
