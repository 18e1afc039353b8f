"""A folder with a spec, its data and what runs have left, moved: what goes on, and what is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain.backend import Backend
from dualtrain.trace import read_trace
from tests.command import Run, run
from tests.tasks import number_spec, write_numbers

__all__ = ["run"]


@pytest.mark.parametrize("is_named", [True, False])
def test_a_checkpoint_goes_on_by_a_spec_that_is_named(
    backend: Backend, run: Run, tmp_path: Path, is_named: bool
) -> None:
    """Its own has its files in a folder that is gone; the trace is where it was, or told of."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    write_numbers(here)
    for name, updates in (("half", 5), ("spec", 12)):
        spec = number_spec(here, duration={"updates": updates}, schedule={"name": "constant"})
        (here / f"{name}.json").write_text(spec.model_dump_json(exclude_none=True))
    words = ("--backend", backend.NAME)
    kept = ("--checkpoints", here / "kept", "--trace", here / "t.jsonl")
    assert run("train", here / "half.json", *words, *kept)[0] == 0
    here.rename(there)
    resume = ("--resume", there / "kept", "--allow-spec-change")
    status, _, told = run("train", *words, *resume)
    assert status == 2
    assert f"is needed: the checkpoint's own has its files in a folder that is gone, {here}" in (
        " ".join(told.split())
    )
    trace = ("--trace", there / "t.jsonl") if is_named else ()
    status, _, told = run("train", there / "spec.json", *words, *resume, *trace)
    assert status == 0, told
    assert ("is gone: the run goes on without one. If it was moved, name it" in told) != is_named
    assert len(read_trace(there / "t.jsonl").updates) == (12 if is_named else 5)
