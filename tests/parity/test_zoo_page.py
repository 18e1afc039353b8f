"""docs/zoo.md is what its command writes, and says that every model agrees."""

from __future__ import annotations

import re

from benchmarks import zoo
from docs.make_zoo_table import PAGE, RATES, page, stated

STATED = stated()


def test_the_text_is_that_of_the_command() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (versions,) = re.findall(r"one thread;\n(.*)\.\n", text)
    assert text == page(versions, **STATED)


def test_every_model_ends_where_its_chaos_floor_lets_it() -> None:
    assert [*zoo.NAMES] == [model for model, *_ in STATED["models"]]
    for _, _, loss, _, weights, floor, verdict in STATED["models"]:
        assert verdict == "agrees"
        assert float(loss) <= 1e-5
        assert float(floor) <= 1e-5
        assert float(weights) <= 5 * float(floor)


def test_rates_and_kinks_are_told() -> None:
    assert [f"{rate:g}" for rate in RATES] == [rate for rate, *_ in STATED["rates"]]
    assert [*zoo.KINKED] == [model for model, *_ in STATED["kinks"]]
