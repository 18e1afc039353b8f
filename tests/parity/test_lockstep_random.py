"""Random clean specs are silent in lockstep; `python -m tests.oracle.lockstep` is the long form.

Seeded: every run has the same cases.
"""

from __future__ import annotations

import pytest

from tests.oracle.lockstep import in_lockstep, main, nearest
from tests.oracle.specs import OPTIMIZERS, draw

# Paddle's batch norm says so in every forward pass.
pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")

SEED = 12
FIRST = {
    name: next(
        case
        for case in (draw(SEED, index) for index in range(400))
        if case.spec["optimizer"]["name"] == name
        and case.dtype == "float32"
        and "amp" not in case.spec
    )
    for name in OPTIMIZERS
}
"""Optimizer -> its first case in float32."""


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_honest_pair_is_silent(name: str) -> None:
    lockstep = in_lockstep(FIRST[name])
    assert lockstep is not None
    assert {"gradient", "loss", "weight"} <= nearest(lockstep).keys()


def test_the_long_form_tells_what_came_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    case = FIRST["sgd"]
    assert main(["--seed", str(SEED), "--first", str(case.index), "--count", "1"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("1 cases agree, 0 do not\n")
    assert " of its bar (" in told
