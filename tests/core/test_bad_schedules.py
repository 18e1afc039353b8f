"""What a user reads when a schedule or a warmup is wrong, alone or beside the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain import load_spec
from dualtrain.errors import PlanError, SpecError
from dualtrain.plan import Plan

GOOD = "optimizer: {name: adamw, lr: 0.5}\nduration: {updates: 100}\n"

# schedule (and warmup, horizon) -> the whole message; line 3 is the schedule's.
BAD = {
    "gamma 1 (torch runs with it)": (
        "schedule: {name: step, every: 5, gamma: 1.0}",
        "spec.yaml:3: schedule.gamma: must be < 1. Received: 1.0",
    ),
    "gamma 0": (
        "schedule: {name: exponential, gamma: 0}",
        "spec.yaml:3: schedule.gamma: must be > 0. Received: 0",
    ),
    "a gamma that would rise": (
        "schedule: {name: natural_exp, gamma: -0.1}",
        "spec.yaml:3: schedule.gamma: must be > 0. Received: -0.1",
    ),
    "steps of no updates": (
        "schedule: {name: step, every: 0, gamma: 0.5}",
        "spec.yaml:3: schedule.every: must be >= 1. Received: 0",
    ),
    "unsorted milestones (torch would sort them)": (
        "schedule: {name: multistep, milestones: [9, 5], gamma: 0.5}",
        "spec.yaml:3: schedule.milestones: must be one or more counts, each above the last. "
        "Received: [9, 5]",
    ),
    "a milestone twice (torch would act twice)": (
        "schedule: {name: multistep, milestones: [5, 5], gamma: 0.5}",
        "spec.yaml:3: schedule.milestones: must be one or more counts, each above the last. "
        "Received: [5, 5]",
    ),
    "no milestones": (
        "schedule: {name: multistep, milestones: [], gamma: 0.5}",
        "spec.yaml:3: schedule.milestones: must be one or more counts, each above the last. "
        "Received: []",
    ),
    "a milestone at 0": (
        "schedule: {name: multistep, milestones: [0, 5], gamma: 0.5}",
        "spec.yaml:3: schedule.milestones[0]: must be >= 1. Received: 0",
    ),
    "as many values as boundaries": (
        "schedule: {name: piecewise, boundaries: [5], values: [0.5]}",
        "spec.yaml:3: schedule.values: must be one more than boundaries. Received: 1 values, 1 "
        "boundaries",
    ),
    "values that do not begin with the base rate": (
        "schedule: {name: piecewise, boundaries: [5], values: [0.4, 0.1]}",
        "spec.yaml:3: schedule.values: must begin with optimizer.lr. Received: values[0] 0.4, "
        "lr 0.5",
    ),
    "a negative rate": (
        "schedule: {name: piecewise, boundaries: [5], values: [0.5, -0.1]}",
        "spec.yaml:3: schedule.values[1]: must be >= 0. Received: -0.1",
    ),
    "a floor at the base rate": (
        "schedule: {name: cosine_annealing, min_lr: 0.5}",
        "spec.yaml:3: schedule.min_lr: must be below optimizer.lr. Received: min_lr 0.5, lr 0.5",
    ),
    "a floor above the base rate": (
        "schedule: {name: cosine_annealing_warm_restarts, first: 5, multiplier: 1, min_lr: 1}",
        "spec.yaml:3: schedule.min_lr: must be below optimizer.lr. Received: min_lr 1.0, lr 0.5",
    ),
    "a start above the base rate": (
        "schedule: {name: one_cycle, start_lr: 1, end_lr: 0, rise: 0.3, shape: cosine}",
        "spec.yaml:3: schedule.start_lr: must be below optimizer.lr. Received: start_lr 1.0, lr "
        "0.5",
    ),
    "an end above the base rate (Paddle's default with a small rate)": (
        "schedule: {name: one_cycle, start_lr: 0, end_lr: 0.6, rise: 0.3, shape: cosine}",
        "spec.yaml:3: schedule.end_lr: must be below optimizer.lr. Received: end_lr 0.6, lr 0.5",
    ),
    "no end": (
        "schedule: {name: one_cycle, start_lr: 0, rise: 0.3, shape: cosine}",
        "spec.yaml:3: schedule.end_lr: is required. Received: nothing",
    ),
    "three phases that do not fit": (
        "schedule: {name: one_cycle, start_lr: 0, end_lr: 0, rise: 0.5, shape: cosine, "
        "three_phase: true}",
        "spec.yaml:3: schedule.three_phase: needs rise below 0.5. Received: rise 0.5",
    ),
    "a peak that is the base rate": (
        "schedule: {name: cyclic, max_lr: 0.5, up: 1, down: 1, mode: triangular}",
        "spec.yaml:3: schedule.max_lr: must be above optimizer.lr. Received: max_lr 0.5, lr 0.5",
    ),
    "a peak that float64 cannot hold as a factor": (
        "schedule: {name: cyclic, max_lr: 1e+200, up: 1, down: 1, mode: triangular}",
        "spec.yaml:3: schedule: rates must be at most 1e+100 times optimizer.lr. "
        "Received: 1e+200, lr 0.5",
    ),
    "gamma of a triangle": (
        "schedule: {name: cyclic, max_lr: 1, up: 1, down: 1, mode: triangular, gamma: 0.9}",
        "spec.yaml:3: schedule.gamma: goes with mode 'exp_range'; leave it out. Received: 0.9",
    ),
    "exp_range without gamma": (
        "schedule: {name: cyclic, max_lr: 1, up: 1, down: 1, mode: exp_range}",
        "spec.yaml:3: schedule: mode 'exp_range' needs gamma. Received: none",
    ),
    "scale_per of halved peaks": (
        "schedule: {name: cyclic, max_lr: 1, up: 1, down: 1, mode: triangular2, scale_per: cycle}",
        "spec.yaml:3: schedule.scale_per: goes with mode 'exp_range'; leave it out. "
        "Received: 'cycle'",
    ),
    "half-waves of a line": (
        "schedule: {name: warmup_stable_decay, decay: 5, shape: linear, min_lr: 0, half_waves: 1}",
        "spec.yaml:3: schedule.half_waves: goes with shape 'cosine'; leave it out. Received: 1",
    ),
    "a cosine without half-waves": (
        "schedule: {name: warmup_stable_decay, decay: 5, shape: cosine, min_lr: 0}",
        "spec.yaml:3: schedule: shape 'cosine' needs half_waves. Received: none",
    ),
    "a shape as transformers writes it": (
        "schedule: {name: warmup_stable_decay, decay: 5, shape: 1-sqrt, min_lr: 0}",
        "spec.yaml:3: schedule.shape: must be one of 'linear', 'cosine', 'one_minus_sqrt'; did "
        "you mean 'one_minus_sqrt'? Received: '1-sqrt'",
    ),
    "a momentum to cycle that AdamW does not have": (
        "schedule: {name: cyclic, max_lr: 1, up: 1, down: 1, mode: triangular, "
        "momentum: {low: 0.8, high: 0.9}}",
        "spec.yaml:3: schedule: momentum can be cycled for the optimizer 'momentum' only: Paddle "
        "keeps running products of Adam's betas. Received: optimizer 'adamw'",
    ),
    "a low momentum above the high one": (
        "schedule: {name: cyclic, max_lr: 1, up: 1, down: 1, mode: triangular, "
        "momentum: {low: 0.9, high: 0.8}}",
        "spec.yaml:3: schedule.momentum.low: must be below high. Received: low 0.9, high 0.8",
    ),
    "an unknown unit": (
        "schedule: {name: linear, per: step}",
        "spec.yaml:3: schedule.per: must be one of 'update', 'epoch'; did you mean 'update'? "
        "Received: 'step'",
    ),
    "two rises": (
        "schedule: {name: noam, d_model: 64, warmup_steps: 4}\nwarmup: {steps: 4}",
        "spec.yaml:4: warmup: must be absent: the schedule 'noam' rises by itself. "
        "Received: {'steps': 4}",
    ),
    "two rises, the second in a phase": (
        "schedule:\n  name: sequential\n  phases:\n"
        "  - {schedule: {name: noam, d_model: 64, warmup_steps: 4}, updates: 9}\n"
        "  - {schedule: {name: constant}}\nwarmup: {steps: 4}",
        "spec.yaml:8: warmup: must be absent: the schedule 'noam' rises by itself. "
        "Received: {'steps': 4}",
    ),
    "a warmup that starts at the base rate": (
        "schedule: {name: linear}\nwarmup: {steps: 4, start: 1}",
        "spec.yaml:4: warmup.start: must be < 1. Received: 1",
    ),
    "a sequence of one": (
        "schedule: {name: sequential, phases: [{schedule: {name: linear}}]}",
        "spec.yaml:3: schedule.phases: must be two or more; each but the last has updates, and "
        "the last has none. Received: updates [None]",
    ),
    "a phase without a length": (
        "schedule: {name: sequential, phases: [{schedule: {name: linear}}, "
        "{schedule: {name: linear}}]}",
        "spec.yaml:3: schedule.phases: must be two or more; each but the last has updates, and "
        "the last has none. Received: updates [None, None]",
    ),
    "a last phase with a length": (
        "schedule: {name: sequential, phases: [{schedule: {name: linear}, updates: 5}, "
        "{schedule: {name: linear}, updates: 5}]}",
        "spec.yaml:3: schedule.phases: must be two or more; each but the last has updates, and "
        "the last has none. Received: updates [5, 5]",
    ),
    "a phase of epochs": (
        "schedule: {name: sequential, phases: [{schedule: {name: linear, per: epoch}, updates: 5}, "
        "{schedule: {name: linear}}]}",
        "spec.yaml:3: schedule.phases[0].schedule: per is that of the sequence; leave it out here. "
        "Received: {'name': 'linear', 'per': 'epoch'}",
    ),
    "a bad value in a phase": (
        "schedule:\n  name: sequential\n  phases:\n"
        "  - schedule: {name: exponential, gamma: 2}\n    updates: 5\n"
        "  - schedule: {name: linear}",
        "spec.yaml:6: schedule.phases[0].schedule.gamma: must be < 1. Received: 2",
    ),
    "a floor above the base rate in a phase": (
        "schedule: {name: sequential, phases: [{schedule: {name: linear}, updates: 5}, "
        "{schedule: {name: linear_annealing, min_lr: 0.7}}]}",
        "spec.yaml:3: schedule.phases[1].schedule.min_lr: must be below optimizer.lr. Received: "
        "min_lr 0.7, lr 0.5",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=BAD)
def test_a_bad_schedule(
    text: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule, what was received, and where it stands."""
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text(f"{GOOD}{text}\n")
    with pytest.raises(SpecError) as caught:
        load_spec("spec.yaml")

    assert expected == str(caught.value)


