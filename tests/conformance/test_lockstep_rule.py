"""Half (b) on honest updates: the native optimizers, clips and averages of each backend, silent.

States of every size, from squares below float32's numbers to 1e9, at the first update and at the
ten thousandth.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain.backend import Backend
from dualtrain.state import Arrays
from tests import builders
from tests.conformance.test_optimizers import CASES, case
from tests.moves import beyond, judged, run_on, state_at

__all__ = ["case"]

pytestmark = pytest.mark.usefixtures("without_autocast")

SHAPE = (24, 20)
SIZES = {
    "plain": (-4.0, 0.0),
    "tiny": (-12.0, -6.0),
    "squares below float32": (-22.0, -18.0),
    "huge": (3.0, 9.0),
    "mixed": (-8.0, 3.0),
}
"""Powers of ten of the gradients."""
BETAS = ((0.9, 0.95), (0.9, 0.999), (0.99, 0.9999))
PAIRS = [("plain", 1), ("tiny", 2), ("squares below float32", 1000), ("huge", 10000), ("mixed", 10)]
"""Which size at which update."""

FLUSHED = {
    ("paddlepaddle", "2.", case): {"squares below float32": {"sum_of_squares"}}
    for case in ("adagrad", "adagrad, decay")
}
"""Package, how its version begins, case -> size -> what its native kernel takes for 0 below
float32's normal numbers, so that it is told. An entry that is no longer needed fails.
"""


def spec_of(name: str, **changes: Any) -> Any:
    optimizer, decay = CASES[name]
    usual: dict[str, Any] = {
        "optimizer": {"lr": 0.1, **optimizer},
        "weight_decay": decay,
        "duration": {"updates": 20_000},
    }
    return builders.spec_of(**{**usual, **changes})


def drawn(size: str, dtype: Any = np.float32) -> tuple[Arrays, Arrays]:
    random = np.random.default_rng(len(size))
    shapes = {"weight": SHAPE, "bias": SHAPE[:1]}
    weights = {n: random.normal(size=s, scale=0.05).astype(dtype) for n, s in shapes.items()}
    low, high = SIZES[size]
    gradients = {
        n: (random.normal(size=s) * 10.0 ** random.uniform(low, high, s)).astype(dtype)
        for n, s in shapes.items()
    }
    return weights, gradients


def not_told(readings: list[Any]) -> list[Any]:
    """What is beyond, but for Paddle's power of 0.96, which runs out (docs/divergences.md)."""
    return [r for r in beyond(readings) if r[0] != "power falling"]


def judge_all(
    backend: Backend,
    spec: Any,
    *,
    scale: float | None = None,
    wide: bool = False,
    flushed: Mapping[str, set[str]] = MappingProxyType({}),
) -> None:
    run = run_on(backend, spec, SHAPE, wide=wide)
    for size, k in PAIRS:
        weights, gradients = drawn(size, np.float64 if wide else np.float32)
        assert run.plan.ledger is not None
        trains = {r.parameter.name for r in run.plan.ledger.rows if r.trains}
        gradients = {n: g for n, g in gradients.items() if n in trains}
        averages = None
        if spec.ema is not None:
            averages = {n: (w * 0.99).astype(w.dtype) for n, w in weights.items()}
        handed = gradients
        if scale is not None:
            handed = {n: (g * scale).astype(g.dtype) for n, g in gradients.items()}
        given: dict[str, Any] = {"scale": scale, "averages": averages}
        state = state_at(spec.optimizer, k, weights, gradients, **given)
        told = not_told(judged(run, state, handed))
        assert {r[0] for r in told} == flushed.get(size, set()), (size, k, told)


def test_every_optimizer_is_within_the_bars(backend: Backend, case: str) -> None:
    versions = backend.versions()
    (flushed,) = [
        of
        for (package, begins, name), of in FLUSHED.items()
        if name == case and versions.get(package, "").startswith(begins)
    ] or [{}]
    judge_all(backend, spec_of(case), flushed=flushed)


