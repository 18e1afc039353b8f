"""An update in both halves, and what a whole run of them comes to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dualtrain.lockstep import Judged, Reading, settled

KERNEL = Reading(
    half="gradients",
    what="gradient",
    side="b",
    tensor="w",
    value=2.0,
    bar=1.0,
    outcome="told",
    excuse="kernel",
)
KINK = replace(KERNEL, excuse="kink", side="both")
UNPROVED = replace(KERNEL, what="float64", tensor="", value=0.0, excuse="")


def run(excused: int, of: int, *readings: Reading) -> set[str]:
    """The outcomes of a run in which some updates have these readings, the others none."""
    updates = [Judged(attempt=i, t=i, readings=readings if i < excused else ()) for i in range(of)]
    return {r.outcome for update in settled(updates, of).updates for r in update.readings}


class TestSettled:
    """What is excused in a few updates is not in many."""

    @pytest.mark.parametrize("excused", [1, 4])
    def test_a_few_kinks_of_twenty_are_told(self, excused: int) -> None:
        assert run(excused, 20, KERNEL) == {"told"}
        assert run(excused, 20, KINK, UNPROVED) == {"told"}

    def test_a_kernel_that_is_off_in_a_quarter_of_them_differs(self) -> None:
        assert run(5, 20, KERNEL) == {"differs"}
        assert run(2, 2, KERNEL) == {"differs"}

    def test_kinks_in_a_quarter_of_them_are_no_proof_without_float64(self) -> None:
        assert run(5, 20, KINK, UNPROVED) == {"no proof", "told"}

    def test_kinks_that_nudges_show_are_kinks_where_float64_agrees(self) -> None:
        assert run(20, 20, KINK) == {"told"}

    def test_of_one_update_nobody_can_say(self) -> None:
        assert run(1, 1, KERNEL) == {"no proof"}
        assert run(1, 1, KINK, UNPROVED) == {"no proof", "told"}

    def test_tensors_are_counted_apart(self) -> None:
        updates = [
            Judged(attempt=i, t=i, readings=(replace(KERNEL, tensor=str(i)),)) for i in range(20)
        ]
        settle = settled(updates, 20)
        assert {r.outcome for update in settle.updates for r in update.readings} == {"told"}

    def test_updates_are_put_in_order(self) -> None:
        updates = [Judged(attempt=i, t=i, readings=()) for i in (4, 0, 2)]
        assert [update.attempt for update in settled(updates, 5).updates] == [0, 2, 4]

    def test_what_differs_stays(self) -> None:
        assert run(1, 20, replace(KERNEL, outcome="differs", excuse="")) == {"differs"}
