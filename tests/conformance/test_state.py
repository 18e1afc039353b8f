"""The state of a run: taken and given back, the run goes on to the bit as if nothing had been."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain import Spec
from dualtrain.backend import Backend
from dualtrain.errors import CheckpointError, PlanError
from dualtrain.state import RunState, TensorState
from dualtrain.training import Run, start
from tests import builders
from tests.conformance.test_optimizers import CASES, case

__all__ = ["case"]

pytestmark = pytest.mark.usefixtures("without_autocast")

PLATEAU = builders.PLATEAU | {"threshold_mode": "abs", "cooldown": 1}
FLOAT16 = {"dtype": "float16", "loss_scale": {"init": 8.0, "growth_interval": 2}}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "clip": {"clip": {"global_norm": 0.05}, "warmup": {"steps": 3}},
    "ema": {"ema": {"decay": 0.8, "warmup": True}},
    "plateau": {"schedule": PLATEAU},
    "loss scale": {"amp": {**FLOAT16, "level": "O1"}},
    "masters": {"amp": {"dtype": "bfloat16", "level": "O2"}, "ema": {"decay": 0.8}},
    "groups": {
        "batch": {"accumulate": 2},
        "lr_multipliers": [{"pattern": "bias", "multiplier": 0.5}],
    },
    "own betas": {"own_betas": [{"pattern": "bias", "betas": [0.5, 0.9]}]},
}
ONE_RATE = ("clip", "plateau", "groups")
"""What is not for rprop, which has one rate, for ever."""
OTHERS = [variant for variant in VARIANTS if variant not in ("plain", "masters", "own betas")]
OF_BETAS = ("adamw", "adamw_transformers", "lamb, decay", "adamax", "nadam", "radam, decay apart")
"""Where parameters have betas of their own."""
RUNS = [
    (case, variant)
    for index, case in enumerate(CASES)
    for variant in VARIANTS
    if variant not in OTHERS or case == "adamw" or variant == OTHERS[index % len(OTHERS)]
    if not ("rprop" in case and variant in ONE_RATE)
    if variant != "own betas" or case in OF_BETAS
]
"""Every rule plain and with masters, and with one of the others in turn; AdamW with all of them."""
BEFORE, AFTER = 4, 5

KEPT: dict[str, set[str]] = {
    "sgd": set(),
    "momentum": {"velocity"},
    "nesterov": {"velocity"},
    "adam": {"first_moment", "second_moment", "step"},
    "adamw": {"first_moment", "second_moment", "step"},
    "adamw_transformers": {"first_moment", "second_moment", "step"},
    "lamb": {"first_moment", "second_moment", "step"},
    "lars": {"velocity"},
    "adagrad": {"sum_of_squares"},
    "adadelta": {"second_moment", "second_moment_of_updates"},
    "adamax": {"first_moment", "largest_gradient", "step"},
    "nadam": {"first_moment", "second_moment", "momentum_product", "step"},
    "radam": {"first_moment", "second_moment", "step"},
    "rmsprop": {"second_moment", "velocity"},
    "rmsprop_torch": {"second_moment"},
    "rmsprop_torch, momentum": {"second_moment", "velocity"},
    "rprop": {"last_gradient", "step_size"},
    "adam, amsgrad": {"first_moment", "second_moment", "largest_second_moment", "step"},
    "adamw, amsgrad": {"first_moment", "second_moment", "largest_second_moment", "step"},
    "rmsprop, centered": {"first_moment", "second_moment", "velocity"},
}
"""Case, or how it begins -> the neutral names of what its rule keeps of a parameter."""


def spec_of(case: str, variant: str = "plain", **changes: Any) -> Spec:
    optimizer, decay = CASES[case]
    usual: dict[str, Any] = {
        "optimizer": {"lr": 0.1, **optimizer},
        "duration": {"updates": 100},
        "weight_decay": decay,
    }
    return builders.spec_of(**usual | VARIANTS[variant] | changes)


def started(
    backend: Backend, spec: Spec, *, seed: int = 0, micro_batches: int = 10, wide: bool = False
) -> Run:
    """A run on a Linear of random weights; wide: in float64."""
    model = backend.build_linear(3, 2)
    random = np.random.default_rng(seed)
    shapes = {"weight": (2, 3), "bias": (2,)}
    backend.load_weights(
        model, {n: random.normal(size=s).astype(np.float32) for n, s in shapes.items()}
    )
    model = backend.widened(model) if wide else model
    return start(spec, model, micro_batches_per_epoch=micro_batches)


def loss_of(run: Run, index: int) -> Any:
    """A sum over the parameters, curved, of which each index has its own; in float32."""
    terms = []
    for position, parameter in enumerate(run.model.parameters()):
        wide = run.backend.scaled(parameter, 1.0)
        terms.append(((wide - (index + position) % 3) ** 2).sum() * ((index % 4) - 1.5))
    return sum(terms)


def go_on(run: Run, first: int, updates: int) -> list[Any]:
    """What is seen of some updates: their rates and scales, and the weights after each."""
    seen: list[Any] = []
    index = first
    while len(seen) < updates:
        done = run.step(loss_of(run, index))
        index += 1
        if done is None:
            continue
        if run.plan.spec.schedule.name == "reduce_on_plateau":
            run.report(1.0 + (done.attempt % 3))
        seen.append((done.attempt, done.t, done.lr, done.loss_scale, held(run)))
    return seen


def held(run: Run) -> dict[str, NDArray[Any]]:
    """The weights, and the averages."""
    with run.averaged():
        averages = {f"ema/{n}": a for n, a in run.backend.dump_weights(run.model).items()}
    return {**run.backend.dump_weights(run.model), **averages}


def flat(state: RunState) -> dict[str, Any]:
    return {**state.scalars(), **{n: a.tolist() for n, a in state.arrays().items()}}


@pytest.mark.parametrize(("case", "variant"), RUNS, indirect=["case"])
def test_a_run_restored_goes_on_to_the_bit(backend: Backend, case: str, variant: str) -> None:
    """In a run that begins, of other weights; and in the one that has gone on since."""
    spec = spec_of(case, variant)
    size = spec.batch.accumulate
    run = started(backend, spec)
    go_on(run, 0, BEFORE)
    state = run.state()
    expected = go_on(run, BEFORE * size, AFTER)
    at_the_end = run.state()
    fresh = started(backend, spec, seed=1)
    for other in (fresh, run):
        other.restore(state)
        assert flat(other.state()) == flat(state)
        np.testing.assert_equal(go_on(other, BEFORE * size, AFTER), expected)
        assert flat(other.state()) == flat(at_the_end)


def test_a_run_in_float64_goes_on_to_the_bit(backend: Backend, case: str) -> None:
    spec = spec_of(case)
    run = started(backend, spec, wide=True)
    go_on(run, 0, BEFORE)
    state = run.state()
    assert {w.dtype for w in state.tensors.weights.values()} == {np.dtype(np.float64)}
    expected = go_on(run, BEFORE, AFTER)
    at_the_end = run.state()
    for other in (started(backend, spec, seed=1, wide=True), run):
        other.restore(state)
        assert flat(other.state()) == flat(state)
        np.testing.assert_equal(go_on(other, BEFORE, AFTER), expected)
        assert flat(other.state()) == flat(at_the_end)
        types = [t.optimizer for t in (other.state().tensors, at_the_end.tensors)]
        now, then = ({n: {w: a.dtype for w, a in k.items()} for n, k in o.items()} for o in types)
        assert now == then


def test_what_a_rule_keeps_has_the_same_names_everywhere(backend: Backend, case: str) -> None:
    run = started(backend, spec_of(case))
    assert run.state().tensors.optimizer == {}
    go_on(run, 0, 3)
    state = run.state()
    expected = KEPT.get(case.removesuffix(", decay apart")) or KEPT[case.split(",")[0]]
    kept: Mapping[str, Any] = state.tensors.optimizer or {"weight": {}, "bias": {}}
    assert {name: set(arrays) for name, arrays in kept.items()} == {
        "weight": expected,
        "bias": expected,
    }
    for name, arrays in state.tensors.optimizer.items():
        for what, array in arrays.items():
            number = what in ("step", "momentum_product")
            assert array.shape == (() if number else state.tensors.weights[name].shape), what
            assert array.dtype == (np.int64 if what == "step" else np.float32)
        assert "step" not in arrays or arrays["step"] == 3


def test_steps_are_counted_for_as_long_as_it_matters(backend: Backend) -> None:
    """Paddle keeps powers of the betas, from which the number is found."""
    run = started(backend, spec_of("adamw", duration={"updates": 10000}))
    for _ in range(1500):
        run.step(sum((p * p).sum() for p in run.model.parameters()))
    steps = {int(arrays["step"]) for arrays in run.state().tensors.optimizer.values()}
    assert steps == {1500}


def test_before_the_first_update_there_is_a_state(backend: Backend, case: str) -> None:
    """A run that has gone on is put back to its beginning."""
    run = started(backend, spec_of(case, "ema"))
    state = run.state()
    expected = go_on(run, 0, 3)
    run.restore(state)
    np.testing.assert_equal(go_on(run, 0, 3), expected)


def test_arrays_and_scalars_are_the_whole_state(backend: Backend) -> None:
    """By flat names and as JSON: what a file holds."""
    spec = spec_of("adamw", "ema", schedule=PLATEAU, amp={**FLOAT16, "level": "O1"})
    run = started(backend, spec)
    go_on(run, 0, BEFORE)
    state = run.state()
    scalars = json.loads(json.dumps(state.scalars(), allow_nan=False))
    again = RunState.joined(state.arrays(), scalars)
    assert flat(again) == flat(state)
    assert (again.loss_scale, again.plateau) == (state.loss_scale, state.plateau)
    assert {
        "weights/bias",
        "optimizer/first_moment/weight",
        "averages/bias",
    } <= state.arrays().keys()
    expected = go_on(run, BEFORE, AFTER)
    other = started(backend, spec, seed=1)
    other.restore(again)
    np.testing.assert_equal(go_on(other, BEFORE, AFTER), expected)


def test_a_state_is_a_copy(backend: Backend) -> None:
    run = started(backend, spec_of("adamw", "ema"))
    go_on(run, 0, 2)
    state = run.state()
    before = flat(state)
    go_on(run, 2, 2)
    assert flat(state) == before


def test_a_parameter_that_was_not_updated_has_no_state(backend: Backend) -> None:
    run = started(backend, spec_of("adamw"))
    state = run.state()
    run.step((run.model.weight * 2.0).sum())
    assert set(run.state().tensors.optimizer) == {"weight"}
    part = run.state()
    expected = go_on(run, 0, 3)
    run.restore(part)
    np.testing.assert_equal(go_on(run, 0, 3), expected)
    run.restore(state)
    assert run.state().tensors.optimizer == {}


def test_dropout_draws_what_it_would_have_drawn(backend: Backend) -> None:
    """The random state of the framework is in it, whatever the process has drawn since."""
    runs = [started(backend, spec_of("sgd"), seed=s) for s in (0, 1)]
    drawn = []
    state = runs[0].state()
    if backend.versions().get("paddlepaddle", "").startswith("2."):
        assert not any(name.startswith("random/") for name in state.tensors.own)
        pytest.skip("came with Paddle 3: a random state that can be read")
    for run in (runs[0], runs[1]):
        run.restore(state)
        drawn.append(backend.to_numpy(random_numbers(backend)))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (backend.to_numpy(random_numbers(backend)) != drawn[0]).any()


def random_numbers(backend: Backend) -> Any:
    """The weights of a new layer: every framework draws them."""
    return backend.build_linear(4, 4).weight


def test_the_place_in_the_epoch_is_restored(backend: Backend) -> None:
    """5 micro-batches in groups of 2: after three updates the next epoch begins."""
    spec = spec_of("sgd", batch={"accumulate": 2})
    run = started(backend, spec, micro_batches=5)
    go_on(run, 0, 2)
    state = run.state()
    assert (state.t, state.epoch, state.micro_batch) == (2, 0, 4)
    other = started(backend, spec, micro_batches=5)
    other.restore(state)
    assert other.step(loss_of(other, 4)) is not None  # the short group
    assert (other.state().epoch, other.state().micro_batch) == (1, 0)


def test_inside_a_group_there_is_no_state(backend: Backend) -> None:
    run = started(backend, spec_of("sgd", batch={"accumulate": 2}))
    run.step(loss_of(run, 0))
    received = "1 of a group's 2 micro-batches made$"
    with pytest.raises(PlanError, match=rf"between two updates.* Received: {received}"):
        run.state()
    run.step(loss_of(run, 1))
    run.state()
    averaged = started(backend, spec_of("sgd", "ema"))
    state = averaged.state()
    with averaged.averaged():
        for call in (averaged.state, lambda: averaged.restore(state)):
            with pytest.raises(PlanError, match=r"Received: a call in averaged\(\)"):
                call()


def test_in_a_tail_that_is_dropped_there_is_one(backend: Backend) -> None:
    spec = spec_of("sgd", batch={"accumulate": 2, "tail": "drop"})
    run = started(backend, spec, micro_batches=4 + 1)
    go_on(run, 0, 2)
    assert run.state().micro_batch == 4


def test_a_group_that_broke_off_is_forgotten(backend: Backend) -> None:
    """Restoring is for what went wrong, too: what was accumulated does not leak."""
    run = started(backend, spec_of("sgd", batch={"accumulate": 2}))
    state = run.state()
    expected = go_on(run, 0, 2)
    run.step(loss_of(run, 7))
    run.restore(state)
    np.testing.assert_equal(go_on(run, 0, 2), expected)


STRANGE: dict[str, tuple[dict[str, Any], str]] = {
    "optimizer": ({"rule": "sgd"}, "Optimizer: expected adamw. Received: sgd"),
    "amsgrad": ({"rule": "adamw, amsgrad"}, "expected adamw. Received: adamw, amsgrad"),
    "averages": (
        {"averages": {"bias": np.zeros(2)}},
        r"Averages: expected \[\]. Received: \['bias'\]",
    ),
    "place": (
        {"micro_batch": 10},
        "Place in the epoch: expected at most 9. Received: at most 10",
    ),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_state_of_another_kind_of_run_is_refused(backend: Backend, what: str) -> None:
    changes, message = STRANGE[what]
    run = started(backend, spec_of("adamw"))
    go_on(run, 0, 2)
    before = flat(run.state())
    with pytest.raises(PlanError, match=message):
        run.restore(replace(run.state(), **changes))
    assert flat(run.state()) == before


def test_a_state_of_another_model_is_refused(backend: Backend) -> None:
    run = started(backend, spec_of("adamw"))
    go_on(run, 0, 2)
    state = run.state()
    narrow = TensorState(weights={"weight": np.zeros((1, 3), np.float32)})
    with pytest.raises(CheckpointError, match=r"bias: .*nothing\nweight: .* shape \(1, 3\)"):
        run.restore(replace(state, tensors=narrow))
    strange = replace(state.tensors, optimizer={"gone": {}})
    with pytest.raises(PlanError, match=r"do not train: expected \[\]. Received: \['gone'\]"):
        run.restore(replace(state, tensors=strange))
    kept = {"bias": {"first_moment": np.zeros(3, np.float32)}}
    with pytest.raises(PlanError, match=r"another shape: expected \[\]. Received: \['bias'\]"):
        run.restore(replace(state, tensors=replace(state.tensors, optimizer=kept)))
    assert flat(run.state()) == flat(state)