@pytest.mark.parametrize("name", ["adamw, decay", "adamax", "nadam", "radam", "lamb, decay"])
def test_with_the_betas_of_recipes(backend: Backend, name: str) -> None:
    for betas in BETAS:
        judge_all(
            backend,
            spec_of(name, optimizer={**CASES[name][0], "lr": 1e-3, "betas": betas, "eps": 1e-8}),
        )


VARIANTS: dict[str, dict[str, Any]] = {
    "joint clip": {"clip": {"global_norm": 0.5}},
    "clip of each": {"clip": {"norm": 0.5}},
    "clip of values": {"clip": {"value": 0.3}},
    "averages": {"ema": {"decay": 0.999}},
    "multipliers": {"lr_multipliers": [{"pattern": "weight", "multiplier": 0.3}]},
    "frozen": {"freeze": {"patterns": ["bias"]}},
    "schedule": {"schedule": {"name": "cosine", "half_waves": 1}},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", ["sgd, decay", "adamw, decay", "lamb, decay", "lars, decay"])
def test_what_a_spec_adds(backend: Backend, name: str, variant: str) -> None:
    judge_all(backend, spec_of(name, **VARIANTS[variant]))


@pytest.mark.parametrize("name", ["adamw, decay", "lamb, decay", "adamax", "nadam", "radam"])
def test_betas_of_their_own(backend: Backend, name: str) -> None:
    judge_all(backend, spec_of(name, own_betas=[{"pattern": "bias", "betas": [0.5, 0.96]}]))


@pytest.mark.parametrize("scale", [1024.0, 1000.0])
@pytest.mark.parametrize("clip", [None, {"global_norm": 0.5}])
def test_unscaling(backend: Backend, scale: float, clip: dict[str, float] | None) -> None:
    """By a power of two exactly, by others with one rounding more."""
    amp = {"dtype": "float16", "loss_scale": {"init": scale}}
    judge_all(backend, spec_of("adamw, decay", amp=amp, clip=clip), scale=scale)


def test_a_skipped_update_moves_nothing(backend: Backend) -> None:
    amp = {"dtype": "float16", "loss_scale": {"init": 8.0}}
    for hold in ("hold", "advance"):
        spec = spec_of("adamw, decay", amp={**amp, "on_skip": hold}, ema={"decay": 0.9})
        run = run_on(backend, spec, SHAPE)
        weights, gradients = drawn("plain")
        state = state_at(spec.optimizer, 7, weights, gradients, scale=8.0, averages=weights)
        gradients["bias"][3] = np.inf
        readings = judged(run, state, gradients)
        assert beyond(readings) == []
        assert {r.what for r in readings} >= {"skip", "loss scale", "weight", "first_moment"}


def test_a_model_in_float64(backend: Backend, case: str) -> None:
    judge_all(backend, spec_of(case), wide=True)


def test_a_parameter_without_a_gradient_stands_still(backend: Backend) -> None:
    spec = spec_of("momentum, decay")
    run = run_on(backend, spec, SHAPE)
    weights, gradients = drawn("plain")
    state = state_at(spec.optimizer, 5, weights, gradients)
    only: dict[str, NDArray[Any]] = {"weight": gradients["weight"]}
    readings = judged(run, state, only)
    assert beyond(readings) == []
    assert any(r.tensor == "bias" and r.what == "velocity" and r.bar == 0.0 for r in readings)


def test_gradients_that_are_no_numbers_are_no_proof(backend: Backend) -> None:
    spec = spec_of("sgd")
    run = run_on(backend, spec, SHAPE)
    weights, gradients = drawn("plain")
    gradients["weight"][:] = np.nan
    readings = judged(run, state_at(spec.optimizer, 2, weights, gradients), gradients)
    outcomes = {(r.tensor, r.outcome) for r in readings if r.what == "weight"}
    assert outcomes >= {("bias", "agrees"), ("weight", "no proof")}
    assert not any(r.outcome == "differs" for r in readings)
