"""Losses that part: by a wrong update before, or because the loss itself is computed otherwise."""

from __future__ import annotations

import pytest

from dualtrain.parity import compare
from dualtrain.trace import Trace
from tests.changes import update
from tests.traces import make_trace, make_weights


def parted(t: int, apart: float) -> tuple[Trace, Trace]:
    """Runs whose losses part at update t, and stay so."""
    b = make_trace("paddle")
    for u in b.updates[t:]:
        b = update(u.t, micro_losses=tuple(loss + apart for loss in u.micro_losses))(b)
    return make_trace("torch"), b


def test_a_wrong_update_is_named_by_the_loss_that_follows_it() -> None:
    """Its gradient agrees, the next loss does not, and the weights end apart."""
    weights = make_weights(), make_weights(1e-3)
    comparison = compare(*parted(3, 1e-3), weights=weights)
    first = comparison.first
    assert [f.stage for f in comparison.findings if not f.agrees] == ["loss", "update"]
    assert first is not None
    assert (first.stage, first.first_update, first.knob) == ("update", 2, "optimizer, weight_decay")
    assert first.detail.endswith("; by update 2: its gradient agrees, the next loss does not")
    assert comparison.starts_alike


@pytest.mark.parametrize(
    ("t", "apart", "with_weights"),
    [(0, 1e-3, True), (3, float("inf"), True), (3, 1e-3, False)],
    ids=["the first loss", "no number", "the weights unknown"],
)
def test_another_loss_is_no_wrong_update(t: int, apart: float, with_weights: bool) -> None:
    weights = (make_weights(), make_weights(1e-3)) if with_weights else (None, None)
    first = compare(*parted(t, apart), weights=weights).first
    assert first is not None
    assert ("loss", t) == (first.stage, first.first_update)
    assert (t == 0) == first.detail.endswith(
        "; the initial output agrees, so the loss is computed otherwise"
    )