PHASES = "'constant', 'linear', 'cosine', "


@pytest.mark.parametrize("name", ["sequential", "reduce_on_plateau"])
def test_a_schedule_that_cannot_be_a_phase(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that can are listed."""
    monkeypatch.chdir(tmp_path)
    phases = f"[{{schedule: {{name: {name}}}, updates: 5}}, {{schedule: {{name: linear}}}}]"
    Path("spec.yaml").write_text(f"{GOOD}schedule: {{name: sequential, phases: {phases}}}\n")
    start = f"spec.yaml:3: schedule.phases[0].schedule.name: must be one of {PHASES}"
    with pytest.raises(SpecError) as caught:
        load_spec("spec.yaml")

    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith(f". Received: {name!r}")


MOMENTUM = "optimizer: {name: momentum, lr: 0.5, momentum: 0.9}\nduration: {updates: 100}\n"


def test_a_cycle_that_does_not_begin_with_the_momentum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The optimizer's own number would be one that nothing uses."""
    monkeypatch.chdir(tmp_path)
    cyclic = "name: cyclic, max_lr: 1, up: 1, down: 1, mode: triangular"
    Path("spec.yaml").write_text(
        f"{MOMENTUM}schedule: {{{cyclic}, momentum: {{low: 0.8, high: 0.95}}}}\n"
    )
    with pytest.raises(SpecError) as caught:
        load_spec("spec.yaml")

    assert str(caught.value) == (
        "spec.yaml:3: schedule.momentum.high: must be optimizer.momentum: the cycle begins "
        "there. Received: high 0.95, momentum 0.9"
    )


# A good spec of 100 updates, 5 an epoch, that its sizes leave no room.
TOO_LONG = {
    "stable and decay": (
        "schedule: {name: warmup_stable_decay, stable: 50, decay: 41, shape: linear, min_lr: 0}\n"
        "warmup: {steps: 10}",
        "spec.yaml:3: schedule.decay: warmup, stable and decay must fit into the horizon; write "
        "stable: 49, or leave it out to fill the horizon. Received: 10 + 50 + 41, horizon 100",
    ),
    "a decay alone": (
        "schedule: {name: warmup_stable_decay, decay: 91, shape: linear, min_lr: 0}\n"
        "warmup: {steps: 10}",
        "spec.yaml:3: schedule.decay: warmup, stable and decay must fit into the horizon; let "
        "decay be at most 90. Received: 10 + 0 + 91, horizon 100",
    ),
    "a rise of one update": (
        "schedule: {name: one_cycle, start_lr: 0, end_lr: 0, rise: 0.01, shape: linear}",
        "spec.yaml:3: schedule.rise: must be longer than one update: rise x horizon > 1; write "
        "more than 0.01. Received: rise 0.01, horizon 100",
    ),
    "phases": (
        "schedule: {name: sequential, phases: [{schedule: {name: linear}, updates: 100}, "
        "{schedule: {name: linear}}]}",
        "spec.yaml:3: schedule.phases: must leave room for the last; make those before it 1 "
        "update shorter, or write a longer duration. Received: 100 updates before it, horizon "
        "100",
    ),
    "warmup of a phase": (
        "schedule: {name: sequential, phases: [{schedule: {name: linear}, updates: 10}, "
        "{schedule: {name: linear}}]}\nwarmup: {steps: 10}",
        "spec.yaml:4: warmup.steps: must be shorter than the first phase; make "
        "phases[0].updates longer than it. Received: 10 warmup updates, 10 in the phase",
    ),
    "within a phase": (
        "schedule: {name: sequential, phases: [{schedule: {name: linear}, updates: 90}, "
        "{schedule: {name: one_cycle, start_lr: 0, end_lr: 0, rise: 0.1, shape: linear}}]}",
        "spec.yaml:3: schedule.phases[1].schedule.rise: must be longer than one update: rise x "
        "horizon > 1; write more than 0.1. Received: rise 0.1, horizon 10",
    ),
    "a timescale in a phase without warmup": (
        "schedule: {name: sequential, phases: [{schedule: {name: linear}, updates: 90}, "
        "{schedule: {name: inverse_sqrt}}]}\nwarmup: {steps: 10}",
        "spec.yaml:3: schedule.phases[1].schedule.timescale: is needed when the schedule has no "
        "warmup updates; write one; Hugging Face takes 10000 updates. Received: neither",
    ),
    "phases in epochs": (
        "schedule: {name: sequential, per: epoch, phases: [{schedule: {name: linear}, updates: 20},"
        " {schedule: {name: linear}}]}",
        "spec.yaml:3: schedule.phases: must leave room for the last; make those before it 1 "
        "epoch shorter, or write a longer duration. Received: 20 epochs before it, horizon 20",
    ),
    "warmup of a phase in epochs": (
        "schedule: {name: sequential, per: epoch, phases: [{schedule: {name: linear}, updates: 9}, "
        "{schedule: {name: linear}}]}\nwarmup: {steps: 9}",
        "spec.yaml:4: warmup.steps: must be shorter than the first phase; make "
        "phases[0].updates longer than it. Received: 9 warmup epochs, 9 in the phase",
    ),
    "a rise of one epoch in a phase": (
        "schedule: {name: sequential, per: epoch, phases: [{schedule: {name: linear}, updates: 9}, "
        "{schedule: {name: one_cycle, start_lr: 0, end_lr: 0, rise: 0.05, shape: linear}}]}",
        "spec.yaml:3: schedule.phases[1].schedule.rise: must be longer than one epoch: rise x "
        "horizon > 1; write more than 0.0909091. Received: rise 0.05, horizon 11",
    ),
    "warmup in epochs": (
        "schedule: {name: linear, per: epoch}\nwarmup: {steps: 20}",
        "spec.yaml:4: warmup.steps: counts epochs, as the schedule does, and "
        "must be shorter than the schedule; for 20 updates of warmup write updates: 20, counted: "
        "over. Received: 20 warmup epochs, horizon 20",
    ),
    "warmup in updates that end within an epoch": (
        "schedule: {name: linear, per: epoch}\nwarmup: {updates: 7}",
        "spec.yaml:4: warmup.updates: counted inside, warmup must be whole epochs, as the schedule "
        "counts them; write counted: over, so that it takes the place of the schedule's first "
        "updates, or counted: before. Received: 7 updates, 5 an epoch",
    ),
    "warmup in updates, longer than the run": (
        "schedule: {name: linear, per: epoch}\nwarmup: {updates: 101, counted: over}",
        "spec.yaml:4: warmup.updates: must be shorter than the schedule; write at most 99, or a "
        "longer duration. Received: 101 warmup updates, horizon 100",
    ),
    "warmup in epochs under a rate per update": (
        "schedule: {name: linear}\nwarmup: {epochs: 20}",
        "spec.yaml:4: warmup.epochs: must be shorter than the schedule; write fewer, or a longer "
        "duration. Received: 100 warmup updates, horizon 100",
    ),
    "epochs of warmup that float64 cannot count": (
        "schedule: {name: linear, per: epoch}\nwarmup: {steps: 1000000000000000, counted: before}",
        "spec.yaml:4: warmup.steps: the schedule must end within 1e+15 updates; write at most "
        "200000000000000. Received: 1000000000000000 epochs of 5 updates",
    ),
    "epochs that float64 cannot count": (
        "schedule: {name: linear, per: epoch}\nhorizon: 1000000000000000",
        "spec.yaml:4: horizon: the schedule must end within 1e+15 updates; write at most "
        "200000000000000. Received: 1000000000000000 epochs of 5 updates",
    ),
}


@pytest.mark.parametrize(("text", "expected"), TOO_LONG.values(), ids=TOO_LONG)
def test_a_schedule_without_room(
    text: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan's errors are as good as a spec's: file, line, field, and what to write instead."""
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text(f"{GOOD}{text}\n")
    spec = load_spec("spec.yaml")
    with pytest.raises(PlanError) as caught:
        Plan.of(spec, micro_batches_per_epoch=5)

    assert expected == str(caught.value)


# The nearest that do fit.
JUST_FITS = [
    "schedule: {name: warmup_stable_decay, stable: 50, decay: 40, shape: linear, min_lr: 0}\n"
    "warmup: {steps: 10}",
    "schedule: {name: warmup_stable_decay, stable: 50, decay: 50, shape: linear, min_lr: 0}\n"
    "warmup: {steps: 10, counted: before}",
    "schedule: {name: one_cycle, start_lr: 0, end_lr: 0, rise: 0.0101, shape: linear}",
    "schedule: {name: sequential, phases: [{schedule: {name: linear}, updates: 99}, "
    "{schedule: {name: linear}}]}",
    "schedule: {name: sequential, phases: [{schedule: {name: linear}, updates: 10}, "
    "{schedule: {name: linear}}]}\nwarmup: {steps: 9}",
    "schedule: {name: sequential, phases: [{schedule: {name: inverse_sqrt}, updates: 10}, "
    "{schedule: {name: linear}}]}\nwarmup: {steps: 9}",
    "schedule: {name: linear, per: epoch}\nwarmup: {steps: 19}",
    "schedule: {name: linear}\nwarmup: {steps: 200, counted: before}",
]


@pytest.mark.parametrize("text", JUST_FITS)
def test_the_nearest_that_fits(text: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(f"{GOOD}{text}\n")

    assert (
        Plan.of(load_spec(tmp_path / "spec.yaml"), micro_batches_per_epoch=5).total_updates == 100
    )
