"""A first share of the random clean specs in lockstep; `python -m tests.oracle.silent` has 200."""

from __future__ import annotations

import pytest

from benchmarks.mistakes.slips import other_rule
from tests.oracle.silent import run, silent
from tests.oracle.specs import OPTIMIZERS, draw

pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")


def test_clean_specs_are_silent() -> None:
    tally = run(seed=0, first=0, cases=30)
    assert tally.troubles == []
    assert tally.updates > 100
    assert max(share for share, _ in tally.nearest.values()) < 1
    assert len(tally.cases) == len(OPTIMIZERS), "each optimizer"


def test_one_word_otherwise_is_not() -> None:
    """The comparer objects: the same case, one side with another eps."""
    case = next(c for c in (draw(0, i) for i in range(100)) if _is_adam(c.spec))
    with pytest.MonkeyPatch.context() as patch:
        other_rule(eps=0.25)(patch, "paddle")
        with pytest.raises(AssertionError, match=r"half 'rule'.* paddle: "):
            silent(case)


def _is_adam(spec: dict[str, object]) -> bool:
    optimizer = spec["optimizer"]
    assert isinstance(optimizer, dict)
    return optimizer["name"] in ("adam", "adamw") and "amp" not in spec
