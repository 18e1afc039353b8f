"""A written script, read again: what is told of it is what it was written from."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings

from dualtrain import Spec, write_script
from dualtrain.errors import DualtrainError, PlanError, SpecError
from dualtrain.plan import Plan
from dualtrain.recipes import Entry, Recipe, entries, read_recipe
from tests.oracle.specs import draw
from tests.schedules import parts
from tests.scripts import writable

BACKENDS = ("torch", "paddle")

LEFT_OUT = {
    "batch.size": "a docstring has it: the batches are the user's own",
    "batch.micro_batches_per_epoch": "the batches of the user's own are as many",
    "batch_norm": "a recipe has no field for it: hooks of the script do it",
    "amp.float32_operators": "torch has no word for it: a mode of the script does it",
    "amp.on_skip": "of a schedule that goes by epochs, which never waits",
    "amp.loss_scale.floor": "a bound that the script keeps by itself: the frameworks have none",
    "amp.loss_scale.ceiling": "a bound that the script keeps by itself: the frameworks have none",
    "lr_multipliers": "named by the hazard param_groups",
    "own_betas": "a function of the script groups by all names of a tied parameter",
    "layer_decay": "named by the hazard param_groups",
    "shift": "the rates say it",
    "clip.rule": "Paddle's where nothing says torch's",
    "device": "where a script runs is not what it trains",
    "freeze": "named as unknown: a script chooses by ownership, which names alone do not tell",
}
"""What cannot come back -> why."""

BASE: dict[str, Any] = {
    "optimizer": {"name": "adamw", "lr": 0.001},
    "schedule": {"name": "linear"},
    "duration": {"updates": 100},
    "seed": 3,
}

MOMENTS: dict[str, Any] = {"betas": [0.75, 0.875], "eps": 1e-06}

WHOLE: dict[str, dict[str, Any]] = {
    "epochs": {"duration": {"epochs": 3}},
    "constant": {"schedule": {"name": "constant"}},
    "cosine": {"schedule": {"name": "cosine", "half_waves": 3.0}},
    "polynomial": {"schedule": {"name": "polynomial", "power": 2.0, "end_lr": 1e-05}},
    "step": {"schedule": {"name": "step", "every": 10, "gamma": 0.5}},
    "exponential": {"schedule": {"name": "exponential", "gamma": 0.9}},
    "by epoch": {"schedule": {"name": "step", "every": 2, "gamma": 0.5, "per": "epoch"}},
    "warmup": {"warmup": {"steps": 10}},
    "a share": {"warmup": {"proportion": 0.1}, "duration": {"epochs": 3}},
    "from above 0": {"warmup": {"steps": 10, "start": 0.25}},
    "horizon": {"horizon": 40},
    "accumulation": {"batch": {"accumulate": 4}},
    "tail": {"batch": {"accumulate": 4, "tail": "drop"}, "duration": {"epochs": 3}},
    "leak": {"batch": {"accumulate": 4, "tail": "leak"}, "duration": {"epochs": 3}},
    "sums": {"batch": {"accumulate": 4, "normalise": "sum"}},
    "all targets": {"batch": {"accumulate": 4, "normalise": "token_mean"}},
    "smoothing": {"loss": {"label_smoothing": 0.1}},
    "shifted labels": {"loss": {"label_smoothing": 0.1, "shift_labels": True}},
    "averages": {"ema": {"decay": 0.99}},
    "averages that warm up": {"ema": {"decay": 0.99, "warmup": True, "statistics": True}},
    "averages from the first": {"ema": {"decay": 0.99, "start": "first"}},
    "averages from 0": {"ema": {"decay": 0.99, "start": "zero"}},
    "debiased averages": {"ema": {"decay": 0.99, "warmup": True, "start": "debiased"}},
    "by global norm": {"clip": {"global_norm": 0.5}},
    "by norm": {"clip": {"norm": 0.5}},
    "by value": {"clip": {"value": 0.5}},
    "decay": {"weight_decay": {"value": 0.01}},
    "coupled": {
        "optimizer": {"name": "momentum", "lr": 0.1, "momentum": 0.9, "nesterov": True},
        "weight_decay": {"value": 0.01, "kind": "coupled", "exclude": ["bias"]},
    },
    "roles": {"weight_decay": {"value": 0.01, "exclude": ["bias", "norm", "embedding"]}},
    "vectors": {"weight_decay": {"value": 0.01, "exclude": ["one_dimensional"]}},
    "dimensions": {"weight_decay": {"value": 0.01, "exclude_below_ndim": 2}},
    "more dimensions": {"weight_decay": {"value": 0.01, "exclude_below_ndim": 3}},
    "substrings": {"weight_decay": {"value": 0.01, "exclude_substrings": ["bias", "norm"]}},
    "patterns": {"weight_decay": {"value": 0.01, "exclude_patterns": ["*.bias", "head.*"]}},
    "all filters": {
        "weight_decay": {
            "value": 0.01,
            "exclude": ["bias", "norm", "embedding", "one_dimensional"],
            "exclude_below_ndim": 3,
            "exclude_substrings": ["bias"],
            "exclude_patterns": ["*.bias"],
        }
    },
    "counted before": {"warmup": {"steps": 10, "counted": "before"}},
    "restarts": {"schedule": {"name": "cosine_with_restarts", "cycles": 3.0}},
    "amsgrad": {"optimizer": {"name": "adam", "lr": 0.001, **MOMENTS, "amsgrad": True}},
    "adamax": {"optimizer": {"name": "adamax", "lr": 0.001, **MOMENTS}},
    "radam": {"optimizer": {"name": "radam", "lr": 0.001, **MOMENTS}},
    "nadam": {"optimizer": {"name": "nadam", "lr": 0.001, **MOMENTS, "momentum_decay": 0.5}},
    "decay apart": {
        "optimizer": {"name": "nadam", "lr": 0.001, **MOMENTS, "momentum_decay": 0.5},
        "weight_decay": {"value": 0.01, "kind": "decoupled", "exclude": ["bias"]},
    },
    "adadelta": {"optimizer": {"name": "adadelta", "lr": 0.5, "rho": 0.75, "eps": 1e-05}},
    "adagrad": {
        "optimizer": {"name": "adagrad", "lr": 0.5, "eps": 1e-05, "initial_accumulator": 0.25},
    },
    "rmsprop": {
        "optimizer": {
            **{"name": "rmsprop", "lr": 0.001, "rho": 0.75, "eps": 1e-05},
            **{"momentum": 0.5, "centered": True},
        },
    },
    "adamw_transformers": {
        "optimizer": {"name": "adamw_transformers", "lr": 0.001, **MOMENTS, "correct_bias": False},
        "weight_decay": {"value": 0.01},
    },
    "rmsprop_torch": {
        "optimizer": {"name": "rmsprop_torch", "lr": 0.001, "rho": 0.75, "eps": 1e-05},
    },
    "sgd": {"optimizer": {"name": "sgd", "lr": 0.5}},
    "inverse_sqrt": {
        "schedule": {"name": "inverse_sqrt", "timescale": 20},
        "warmup": {"steps": 10},
    },
    "stable": {
        "schedule": {
            **{"name": "warmup_stable_decay", "stable": 20, "decay": 30},
            **{"shape": "linear", "min_lr": 0.0},
        },
        "warmup": {"steps": 10},
    },
    "natural_exp": {"schedule": {"name": "natural_exp", "gamma": 0.1}},
    "multistep": {"schedule": {"name": "multistep", "milestones": [10, 30], "gamma": 0.1}},
    "lamb": {
        "optimizer": {"name": "lamb", "lr": 0.001, "betas": [0.9, 0.99], "eps": 1e-06},
        "weight_decay": {"value": 0.01},
    },
    "lars": {
        "optimizer": {"name": "lars", "lr": 0.5, "momentum": 0.75, "coefficient": 0.01},
        "weight_decay": {"value": 0.01},
    },
}
"""Specs of which each word comes back."""

REFUSED = {("paddle", "decay apart"): "paddle has no nadam that decouples decay"}
UNKNOWN = {
    ("torch", "adamw_transformers"): "optimizer.name",
    ("paddle", "adamw_transformers"): "optimizer.name",
    ("paddle", "rmsprop_torch"): "optimizer.name",
    ("torch", "lamb"): "batch.accumulate",
    ("torch", "lars"): "batch.accumulate",
    ("torch", "adamax"): "batch.accumulate",
    ("torch", "rmsprop"): "batch.accumulate",
    ("torch", "inverse_sqrt"): "",
    ("torch", "natural_exp"): "schedule",
    ("torch", "multistep"): "schedule",
    ("paddle", "inverse_sqrt"): "schedule",
    ("paddle", "stable"): "schedule",
}
"""Where a framework lacks the class or its rates, the script has a rule of its own -> the word that
is then unknown."""


def read_again(values: dict[str, Any], backend: str, folder: Path) -> tuple[Spec, Recipe]:
    spec = Spec(**values)
    script = folder / "train.py"
    script.write_text(write_script(spec, backend), encoding="utf-8")
    return spec, read_recipe(script)


def told(recipe: Recipe) -> dict[str, Any]:
    """The spec, as far as it is told."""
    made: dict[str, Any] = {}
    for one in entries(recipe):
        if isinstance(one, Entry):
            at = made
            for name in one.path[:-1]:
                at = at.setdefault(name, {})
            at[one.path[-1]] = one.value
    return made


def unknown(recipe: Recipe) -> set[str]:
    return {".".join(one.path) for one in entries(recipe) if not isinstance(one, Entry)}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", WHOLE)
def test_the_spec_comes_back(name: str, backend: str, tmp_path: Path) -> None:
    if why := REFUSED.get((backend, name)):
        with pytest.raises(SpecError, match=why):
            write_script(Spec(**{**BASE, **WHOLE[name]}), backend)
        return
    spec, recipe = read_again({**BASE, **WHOLE[name]}, backend, tmp_path)

    if word := UNKNOWN.get((backend, name)):
        assert word in unknown(recipe)
        return
    assert unknown(recipe) == {"batch.size"}
    assert Spec(**told(recipe)) == spec


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("level", ["O1", "O2"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_level_is_never_another(backend: str, level: str, dtype: str, tmp_path: Path) -> None:
    """torch has no word for O2: its masters are code."""
    amp = {"dtype": dtype, "level": level}
    _, recipe = read_again({**BASE, "device": "cuda", "amp": amp}, backend, tmp_path)

    if (backend, level) == ("torch", "O2"):
        assert "amp" in unknown(recipe)
        return
    skips = {"on_skip": "hold"} if dtype == "float16" else {}
    assert {**told(recipe)["amp"], "loss_scale": None} == {**amp, **skips, "loss_scale": None}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("index", range(0, 220, 2))
def test_what_is_told_of_any_script_is_right(index: int, backend: str, tmp_path: Path) -> None:
    case = draw(13, index)
    spec, recipe = read_again(writable(case.spec, backend), backend, tmp_path)

    found, want = told(recipe), _words(spec)
    schedule = {name: found.pop(name, None) for name in OF_RATES}
    for section, said in found.items():
        assert _same(said, want[section]), (section, said, want[section])
    missing = unknown(recipe) | {*LEFT_OUT}
    for path, value in _flat(want).items():
        if _flat(found).get(path, ...) is ... and path.split(".")[0] not in schedule:
            known = any(path == one or path.startswith(f"{one}.") for one in missing)
            near = any(
                path.startswith(part) and any(one.startswith(part) for one in unknown(recipe))
                for part in ("weight_decay", "optimizer")
            )
            of_groups = path in ("batch.tail", "batch.normalise")
            near = near or (of_groups and "batch.accumulate" in missing)
            default = _flat(_words(_bare(spec))).get(path, ...) == value
            assert known or near or default or not value or _unsaid(spec, path), path
    of_rates = ("schedule", "warmup", "horizon", "optimizer", "batch.accumulate")
    if not any(one.startswith(of_rates) for one in missing):
        again = {name: part for name, part in schedule.items() if part is not None}
        _same_rates(spec, again, case.micro_batches)


OF_RATES = ("schedule", "warmup", "horizon", "shift")
"""Whatever reading makes of them together; a shift may be in the rates that it finds."""
NO_CHECK: Any = list(HealthCheck)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=NO_CHECK)
@given(values=parts())
def test_what_is_told_of_any_schedule_is_right(backend: str, values: dict[str, Any]) -> None:
    try:
        for micro_batches in (1, 7, 1_000):  # `write` asks it of some length
            Plan.of(Spec(**values), micro_batches_per_epoch=micro_batches)
    except DualtrainError:
        reject()
    with TemporaryDirectory() as folder:
        spec, recipe = read_again(values, backend, Path(folder))

    found = told(recipe)
    if not any(one.startswith(("schedule", "warmup", "horizon")) for one in unknown(recipe)):
        again = {k: v for k, v in found.items() if k in OF_RATES}
        try:
            _same_rates(spec, again, 7)
        except PlanError:  # of a run that is all warmup: no plan of it is made, so none is wrong
            assert spec.warmup is not None


def _same_rates(spec: Spec, schedule: dict[str, Any], micro_batches: int) -> None:
    """Whatever the words are called: the rates of the run are the same."""
    values = spec.model_dump(exclude_unset=True)
    for name in OF_RATES:
        values.pop(name, None)
    plans = [
        Plan.of(one, micro_batches_per_epoch=micro_batches)
        for one in (spec, Spec.model_validate(values | schedule))
    ]
    first, second = (plan.lr_curve() for plan in plans)
    np.testing.assert_allclose(second, first, rtol=1e-9, atol=1e-15 * spec.optimizer.lr)


def _words(spec: Spec) -> dict[str, Any]:
    dumped: dict[str, Any] = spec.model_dump(mode="json")
    return dumped


def _bare(spec: Spec) -> Spec:
    """The spec with nothing but what must be said."""
    optimizer = spec.optimizer.model_dump(exclude_unset=True)
    return Spec.model_validate(
        {"optimizer": optimizer, "schedule": {"name": "constant"}, "duration": spec.duration}
    )


def _unsaid(spec: Spec, path: str) -> bool:
    """Whether a word changes nothing, so that no script says it."""
    if path in ("batch.tail", "batch.normalise"):
        return spec.batch.accumulate == 1
    if path == "ema.start":  # averages that keep nothing of themselves
        return spec.ema is not None and not spec.ema.decay
    if path == "weight_decay.kind" and spec.optimizer.name in ("adamw", "lamb", "lars"):
        return True  # it is theirs
    if path == "amp.loss_scale.backoff_interval":  # torch's falls at once, and has no word for it
        scale = spec.amp.loss_scale if spec.amp is not None else None
        return scale is not None and scale.backoff_interval == 1
    decay = spec.weight_decay
    if decay is None or not decay.value:
        return path.startswith("weight_decay")
    within = decay.exclude_below_ndim and decay.exclude == ("one_dimensional",)
    return path == "weight_decay.exclude" and bool(within)


def _flat(values: dict[str, Any], at: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = _flat(value, f"{at}{name}.") if isinstance(value, dict) else {f"{at}{name}": value}
        found |= inner
    return found


def _same(said: Any, want: Any) -> bool:
    """Whether all that is said is so; vectors need no word beside tensors below 2 dimensions."""
    if isinstance(said, dict):
        if "exclude_below_ndim" in said and "one_dimensional" in want["exclude"]:
            roles = [*said.get("exclude", []), "one_dimensional"]
            said = {**said, "exclude": list(dict.fromkeys(roles))}
        return isinstance(want, dict) and all(_same(said[name], want[name]) for name in said)
    return bool(said == (list(want) if isinstance(want, tuple) else want))


def test_the_comparison_objects(tmp_path: Path) -> None:
    """A rate that is not that of the spec is seen."""
    spec, recipe = read_again({**BASE, **WHOLE["warmup"]}, "torch", tmp_path)
    other = {"schedule": {"name": "cosine", "half_waves": 1.0}, "warmup": told(recipe)["warmup"]}

    with pytest.raises(AssertionError):
        _same_rates(spec, other, 4)
    assert not _same({"seed": 4}, _words(spec))
    with pytest.raises(SpecError):
        Spec(**{**told(recipe), "seed": "x"})
