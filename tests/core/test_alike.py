"""Every command decides alike: what one refuses to plan, all refuse, in the same words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dualtrain.cli import main
from dualtrain.errors import PlanError
from dualtrain.plan import Plan
from dualtrain.spec import Spec
from tests.schedules import parts

COMMANDS = ("check", "plan", "explain", "compare", "plot")
QUIET = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Any schedule, any warmup, in updates or epochs; it need not fit."""
    values = draw(parts(updates=60))
    if draw(st.booleans()):
        values["duration"] = {"epochs": draw(st.integers(1, 30))}
    values["batch"] = {
        "accumulate": draw(st.integers(1, 6)),
        "tail": draw(st.sampled_from(["flush", "drop"])),
    }
    return values


@settings(max_examples=100, suppress_health_check=QUIET, deadline=None)
@given(values=specs(), count=st.none() | st.integers(1, 12))
def test_check_plan_and_the_others_decide_alike(
    values: dict[str, Any],
    count: int | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each has the status and, where it refuses, the message that `Plan.of` gives."""
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(Spec(**values).model_dump(mode="json")))
    options = [] if count is None else ["--micro-batches", str(count)]
    told = {command: run(capsys, command, str(path), *options) for command in COMMANDS}
    spec = Spec(**values)
    in_updates = spec.duration.updates is not None and spec.schedule.per == "update"
    in_updates &= spec.warmup is None or not spec.warmup.epochs
    in_updates &= spec.horizon is None or not spec.horizon.epochs
    known = count is not None or in_updates
    if not known:
        status, _, err = told["check"]
        refused = [size for size in (1, 7, 10**6) if not plans(spec, size)]
        assert status == 0 or (len(refused) == 3 and "--micro-batches" not in err)
        assert {told[command][0] for command in COMMANDS[1:]} == {2}
        return
    fits = plans(spec, spec.batch.accumulate if count is None else count)
    assert {command: status for command, (status, _, _) in told.items()} == dict.fromkeys(
        COMMANDS, 0 if fits else 2
    )
    if not fits:
        assert len({err for _, _, err in told.values()}) == 1
        assert told["check"][2].startswith(f"{path}:1: ")


def plans(spec: Spec, count: int) -> bool:
    try:
        Plan.of(spec, micro_batches_per_epoch=count)
    except PlanError:
        return False
    return True


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    said = capsys.readouterr()
    return caught.value.code, said.out, said.err
