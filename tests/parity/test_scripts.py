"""A written script trains as `fit` does, update by update: every word, on both frameworks.

The rates are equal to the last bit; losses and weights to the rounding of float32, in which the
order of operations differs. Models are the oracle's, of each architecture; so are the specs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dualtrain import write_script
from tests.builders import spec_of
from tests.oracle.specs import OPTIMIZERS, SCHEDULES, Case, draw, fits
from tests.scripts import by_fit, by_script, filled, writable

SEED, COUNT, CHUNK = 11, 66, 11
LOSS, WEIGHTS = 1e-5, 1e-4
"""Relative, of a loss and of the largest weight of a tensor."""

pytestmark = [
    pytest.mark.parametrize("backend", ["torch", "paddle"]),
    pytest.mark.filterwarnings("ignore:When training, we now always track"),
    pytest.mark.filterwarnings("ignore::dualtrain.errors.TrainingWarning"),
    pytest.mark.filterwarnings("ignore:Detected call of .lr_scheduler.step"),  # of skipped updates
    pytest.mark.filterwarnings("ignore:.pydantic.config.Extra. is deprecated"),  # paddlenlp's
]


def case_of(seed: int, index: int, backend: str) -> Case:
    """The oracle's case, its loss the spec's own, of what a script for this framework can say."""
    case = replace(
        draw(seed, index), own_loss=False, labels="hard", dtype="float32", still=(), through="fit"
    )
    return replace(case, spec=writable(_bounded(case.spec), backend))


def _bounded(spec: dict[str, Any]) -> dict[str, Any]:
    """Without quotients that know no bound: they make much of a rounding."""
    optimizer = dict(spec["optimizer"])
    if 0.0 in optimizer.get("betas", [])[1:]:
        optimizer["betas"] = [optimizer["betas"][0], 0.5]
    if optimizer["name"] == "rmsprop_torch":
        optimizer["eps"] = 0.125
    return {**spec, "optimizer": optimizer}


def difference(case: Case, backend: str, fitted: Case | None = None) -> str | None:
    """In what the script parts from `fit`, if it does; fitted: another case for that."""
    with TemporaryDirectory() as folder:
        mine = by_script(case, backend, Path(folder))
    theirs = by_fit(fitted or case, backend)
    if mine.rates != theirs.rates:
        return f"rates {mine.rates}, of fit {theirs.rates}\n{case.text()}"
    if not np.allclose(mine.losses, theirs.losses, rtol=LOSS, atol=1e-9):
        return f"losses {mine.losses}, of fit {theirs.losses}\n{case.text()}"
    pairs = [("weights", mine.weights, theirs.weights)]
    if theirs.averages is not None:
        assert mine.averages is not None
        pairs.append(("averages", mine.averages, theirs.averages))
    for at, (own, wanted) in enumerate(zip(mine.seen, theirs.seen, strict=True)):
        pairs.append((f"seen at reading {at}", own, wanted))
    for what, own, wanted in pairs:
        for name, weight in wanted.items():
            allowed = WEIGHTS * (np.abs(weight).max() + 1e-6)
            if np.abs(own[name] - weight).max() > allowed:
                return f"{what}: {name} {own[name]}, of fit {weight}\n{case.text()}"
    return None


@pytest.mark.parametrize("first", range(0, COUNT, CHUNK))
def test_a_script_trains_as_fit_does(backend: str, first: int) -> None:
    cases = [case_of(SEED, index, backend) for index in range(first, first + CHUNK)]
    found = [difference(case, backend) for case in cases]

    assert [text for text in found if text is not None] == []


def first_of(backend: str, holds: Callable[[dict[str, Any]], bool]) -> list[Case]:
    """The first two cases of which it holds."""
    cases = (case_of(SEED, index, backend) for index in itertools.count())
    return [*itertools.islice((case for case in cases if holds(case.spec)), 2)]


def test_a_momentum_that_a_cycle_moves(backend: str) -> None:
    for case in first_of(backend, lambda spec: bool(spec["schedule"].get("momentum"))):
        assert difference(case, backend) is None


@pytest.mark.parametrize("spared", [False, True])
def test_lars_spares_what_the_spec_does(backend: str, spared: bool) -> None:
    """By a class of its own in torch, and in Paddle where some do not decay."""

    def is_lars(spec: dict[str, Any]) -> bool:
        decay = spec.get("weight_decay") or {}
        return spec["optimizer"]["name"] == "lars" and bool(decay.get("value"))

    for case in first_of(backend, is_lars):
        decay = {"value": 0.25, "exclude": ["bias"] if spared else []}
        case = replace(case, spec={**case.spec, "weight_decay": decay})
        assert difference(case, backend) is None


def test_a_metric_is_one_of_the_averages(backend: str) -> None:
    def is_read(spec: dict[str, Any]) -> bool:  # between two epochs
        several = spec["duration"].get("epochs", 1) > 1
        return several and "ema" in spec and spec["schedule"]["name"] == "reduce_on_plateau"

    for case in first_of(backend, is_read):
        assert difference(case, backend) is None


def test_running_statistics_are_averaged(backend: str) -> None:
    def averages(case: Case) -> bool:
        statistics = (case.spec.get("ema") or {}).get("statistics")
        return case.architecture.norm == "batch" and bool(statistics)

    cases = (case_of(SEED, index, backend) for index in itertools.count())
    assert difference(next(filter(averages, cases)), backend) is None


def test_every_optimizer_and_schedule_is_there(backend: str) -> None:
    specs = [case_of(SEED, index, backend).spec for index in range(COUNT)]

    assert {spec["optimizer"]["name"] for spec in specs} == set(OPTIMIZERS)
    assert {spec["schedule"]["name"] for spec in specs} == {
        *SCHEDULES,
        "reduce_on_plateau",
        "sequential",
        "product",
    }


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize(
    ("name", "word"), [("adamw_transformers", "correct_bias"), ("rmsprop_torch", "momentum")]
)
def test_a_rule_that_one_of_the_two_lacks(backend: str, name: str, word: str, on: bool) -> None:
    def is_it(spec: dict[str, Any]) -> bool:
        optimizer, decay = spec["optimizer"], spec.get("weight_decay", {})
        return optimizer["name"] == name and bool(optimizer[word]) is on and decay.get("value")

    for case in first_of(backend, is_it):
        assert difference(case, backend) is None


@pytest.mark.parametrize("name", ["adamw", "lamb", "adamw_transformers", "momentum"])
def test_decays_of_their_own(backend: str, name: str) -> None:
    def is_it(spec: dict[str, Any]) -> bool:
        values = spec.get("weight_decay", {}).get("values", [])
        return spec["optimizer"]["name"] == name and any(one["value"] for one in values)

    for case in first_of(backend, is_it):
        assert difference(case, backend) is None


HAVE_GROUPS_OF_BETAS = {"torch": True, "paddle": False}


@pytest.mark.parametrize("name", ["adamw", "nadam"])
def test_betas_of_their_own(backend: str, name: str) -> None:
    """In torch; Paddle's classes have one pair for all."""
    (case, _) = first_of(backend, lambda spec: spec["optimizer"]["name"] == name)
    rules = [{"pattern": "*.bias", "betas": [0.5, 0.9375]}, {"pattern": "*", "betas": [0.25, 0.5]}]
    spec = writable({**case.spec, "own_betas": rules}, backend)
    assert ("own_betas" in spec) is HAVE_GROUPS_OF_BETAS[backend]
    assert difference(replace(case, spec=spec), backend) is None


