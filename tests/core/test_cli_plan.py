"""The commands `plan` and `plot`: what they print and write, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dualtrain.plan import Plan
from dualtrain.spec import load_spec
from tests.command import EPOCHS, PLATEAU, TASK, UPDATES, Run, Write
from tests.command import run as run
from tests.command import spec as spec


def test_plan_in_words(run: Run, spec: Write) -> None:
    status, out, _ = run("plan", spec(EPOCHS), "--micro-batches", 5)
    assert status == 0
    assert out == (
        "total updates            6\n"
        "warmup updates           3\n"
        "horizon                  6\n"
        "micro batches per epoch  5\n"
        "updates per epoch        3\n"
        "accumulate               2\n"
        "tail                     flush\n"
        "tail micro batches       1\n"
        "world size               1\n"
        "first lr                 0.0\n"
        "peak lr                  0.1\n"
        "last lr                  0.03333333333333333\n"
    )


def test_plan_notes_a_weight_decay_that_cannot_act(run: Run, spec: Write) -> None:
    """On standard error, so that --json stays JSON."""
    path = spec(UPDATES.replace("lr: 0.1", "lr: 1e-6") + "weight_decay: {value: 0.01}\n")
    status, out, err = run("plan", path, "--json")
    assert (status, "lr" in json.loads(out)) == (0, True)
    assert err.startswith("note: no weight will decay: ")


def test_plan_notes_a_warmup_that_is_rounded_to_nothing(run: Run, spec: Write) -> None:
    status, _, err = run("plan", spec(UPDATES.replace("0.5", "0.1")), "--json")
    assert (status, err) == (
        0,
        "note: there will be no warmup: 0.1 x 6 updates is 0.6, which is rounded to 0; rounding: "
        "ceil makes it 1\n",
    )


def test_plan_counts_micro_batches_without_listing_them(run: Run, spec: Write) -> None:
    status, out, _ = run("plan", spec(UPDATES), "--micro-batches", 10**14)
    assert (status, "updates per epoch        50000000000000" in out) == (0, True)


def test_plan_as_json_has_the_curve(run: Run, spec: Write) -> None:
    path = spec(EPOCHS)
    status, out, _ = run("plan", path, "--micro-batches", 5, "--world-size", 2, "--json")
    curve = Plan.of(load_spec(path), micro_batches_per_epoch=5, world_size=2).lr_curve()
    assert status == 0
    assert json.loads(out) == {
        "total_updates": 6,
        "warmup_updates": 3,
        "horizon": 6,
        "micro_batches_per_epoch": 5,
        "updates_per_epoch": 3,
        "accumulate": 2,
        "tail": "flush",
        "tail_micro_batches": 1,
        "world_size": 2,
        "lr": curve.tolist(),
    }


def test_plan_says_in_words_that_metrics_decide(run: Run, spec: Write) -> None:
    path = spec(PLATEAU)
    status, out, _ = run("plan", path)
    assert status == 0
    assert out.endswith("\nlr                       depends on the metrics that training reports\n")
    assert json.loads(run("plan", path, "--json")[1])["lr"] is None


def test_plot_says_in_words_that_metrics_decide(run: Run, spec: Write, tmp_path: Path) -> None:
    path = spec(PLATEAU)
    for output in ([], ["-o", tmp_path / "lr.png"]):
        status, out, err = run("plot", path, *output)
        assert (status, out) == (2, "")
        assert err == (
            f"{path}:2: schedule.name: the rates of 'reduce_on_plateau' depend on the metrics that "
            "training reports: no plan knows them before\n"
        )


def test_plot_names_the_spec_that_cannot_be_drawn(run: Run, spec: Write, tmp_path: Path) -> None:
    good, bad = spec(UPDATES), tmp_path / "plateau.yaml"
    bad.write_text(PLATEAU)
    status, out, err = run("plot", good, bad)
    assert (status, out) == (2, "")
    assert err.startswith(
        f"{bad}:2: schedule.name: the rates of 'reduce_on_plateau' depend on the metrics"
    )


def test_plan_needs_micro_batches_for_epochs(run: Run, spec: Write) -> None:
    status, out, err = run("plan", spec(EPOCHS))
    assert (status, out) == (2, "")
    assert "--micro-batches" in err
    assert "Traceback" not in err


def test_the_spec_may_say_how_many_micro_batches_an_epoch_has(run: Run, spec: Write) -> None:
    path = spec(EPOCHS.replace("accumulate: 2", "accumulate: 2, micro_batches_per_epoch: 5"))
    status, out, err = run("plan", path, "--json")
    assert (status, err) == (0, "")
    assert out == run("plan", spec(EPOCHS), "--micro-batches", 5, "--json")[1]
    path = spec(UPDATES.replace("accumulate: 2", "accumulate: 2, micro_batches_per_epoch: 5"))
    assert json.loads(run("plan", path, "--json")[1])["updates_per_epoch"] == 3
    status, out, err = run("plan", path, "--micro-batches", 4)
    assert (status, out) == (2, "")
    assert err.startswith(f"{path}:4: batch.micro_batches_per_epoch: must be what an epoch")


def test_plan_needs_micro_batches_for_a_schedule_of_epochs(run: Run, spec: Write) -> None:
    """Though the duration is in updates."""
    path = spec(UPDATES.replace("linear", "linear, per: epoch"))
    status, out, err = run("plan", path)
    assert (status, out) == (2, "")
    assert "the schedule is in epochs" in err
    facts = json.loads(run("plan", path, "--micro-batches", 3, "--json")[1])
    assert (facts["warmup_updates"], facts["horizon"]) == (2, 6)
    assert facts["lr"] == [0, 0, 0.1, 0.1, 0.05, 0.05]


def test_plan_shows_a_cycled_momentum(run: Run, spec: Write) -> None:
    path = spec(
        "optimizer: {name: momentum, lr: 0.1, momentum: 0.75}\n"
        "schedule: {name: cyclic, max_lr: 0.2, up: 2, down: 2, mode: triangular,"
        " momentum: {low: 0.25, high: 0.75}}\n"
        "duration: {updates: 6}\n"
    )
    assert json.loads(run("plan", path, "--json")[1])["momentum"] == [
        *(0.75, 0.5, 0.25),  # up: the rate's peak
        *(0.5, 0.75, 0.5),
    ]
    out = run("plan", path)[1]
    assert "first momentum           0.75\nlowest momentum          0.25\n" in out
    assert "last momentum            0.5\n" in out


def test_plot_reaches_a_peak_above_the_base_rate(run: Run, spec: Write) -> None:
    cyclic = "{name: cyclic, max_lr: 0.4, up: 2, down: 2, mode: triangular}"
    path = spec(
        UPDATES.replace("{name: linear}", cyclic).replace("{proportion: 0.5}", "{steps: 0}")
    )
    status, out, _ = run("plot", path)
    assert (status, "\n0.4 ┤" in out) == (0, True)


def test_plan_needs_no_micro_batches_for_updates(run: Run, spec: Write) -> None:
    status, out, _ = run("plan", spec(UPDATES), "--json")
    facts = json.loads(out)
    assert (status, facts["total_updates"], facts["warmup_updates"]) == (0, 6, 3)
    for name in ("micro_batches_per_epoch", "updates_per_epoch", "tail_micro_batches"):
        assert facts[name] is None
    assert "updates per epoch        any\n" in run("plan", spec(UPDATES))[1]


def test_plan_counts_the_micro_batches_of_a_task(run: Run, spec: Write, tmp_path: Path) -> None:
    rows = [f"text {i},{'yes' if i % 2 else 'no'}\n" for i in range(17)]
    (tmp_path / "train.csv").write_text("text,label\n" + "".join(rows))
    facts = json.loads(run("plan", spec(TASK), "--json")[1])
    assert (facts["micro_batches_per_epoch"], facts["updates_per_epoch"]) == (5, 3)


def test_a_plan_that_cannot_be_is_text_and_status_2(run: Run, spec: Write) -> None:
    path = spec(EPOCHS.replace("{proportion: 0.5}", "{steps: 6}"))
    status, out, err = run("plan", path, "--micro-batches", 5)
    assert (status, out) == (2, "")
    assert err == (
        f"{path}:3: warmup.steps: must be shorter than the schedule; write at most 5, or a longer "
        "duration. Received: 6 warmup updates, horizon 6\n"
    )


def test_plot_draws_one_chart_per_spec_on_the_same_axes(
    run: Run, spec: Write, tmp_path: Path
) -> None:
    short, long = spec(UPDATES), tmp_path / "long.yaml"
    long.write_text(UPDATES.replace("{updates: 6}", "{updates: 12}"))
    status, out, _ = run("plot", short, long)
    assert status == 0
    assert f"{short}: T = 6, W = 3, H = 6\n0.1 ┤" in out
    assert f"{long}: T = 12, W = 6, H = 12\n0.1 ┤" in out
    assert out.count("  0" + " " * 61 + "11\n") == 2


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_plot_writes_files(
    run: Run, spec: Write, tmp_path: Path, suffix: str, start: bytes
) -> None:
    output = tmp_path / f"lr.{suffix}"
    assert run("plot", spec(EPOCHS), "--micro-batches", 5, "-o", output) == (0, "", "")
    assert output.read_bytes().startswith(start)


def test_plot_refuses_other_files(run: Run, spec: Write, tmp_path: Path) -> None:
    status, _, err = run("plot", spec(UPDATES), "-o", tmp_path / "lr.bmp")
    assert (status, ".png or .svg" in err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yaml"]


@pytest.mark.parametrize("command", ["check", "plan", "explain", "compare", "plot"])
def test_a_run_too_long_for_its_curve_is_refused_by_all(
    command: str, run: Run, spec: Write
) -> None:
    path = spec(UPDATES.replace("updates: 6", "updates: 1000000000000000"))
    status, out, err = run(command, path)
    assert (status, out) == (2, "")
    assert err.startswith(f"{path}:5: duration.updates: there must be at most 1e+08 updates: ")
