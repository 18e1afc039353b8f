"""A run gone on with in the other framework ends where the uninterrupted one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from dualtrain.trace import read_trace
from dualtrain.training import train
from tests.conformance.test_checkpoints import left_after
from tests.conformance.test_optimizers import CASES
from tests.forked import SPLITS, forked
from tests.tasks import number_spec, write_numbers

PAIRS = [("torch", "paddle"), ("paddle", "torch")]
VARIANTS: dict[str, dict[str, Any]] = {"ema": {"ema": {"decay": 0.8}}}
BAR = 1e-5
"""Of the norm of all weights; twelve updates."""


def apart(a: Path, b: Path) -> float:
    """The relative distance of two files of weights, as one vector."""
    left, right = load_file(a), load_file(b)
    assert left.keys() == right.keys()
    difference = np.concatenate([(left[n] - right[n]).ravel() for n in left])
    return float(
        np.linalg.norm(difference) / np.linalg.norm([np.linalg.norm(left[n]) for n in left])
    )


@pytest.mark.parametrize(("giver", "taker"), PAIRS)
@pytest.mark.parametrize("case", [*CASES, *VARIANTS])
def test_the_other_framework_goes_on(tmp_path: Path, case: str, giver: str, taker: str) -> None:
    write_numbers(tmp_path)
    words = VARIANTS.get(case)
    if words is None:
        optimizer, decay = CASES[case]
        words = {"optimizer": {"lr": 0.01, **optimizer}, "weight_decay": decay}
    if words.get("optimizer", {}).get("name") == "rprop":
        words["optimizer"]["lr"] = 0.1
        words |= {"schedule": {"name": "constant"}, "warmup": None}
    spec = number_spec(tmp_path, **words)
    files: dict[str, dict[str, Any]] = {
        name: {"trace": tmp_path / f"{name}.jsonl", "output": tmp_path / name}
        for name in ("whole", "left")
    }
    kept = tmp_path / "kept"
    train(spec, taker, **files["whole"])
    with pytest.raises(SystemExit):
        train(spec, giver, **files["left"], checkpoints=kept, stop=left_after(5))
    train(spec, taker, **files["left"], checkpoints=kept, resume=True)
    ends = [tmp_path / name / "model.safetensors" for name in files]
    assert apart(*ends) < BAR
    trace, whole = (read_trace(tmp_path / f"{name}.jsonl") for name in ("left", "whole"))
    assert [u.lr for u in trace.updates] == pytest.approx([u.lr for u in whole.updates])
    assert [u.batches for u in trace.updates] == [u.batches for u in whole.updates]
    assert trace.header.backend == taker
    assert any(
        n.startswith(f"the updates before 5 were made by {giver}") for n in trace.header.notes
    )


@pytest.mark.parametrize("is_split", [False, True])
@pytest.mark.parametrize(("giver", "taker"), PAIRS)
def test_one_process_goes_on_with_what_two_of_the_other_framework_did(
    tmp_path: Path, giver: str, taker: str, is_split: bool
) -> None:
    write_numbers(tmp_path)
    spec, kept = number_spec(tmp_path), tmp_path / "kept"
    train(spec, taker, output=tmp_path / "whole")

    shard: Any = SPLITS[giver] if is_split else "none"

    def begun() -> None:
        with pytest.raises(SystemExit):
            train(spec, giver, checkpoints=kept, stop=left_after(5), shard=shard)

    forked(2, begun)
    train(spec, taker, output=tmp_path / "left", checkpoints=kept, resume=True)
    assert apart(*(tmp_path / name / "model.safetensors" for name in ("whole", "left"))) < BAR
