"""Clipping on every backend, against numpy: each kind, at its boundary, of nothing, of a part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain.backend import Backend
from dualtrain.training import AppliedUpdate, start
from tests.builders import spec_of

Gradients = dict[str, NDArray[np.float32]]

WEIGHT: NDArray[np.float32] = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]], np.float32)
BIAS: NDArray[np.float32] = np.array([0.1, -0.2], np.float32)
KINDS = ("global_norm", "norm", "value")


def gradients(scale: float = 1.0) -> Gradients:
    """Of norm 5 both, so 7.07... together."""
    weight = np.array([[3.0, 0.0, 0.0], [0.0, -4.0, 0.0]], np.float32)
    return {"weight": weight * np.float32(scale), "bias": np.array([-4.0, 3.0], np.float32)}


def updated(
    backend: Backend,
    given: Gradients,
    clip: dict[str, Any] | None,
    measure: bool = True,
    **changes: Any,
) -> tuple[Gradients, AppliedUpdate]:
    """The weights after one update with these gradients, and what was measured.

    Three samples, the rows of the identity: the weight's gradient is that of the outputs.
    """
    optimizer = {"name": "adamw", "lr": 0.1, "eps": 1.0}
    spec = spec_of(optimizer=optimizer, duration={"updates": 1}, clip=clip, **changes)
    model = backend.build_linear(3, 2)
    backend.load_weights(model, {"weight": WEIGHT, "bias": BIAS})
    run = start(spec, model, micro_batches_per_epoch=1, measure=measure)
    outputs = given["weight"].T
    arrays = {"x": np.eye(3, dtype=np.float32), "outputs": outputs.copy()}
    arrays["bias"] = given["bias"] - outputs.sum(0)
    tensors = backend.to_device(arrays, run.device)
    loss = (run.model(tensors["x"]) * tensors["outputs"]).sum()
    done = run.step(loss + (run.model.bias * tensors["bias"]).sum(), divisor=1)
    assert done is not None
    return backend.dump_weights(run.model), done


def clipped(given: Gradients, kind: str, c: float) -> Gradients:
    """The formula, in float64."""
    wide = {name: g.astype(np.float64) for name, g in given.items()}
    together = joint_norm(given)
    if kind == "value":
        found = {name: np.clip(g, -c, c) for name, g in wide.items()}
    elif kind == "norm":
        found = {name: g * c / max(float(np.linalg.norm(g)), c) for name, g in wide.items()}
    else:
        found = {name: g * c / max(together, c) for name, g in wide.items()}
    return {name: g.astype(np.float32) for name, g in found.items()}


def joint_norm(given: Gradients) -> float:
    return float(np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in given.values())))


def assert_equal(a: Gradients, b: Gradients) -> None:
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("c", [0.02, 3.5, 6.0])
def test_the_optimizer_gets_what_the_formula_says(backend: Backend, kind: str, c: float) -> None:
    """It steps as it does, without a clip, with gradients that numpy has clipped."""
    given = gradients(scale=2.0)
    after, done = updated(backend, given, {kind: c})
    expected, _ = updated(backend, clipped(given, kind, c), None)
    for name in after:
        np.testing.assert_allclose(after[name], expected[name], rtol=1e-6)
    measured = backend.numbers([done.grad_norm, done.clipped_norm])
    norms = [joint_norm(given), joint_norm(clipped(given, kind, c))]
    assert measured == pytest.approx(norms, rel=1e-6)


@pytest.mark.parametrize("kind", ["global_norm", "norm"])
@pytest.mark.parametrize("c", [2e-6, 0.02, 7.0, 5.0 + 5e-7])
@pytest.mark.parametrize("measure", [True, False])
def test_by_torchs_rule_the_gradients_are_those_of_clip_grad_norm_(
    backend: Backend, kind: str, c: float, measure: bool
) -> None:
    """min(1, c / (norm + 1e-6)) in numpy; torch's own function is asked in `tests/parity`.

    At norm 5 and 5.0000005 it acts, though the norm is below the limit.
    """
    given = gradients()
    clip = {kind: c, "rule": "torch"}
    after, done = updated(backend, given, clip, measure=measure)
    norms = {n: float(np.linalg.norm(g.astype(np.float64))) for n, g in given.items()}
    if kind == "global_norm":
        norms = dict.fromkeys(norms, joint_norm(given))
    by_hand = {
        n: (g * min(1.0, c / (norms[n] + 1e-6))).astype(np.float32) for n, g in given.items()
    }
    expected, _ = updated(backend, by_hand, None)
    for name in after:
        np.testing.assert_allclose(after[name], expected[name], rtol=1e-6)
    if measure:
        assert backend.numbers([done.clipped_norm]) == pytest.approx(
            [joint_norm(by_hand)], rel=1e-6
        )


@pytest.mark.parametrize(("kind", "c"), [("global_norm", 5.0), ("norm", 5.0), ("value", 4.0)])
def test_at_the_boundary_nothing_changes(backend: Backend, kind: str, c: float) -> None:
    """Norm or value exactly c: not one bit. torch's own clip would shrink by 1e-6 / c."""
    given = gradients()
    given["bias"] *= np.float32(kind != "global_norm")
    after, done = updated(backend, given, {kind: c})
    assert_equal(after, updated(backend, given, None)[0])
    before_and_after = backend.numbers([done.grad_norm, done.clipped_norm])
    assert before_and_after[0] == before_and_after[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("c", [1e-30, 1.0, 1e30])
def test_a_zero_gradient_stays_zero(backend: Backend, kind: str, c: float) -> None:
    """Not 0 / 0: at the least and the largest threshold too."""
    after, done = updated(backend, {"weight": WEIGHT * 0, "bias": BIAS * 0}, {kind: c})
    assert_equal(after, {"weight": WEIGHT, "bias": BIAS})
    assert backend.numbers([done.grad_norm, done.clipped_norm]) == [0.0, 0.0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_parameter_is_not_counted(backend: Backend, kind: str) -> None:
    """Its gradient would be ten times the weight's; the weight is clipped as if it were alone."""
    given = gradients()
    given["bias"] *= np.float32(10.0)
    freeze = {"patterns": ["bias"], "batch_stats": "train"}
    after, done = updated(backend, given, {kind: 2.0}, freeze=freeze)
    alone = clipped({"weight": given["weight"]}, kind, 2.0)
    expected, _ = updated(backend, alone | {"bias": given["bias"]}, None, freeze=freeze)
    np.testing.assert_allclose(after["weight"], expected["weight"], rtol=1e-6)
    np.testing.assert_array_equal(after["bias"], BIAS)
    assert backend.numbers([done.grad_norm]) == pytest.approx([5.0], rel=1e-6)


def test_norm_is_per_tensor_and_global_norm_is_not(backend: Backend) -> None:
    """A weight's gradient ten times the bias's: alone, only the weight's is clipped."""
    given = gradients(scale=10.0)
    per_tensor, _ = updated(backend, given, {"norm": 5.0})
    unclipped, _ = updated(backend, given, None)
    jointly, _ = updated(backend, given, {"global_norm": 5.0})
    np.testing.assert_array_equal(per_tensor["bias"], unclipped["bias"])
    assert not np.array_equal(jointly["bias"], unclipped["bias"])
    assert not np.array_equal(per_tensor["weight"], unclipped["weight"])
