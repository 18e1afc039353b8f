"""Paddle's optimizers, split: each process keeps what it moves, and no more."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from paddle.distributed import fleet

import dualtrain_paddle
from dualtrain.errors import BackendError
from dualtrain_paddle.processes import Spread, _stage_1
from tests.conformance.test_processes_split import LAST, fit
from tests.forked import forked


@pytest.mark.parametrize("name", ["adamw", "lamb", "rmsprop_torch"])
def test_no_state_is_kept_twice(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a class whose step is its own, of one whose step is that of all, of a rule."""
    step = Spread.step

    def seen(spread: Spread) -> None:
        step(spread)
        states = spread._optimizer._accumulators.values()
        kept = sorted({native.rpartition(".")[2] for state in states for native in state})
        (tmp_path / os.environ["RANK"]).write_text(json.dumps(kept), encoding="utf-8")

    monkeypatch.setattr(Spread, "step", seen)
    forked(3, lambda: fit(dualtrain_paddle, LAST[name], shard="optimizer"))
    kept = [json.loads((tmp_path / str(rank)).read_text("utf-8")) for rank in range(3)]
    assert sorted(kept) == [[], ["b_0"], ["w_0"]]


def test_a_protobuf_that_fleet_cannot_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Paddle 2.6 comes to with protobuf 7."""

    class Unread:
        @property
        def hybrid_configs(self) -> None:
            raise AttributeError("'FieldDescriptor' object has no attribute 'label'")

    monkeypatch.setattr(fleet.fleet, "_user_defined_strategy", Unread(), raising=False)
    with pytest.raises(BackendError, match=r"'protobuf<7'. Received: paddlepaddle .*, protobuf \d"):
        _stage_1(None)
