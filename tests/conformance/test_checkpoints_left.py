"""What stands in a folder of checkpoints once its run has gone on, or was over already."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain.backend import Backend
from dualtrain.errors import TrainingWarning
from tests.builders import spec_of
from tests.conformance.test_checkpoints import Job, left_after, micro_batches


def test_a_damaged_checkpoint_does_not_stay(backend: Backend, tmp_path: Path) -> None:
    """It is written at an update after which the run that goes on writes none."""
    spec = spec_of(checkpoint={"every": {"updates": 2}, "keep": 2})
    job, kept = Job(backend, spec, micro_batches, tmp_path), tmp_path / "run" / "kept"
    with pytest.raises(SystemExit):
        job("run", stop=left_after(3))
    (kept / "update-00000003" / "state.safetensors").write_bytes(b"")
    with pytest.warns(TrainingWarning, match="damaged checkpoint is passed over"):
        job("run", resume=True)
    names = sorted(path.name for path in kept.glob("update-*"))
    assert names == ["update-00000002", "update-00000004"]


@pytest.mark.parametrize("is_due", [True, False])
def test_a_run_that_is_over_is_evaluated_no_more(
    backend: Backend, tmp_path: Path, is_due: bool
) -> None:
    """Nothing that it has written is another after it is gone on with."""
    every = {"updates": 2 if is_due else 3}
    spec = spec_of(evaluation={"every": every}, best={"metric": "loss", "mode": "min"})
    job = Job(backend, spec, micro_batches, tmp_path)
    job("run")
    before = job.held("run")
    job("run", resume=True)
    assert job.held("run") == before
