"""Schedules of PaddleClas' and PaddleOCR's kind: `lr: {name, learning_rate, warmup_epoch}`.

Both repositories have classes of the same names whose numbers count epochs; what differs between
them is in `Curves`.
"""

from __future__ import annotations

from dataclasses import dataclass

from dualtrain.recipes.vision._reading import Reading

__all__ = ["Curves", "schedule"]

KNOWN = {
    "Cosine": ("learning_rate", "eta_min"),
    "Linear": ("learning_rate", "end_lr", "power", "cycle"),
    "Piecewise": ("learning_rate", "decay_epochs", "values"),
    "Step": ("learning_rate", "step_size", "gamma"),
    "MultiStepDecay": ("learning_rate", "milestones", "gamma"),
    "Const": ("learning_rate",),
    "ConstLR": ("learning_rate",),
    "Constant": ("learning_rate",),
    "DecayLearningRate": ("learning_rate", "factor"),
}
"""Class -> the keys of its own that it reads; of others, which are `custom`, that is not known."""

ENDING = (
    *("Cosine", "Linear", "DecayLearningRate", "Piecewise", "Step", "MultiStepDecay"),
    *("CosineFixmatch", "OneCycle", "OneCycleLR", "TwoStepCosine", "CyclicalCosine"),
)
"""Classes that count the epochs of training."""

ALWAYS = ("name", "warmup_epoch", "warmup_start_lr", "by_epoch", "last_epoch", "verbose")


@dataclass(frozen=True, slots=True)
class Curves:
    """How one repository's classes read these keys."""

    subtracts: tuple[str, ...]
    """Classes whose curve ends with training: the warmup shortens it."""
    unwarmed: tuple[str, ...]
    """Classes that have no warmup."""
    own_steps: bool
    """`Piecewise` with a `learning_rate` throws `decay_epochs` and `values` away."""
    unread: tuple[str, ...] = ()
    """Keys that no class of this repository reads."""
    per: str = "per_batch"
    """When the schedule is stepped."""


def schedule(reading: Reading, at: str, epochs: int, curves: Curves) -> None:
    """The schedule at `at`, for a training of `epochs`."""
    name = reading.word(f"{at}.name", "Const")
    by_epoch = bool(reading.value(f"{at}.by_epoch")) and "by_epoch" not in curves.unread
    reading.need("lr", f"{at}.learning_rate")
    _shape(reading, at, name, curves, epochs)
    if reading.fields["schedule"].value != "none":
        step = "per_epoch" if by_epoch else curves.per
        if name == "ReduceOnPlateau":
            step = "on_eval"
        reading.imply("scheduler_step", step, f"the loop of {reading.code}")
    if name in ENDING:
        length = "epoch_units" if by_epoch else "epochs"
        reading.imply("length", length, f"classes of {reading.code}")
    reading.unreached(epochs)
    _warmup(reading, at, name, epochs, curves)
    if reading.figure(f"{at}.last_epoch", -1) != -1:
        text = "the clock starts one update ahead: the first rate is the second of the schedule"
        reading.warn("sched_last_epoch_offset", reading.place(f"{at}.last_epoch"), text, "shift")
    if name in KNOWN:
        known = {*KNOWN[name], *ALWAYS} - {*curves.unread}
        if name in curves.unwarmed:
            known -= {"warmup_epoch", "warmup_start_lr"}
        reading.dead(at, known, name)


