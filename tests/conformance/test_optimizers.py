"""Every optimizer of the spec on every backend, update by update, against the rule in float64.

The gradients are given, and the rate falls by a schedule; hyperparameters are no framework's
defaults, and large enough to show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain import Spec
from dualtrain.backend import Backend
from dualtrain.training import Run, start
from tests import builders
from tests.oracle.optimizers import Reference

Arrays = dict[str, NDArray[np.float32]]

BETAS = {"betas": [0.7, 0.95]}
COUPLED = {"value": 0.3, "kind": "coupled", "exclude": ["bias"]}
DECOUPLED = {"value": 0.3, "exclude": ["bias"]}
APART = {**DECOUPLED, "kind": "decoupled"}
"""Beside a rule that knows no decoupled decay itself."""

# name -> the optimizer, and its weight decay
CASES: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "sgd": ({"name": "sgd"}, None),
    "sgd, decay": ({"name": "sgd"}, COUPLED),
    "momentum": ({"name": "momentum", "momentum": 0.8}, None),
    "momentum, decay": ({"name": "momentum", "momentum": 0.8}, COUPLED),
    "nesterov": ({"name": "momentum", "momentum": 0.8, "nesterov": True}, None),
    "nesterov, decay": ({"name": "momentum", "momentum": 0.8, "nesterov": True}, COUPLED),
    "adam": ({"name": "adam", **BETAS, "eps": 0.01}, None),
    "adam, decay": ({"name": "adam", **BETAS, "eps": 0.01}, COUPLED),
    "adam, amsgrad": ({"name": "adam", **BETAS, "eps": 0.01, "amsgrad": True}, COUPLED),
    "adamw": ({"name": "adamw", **BETAS, "eps": 0.01}, None),
    "adamw, decay": ({"name": "adamw", **BETAS, "eps": 0.01}, DECOUPLED),
    "adamw, amsgrad": ({"name": "adamw", **BETAS, "eps": 0.01, "amsgrad": True}, DECOUPLED),
    "adamw_transformers": ({"name": "adamw_transformers", **BETAS, "eps": 0.01}, None),
    "adamw_transformers, decay": (
        {"name": "adamw_transformers", **BETAS, "eps": 0.01, "correct_bias": False},
        DECOUPLED,
    ),
    "lamb": ({"name": "lamb", **BETAS, "eps": 0.01}, None),
    "lamb, decay": ({"name": "lamb", **BETAS, "eps": 0.01}, DECOUPLED),
    "lars": ({"name": "lars", "momentum": 0.8, "coefficient": 0.3, "eps": 0.01}, None),
    "lars, decay": (
        {"name": "lars", "momentum": 0.8, "coefficient": 0.3, "eps": 0.01},
        DECOUPLED,
    ),
    "adagrad": ({"name": "adagrad", "eps": 0.01, "initial_accumulator": 0.2}, None),
    "adagrad, decay": ({"name": "adagrad", "eps": 0.01}, COUPLED),
    "adadelta": ({"name": "adadelta", "rho": 0.8, "eps": 0.01}, None),
    "adadelta, decay": ({"name": "adadelta", "rho": 0.8, "eps": 0.01}, COUPLED),
    "adamax": ({"name": "adamax", **BETAS, "eps": 0.01}, None),
    "adamax, decay": ({"name": "adamax", **BETAS, "eps": 0.01}, COUPLED),
    "nadam": ({"name": "nadam", **BETAS, "eps": 0.01, "momentum_decay": 0.1}, None),
    "nadam, decay": ({"name": "nadam", **BETAS, "eps": 0.01}, COUPLED),
    "radam": ({"name": "radam", **BETAS, "eps": 0.01}, None),
    "radam, decay": ({"name": "radam", **BETAS, "eps": 0.01}, COUPLED),
    "rmsprop": ({"name": "rmsprop", "rho": 0.8, "eps": 0.01}, None),
    "rmsprop, decay": ({"name": "rmsprop", "rho": 0.8, "eps": 0.01}, COUPLED),
    "rmsprop, momentum": ({"name": "rmsprop", "rho": 0.8, "eps": 0.01, "momentum": 0.7}, COUPLED),
    "rmsprop, centered": ({"name": "rmsprop", "rho": 0.8, "eps": 0.01, "centered": True}, None),
    "rmsprop_torch": ({"name": "rmsprop_torch", "rho": 0.8, "eps": 0.01}, COUPLED),
    "rmsprop_torch, momentum": (
        {"name": "rmsprop_torch", "rho": 0.8, "eps": 0.01, "momentum": 0.7},
        COUPLED,
    ),
    "sgd, decay apart": ({"name": "sgd"}, APART),
    "momentum, decay apart": ({"name": "momentum", "momentum": 0.8}, APART),
    "nesterov, decay apart": ({"name": "momentum", "momentum": 0.8, "nesterov": True}, APART),
    "adagrad, decay apart": ({"name": "adagrad", "eps": 0.01, "initial_accumulator": 0.2}, APART),
    "adadelta, decay apart": ({"name": "adadelta", "rho": 0.8, "eps": 0.01}, APART),
    "adamax, decay apart": ({"name": "adamax", **BETAS, "eps": 0.01}, APART),
    "nadam, decay apart": ({"name": "nadam", **BETAS, "eps": 0.01, "momentum_decay": 0.1}, APART),
    "radam, decay apart": ({"name": "radam", **BETAS, "eps": 0.01}, APART),
    "rmsprop, centered, decay apart": (
        {"name": "rmsprop", "rho": 0.8, "eps": 0.01, "momentum": 0.7, "centered": True},
        APART,
    ),
    "rmsprop_torch, momentum, decay apart": (
        {"name": "rmsprop_torch", "rho": 0.8, "eps": 0.01, "momentum": 0.7},
        APART,
    ),
    "rprop": ({"name": "rprop", "etas": [0.4, 1.3], "step_sizes": [0.06, 0.2]}, None),
}
UPDATES = 12


def spec_of(case: str, **changes: Any) -> Spec:
    optimizer, decay = CASES[case]
    usual: dict[str, Any] = {
        "optimizer": {"lr": 0.1, **optimizer},
        "schedule": {"name": "constant"}
        if "rprop" in case
        else {"name": "cosine", "half_waves": 1},
        "duration": {"updates": UPDATES},
        "weight_decay": decay,
    }
    return builders.spec_of(**usual | changes)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    """The name of a case."""
    name: str = request.param
    return name


def weights() -> Arrays:
    random = np.random.RandomState(0)
    return {
        "weight": random.randn(4, 3).astype("float32"),
        "bias": random.randn(4).astype("float32"),
    }


def gradients(count: int = UPDATES) -> Iterator[Arrays]:
    """Of every size, now and then 0. Multiples of 2^-16: float32 holds their sums exactly."""
    random = np.random.RandomState(1)
    for index in range(count):
        scale = 10.0 ** random.randint(-3, 1, (4, 3))
        weight = random.randn(4, 3) * scale * (index % 4 != 3)
        bias = random.randn(4) * (index % 3 != 2)
        yield {
            name: (np.round(values * 2**16) / 2**16).astype(np.float32)
            for name, values in (("weight", weight), ("bias", bias))
        }


def started(backend: Backend, spec: Spec) -> Run:
    model = backend.build_linear(3, 4)
    backend.load_weights(model, weights())
    return start(spec, model, micro_batches_per_epoch=1)


def step(backend: Backend, run: Run, gradient: Arrays) -> Arrays:
    """One update with a gradient of our choice; the weights after it.

    sum(c * (x W^T + b)) has the gradients c^T x and sum of c's rows: with x the unit matrix and
    a row of zeros below it, c's first rows are the weight's gradient; the last fills up the bias's.
    """
    first = gradient["weight"].T
    last = gradient["bias"] - first.sum(0)
    tensors = backend.to_device(
        {"x": np.eye(4, 3, dtype=np.float32), "c": np.vstack([first, last]).astype(np.float32)},
        run.device,
    )
    run.step((run.model(tensors["x"]) * tensors["c"]).sum())
    return backend.dump_weights(run.model)


def test_every_update_is_the_rules(backend: Backend, case: str) -> None:
    """To 3e-6 of the size of the weights after 12 updates, zero gradients among them."""
    spec = spec_of(case)
    run = started(backend, spec)
    decays = backend.effective_decay(run.optimizer, run.model)
    expected = CASES[case][1]
    assert decays == {"weight": expected["value"] if expected else 0.0, "bias": 0.0}
    rules = {n: reference(case, w, decays[n]) for n, w in weights().items()}
    for t, gradient in enumerate(gradients()):
        got = step(backend, run, gradient)
        for name, rule in rules.items():
            wanted = rule.update(gradient[name], run.plan.lr_at(t))
            np.testing.assert_allclose(got[name], wanted, rtol=3e-6, atol=3e-6)


def reference(case: str, w: NDArray[Any], decay: float) -> Reference:
    """The rule of a case, in float64."""
    spec = spec_of(case)
    return Reference(spec.optimizer.model_dump(), w, decay, apart=CASES[case][1] is APART)


def test_lambs_trust_ratio_is_1_for_weights_of_0(backend: Backend) -> None:
    """They decay, so they would have one: |w| / |r| = 0, which would hold them at 0 for ever."""
    leave_0(backend, spec_of("lamb, decay"))


def test_lars_trust_ratio_is_1_for_weights_of_0(backend: Backend) -> None:
    """Likewise, and for a gradient of 0, of which there would be none without decay."""
    leave_0(backend, spec_of("lars, decay"))


def leave_0(backend: Backend, spec: Spec) -> None:
    run = started(backend, spec)
    zeros = {name: np.zeros_like(w) for name, w in weights().items()}
    backend.load_weights(run.model, zeros)
    rule = Reference(spec.optimizer.model_dump(), zeros["weight"], decay=0.3)
    for t, gradient in enumerate(gradients(3)):
        got = step(backend, run, gradient)
        wanted = rule.update(gradient["weight"], run.plan.lr_at(t))
        np.testing.assert_allclose(got["weight"], wanted, rtol=3e-6, atol=3e-6)
    assert np.abs(rule.w).max() > 0.1


MULTIPLIED = [
    ("adamw, decay", [("weight", 0.25)]),
    ("adamw, decay", [("weight", 0.25), ("*", 3.0)]),
    ("momentum, decay", [("bias", 0.1)]),
    ("lamb, decay", [("*", 0.3)]),
    ("lars, decay", [("weight", 0.3)]),
]


@pytest.mark.parametrize(("name", "multipliers"), MULTIPLIED)
def test_multipliers_share_one_schedule_and_one_clip(
    backend: Backend, name: str, multipliers: Sequence[tuple[str, float]]
) -> None:
    """The rate in the trace is the base rate; the norm is that of all gradients; coupled decay
    comes after the clip."""
    limit, given = 0.5, [{"pattern": p, "multiplier": m} for p, m in multipliers]
    spec = spec_of(name, lr_multipliers=given, clip={"global_norm": limit})
    run = started(backend, spec)
    rates = {
        parameter: next((m for p, m in multipliers if p in (parameter, "*")), 1.0)
        for parameter in weights()
    }
    assert backend.effective_lr_multiplier(run.optimizer, run.model) == rates
    decays = {"weight": 0.3, "bias": 0.0}
    rules = {n: Reference(spec.optimizer.model_dump(), w, decays[n]) for n, w in weights().items()}
    for t, gradient in enumerate(gradients()):
        rate = run.plan.lr_at(t)
        assert backend.learning_rate(run.optimizer) == rate
        got = step(backend, run, gradient)
        norm = float(np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in gradient.values())))
        for parameter, rule in rules.items():
            clipped = gradient[parameter] * (limit / max(norm, limit))
            wanted = rule.update(clipped, rate * rates[parameter])
            np.testing.assert_allclose(got[parameter], wanted, rtol=3e-6, atol=3e-6)


WITH_BETAS = [n for n, (optimizer, decay) in CASES.items() if decay and "betas" in optimizer]


@pytest.mark.parametrize("name", WITH_BETAS)
def test_betas_of_their_own(backend: Backend, name: str) -> None:
    """And a rate beside them, by the first pattern that fits; what is read back is right for both.

    The norm of the clip is that of all gradients, however many groups there are.
    """
    limit, own = 0.5, (0.5, 0.8125)
    spec = spec_of(
        name,
        own_betas=[{"pattern": "bias", "betas": own}, {"pattern": "*", "betas": BETAS["betas"]}],
        lr_multipliers=[{"pattern": "bias", "multiplier": 0.25}],
        clip={"global_norm": limit},
    )
    run = started(backend, spec)
    decays, rates = {"weight": 0.3, "bias": 0.0}, {"weight": 1.0, "bias": 0.25}
    assert backend.effective_decay(run.optimizer, run.model) == decays
    assert backend.effective_lr_multiplier(run.optimizer, run.model) == rates
    words = {"weight": spec.optimizer.model_dump()}
    words["bias"] = {**words["weight"], "betas": own}
    apart = CASES[name][1] is APART
    rules = {n: Reference(words[n], w, decays[n], apart=apart) for n, w in weights().items()}
    usual = Reference(words["weight"], weights()["bias"])
    for t, gradient in enumerate(gradients()):
        rate = run.plan.lr_at(t)
        got = step(backend, run, gradient)
        norm = float(np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in gradient.values())))
        for parameter, rule in rules.items():
            clipped = gradient[parameter] * (limit / max(norm, limit))
            wanted = rule.update(clipped, rate * rates[parameter])
            np.testing.assert_allclose(got[parameter], wanted, rtol=3e-6, atol=3e-6)
        usual.update(gradient["bias"] * (limit / max(norm, limit)), rate * rates["bias"])
    assert np.abs(usual.w - rules["bias"].w).max() > 1e-3  # so they tell


def test_a_second_optimizer_on_the_model_inherits_nothing(backend: Backend) -> None:
    """Neither multiplier nor coupled decay of the first one; and its own the first one keeps."""
    first = spec_of("sgd, decay", lr_multipliers=[{"pattern": "weight", "multiplier": 8.0}])
    run, plain = started(backend, first), spec_of("sgd")
    (gradient,) = gradients(1)
    step(backend, run, gradient)
    backend.load_weights(run.model, weights())
    second = start(plain, run.model, micro_batches_per_epoch=1)
    assert backend.effective_decay(second.optimizer, run.model) == {"weight": 0.0, "bias": 0.0}
    after = step(backend, second, gradient)
    np.testing.assert_allclose(after["weight"], weights()["weight"] - 0.1 * gradient["weight"])
    held = backend.effective_lr_multiplier(run.optimizer, run.model)
    assert held == {"weight": 8.0, "bias": 1.0}


def test_the_state_has_the_same_names_whatever_was_built_before(
    backend: Backend, case: str
) -> None:
    """A checkpoint of one process can be read in another."""
    names = []
    (gradient,) = gradients(1)
    run = started(backend, spec_of(case))
    for _ in range(2):
        again = start(run.plan.spec, run.model, micro_batches_per_epoch=1)
        step(backend, again, gradient)
        names.append(sorted(again.optimizer.state_dict()))
    assert names[0] == names[1]


def test_the_edge_below_which_nothing_decays(backend: Backend) -> None:
    """That of `dualtrain.plan.decay_note`: lr wd = 2^-25 leaves every weight as it is, in float32;
    ten times as much does not."""
    still = {"weight": np.zeros((4, 3), np.float32), "bias": np.zeros(4, np.float32)}
    for factor, same in ((1.0, True), (10.0, False)):
        optimizer = {"name": "adamw", "lr": 2.0**-25 * factor}
        run = started(backend, spec_of("adamw", optimizer=optimizer, weight_decay={"value": 1.0}))
        after = step(backend, run, still)
        assert [bool((after[n] == w).all()) for n, w in weights().items()] == [same, same]