@pytest.mark.parametrize(
    "roles", [("bias", "norm", "embedding"), ("one_dimensional", "bias"), ("embedding", "norm")]
)
@pytest.mark.parametrize("name", ["adamw", "adam"])
def test_decays_of_roles(backend: str, name: str, roles: tuple[str, ...]) -> None:
    kind = "decoupled" if name == "adamw" else "coupled"
    decay = {
        **{"value": 0.25, "kind": kind, "exclude_patterns": ["classifier.bias"]},
        "values": [{"role": role, "value": 1.0 / (1 + i)} for i, role in enumerate(roles)],
    }
    (case, _) = first_of(backend, lambda spec: spec["optimizer"]["name"] == name)
    spec = {key: value for key, value in case.spec.items() if key != "freeze"}
    assert difference(replace(case, spec=spec | {"weight_decay": decay}), backend) is None


@settings(max_examples=25, deadline=None, derandomize=True)
@given(index=st.integers(COUNT, 10**6))
def test_so_does_any_script(backend: str, index: int) -> None:
    case = case_of(SEED, index, backend)
    assume(fits(case.spec, case.micro_batches))  # without what is refused
    found = difference(case, backend)
    if found is not None:  # a rounding that the run has made much of is gone in float64
        found = difference(replace(case, dtype="float64"), backend)
    assert found is None


LAYERS = ["embeddings.weight", "encoder.layer.0.dense.weight", "encoder.layer.1.dense.weight"]


def test_layers_are_counted_in_one_list(backend: str, tmp_path: Path) -> None:
    spec = spec_of(layer_decay={"rate": 0.5, "below": ["first.*"], "above": ["encoder.last.*"]})
    above = filled(write_script(spec, backend), tmp_path / "layers.py")["layers_above"]
    named = ["encoder.last.weight", "first.weight", "head.weight"]

    assert [*above([*LAYERS, *named]).values()] == [3, 2, 1, 0, 3, 0]
    with pytest.raises(SystemExit, match=r"is encoder\.norm\.weight below the layers, or above"):
        above([*LAYERS, "encoder.norm.weight"])
    with pytest.raises(SystemExit, match="is token below the layers, or above"):
        above(["token", "blocks.0.dense.weight"])
    with pytest.raises(SystemExit, match="the layers must be in one list"):
        above([*LAYERS, "decoder.layer.0.dense.weight"])
    with pytest.raises(SystemExit, match="the layers must be in one list"):
        above(["layers.0.blocks.0.weight", "layers.1.blocks.0.weight"])


def test_a_pattern_must_name_a_parameter(backend: str, tmp_path: Path) -> None:
    spec = spec_of(freeze={"patterns": ["bert.*"]})
    check = filled(write_script(spec, backend), tmp_path / "patterns.py")["check_patterns"]

    check(["bert.pooler.weight"])
    with pytest.raises(SystemExit, match=r"no parameter is called 'bert\.\*'"):
        check(["roberta.pooler.weight"])


def test_the_check_can_fail(backend: str) -> None:
    case = case_of(SEED, 1, backend)
    faster = {**case.spec["optimizer"], "lr": case.spec["optimizer"]["lr"] * 1.5}
    told = difference(case, backend, replace(case, spec={**case.spec, "optimizer": faster}))

    assert told is not None and told.startswith("rates")