def _shape(reading: Reading, at: str, name: str, curves: Curves, epochs: int) -> None:
    key = f"{at}.name" if reading.has(f"{at}.name") else at
    match name:
        case "Cosine":
            reading.state("schedule", "cosine", key)
            reading.imply("num_cycles", 0.5, "half a wave")
            if "eta_min" in curves.unread:
                reading.imply("end_lr", 0.0, "default of CosineAnnealingDecay")
            else:
                reading.take("end_lr", f"{at}.eta_min", 0.0, name)
        case "Linear":
            powered = reading.value(f"{at}.power", 1.0) != 1
            reading.state("schedule", "polynomial" if powered else "linear", key)
            if powered:
                reading.take("power", f"{at}.power")
            reading.take("end_lr", f"{at}.end_lr", 0.0, name)
        case "DecayLearningRate":
            reading.state("schedule", "polynomial", key)
            reading.take("power", f"{at}.factor", 0.9, name)
            reading.imply("end_lr", 0.0, f"{name} sets it, whatever the key says")
        case "Step":
            reading.state("schedule", "step", key)
            reading.need("step_size", f"{at}.step_size")
            reading.need("gamma", f"{at}.gamma")
            reading.remark("step_size", "in epochs")
        case "MultiStepDecay":
            reading.state("schedule", "piecewise", key)
            reading.need("milestones", f"{at}.milestones")
            reading.take("gamma", f"{at}.gamma", 0.1, name)
        case "Piecewise":
            reading.state("schedule", "piecewise", key)
            _piecewise(reading, at, curves, epochs)
        case "Const" | "ConstLR" | "Constant":
            warm = name not in curves.unwarmed and reading.figure(f"{at}.warmup_epoch")
            plain = name == "Const" and not warm
            reading.state("schedule", "none" if plain else "constant", key)
        case _:
            reading.state("schedule", "custom", key)
            reading.remark("schedule", f"{name}: read its class")
            for other in ("max_lr", "base_learning_rate", "max_learning_rate"):
                if not reading.has(f"{at}.learning_rate") and reading.has(f"{at}.{other}"):
                    reading.take("lr", f"{at}.{other}")
                    break
            reading.take("num_cycles", f"{at}.num_cycles")
            if reading.has(f"{at}.num_warmup_steps"):
                reading.take("warmup", f"{at}.num_warmup_steps")
                reading.state("warmup_unit", "steps", f"{at}.num_warmup_steps")


def _piecewise(reading: Reading, at: str, curves: Curves, epochs: int) -> None:
    rate, given = f"{at}.learning_rate", f"{at}.decay_epochs"
    base = reading.figure(rate)
    if not (curves.own_steps and base and isinstance(epochs, int)):
        reading.need("milestones", given)
        values = reading.need("values", f"{at}.values")
        if not values or not isinstance(values, list):
            return
        reading.state("lr", values[0], f"{at}.values", "computed")
        if reading.has(rate):
            text = f"{rate}: the rates are {values}, from values; Piecewise never reads it"
            reading.warn("decoy_values", reading.place(rate), text)
        return
    milestones = list(range(0, epochs, 30))[1:] or [epochs]
    values = [base * 0.1**passed for passed in range(len(milestones) + 1)]
    if epochs <= 30:
        values = [base, base]
    reading.state("milestones", milestones, rate, "computed")
    reading.state("values", values, rate, "computed")
    for field in ("milestones", "values"):
        reading.remark(field, "a tenth every 30 epochs, as Piecewise has it with a learning_rate")
    if reading.has(given) or reading.has(f"{at}.values"):
        text = (
            f"Piecewise with a learning_rate throws decay_epochs and values away: its rates are "
            f"{values}, from epochs {milestones}"
        )
        reading.warn("decoy_values", reading.place(given), text, "schedule")


def _warmup(reading: Reading, at: str, name: str, epochs: int, curves: Curves) -> None:
    key = f"{at}.warmup_epoch"
    if not reading.has(key) or name in curves.unwarmed:
        return
    warmup = reading.take("warmup", key)
    reading.state("warmup_unit", "epochs", key)
    if not warmup:
        return
    start = f"{at}.warmup_start_lr"
    if "warmup_start_lr" in curves.unread:
        reading.imply("warmup_start", 0.0, name)
    else:
        reading.take("warmup_start", start, 0.0, name)
    kind = reading.fields["schedule"].value
    if name not in ENDING or name == "CosineFixmatch":
        return
    reading.imply("warmup_counted", "before", f"LinearWarmup around {name}")
    if name in curves.subtracts:
        reading.state("horizon", epochs - warmup, key, "computed")
        reading.remark("length", "the warmup's epochs are taken off the curve")
        return
    text = f"the warmup of {warmup} epochs wraps {name}: "
    if kind in ("step", "piecewise"):
        text += f"each rate begins {warmup} epochs later than it says"
    else:
        text += f"training of {epochs} epochs ends before the last {warmup} of the curve"
    reading.warn("sched_warmup_not_subtracted", reading.place(key), text, "schedule")
