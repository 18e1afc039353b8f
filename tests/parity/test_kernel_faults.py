"""Faults of Paddle's kernels that runs must not have: against numpy, in whole runs.

That the native kernels still have them is shown, too: a workaround no longer needed fails.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import paddle
import pytest

from benchmarks.kernels import in_paddle
from benchmarks.kernels.families import FAMILIES
from benchmarks.kernels.oracle import derivatives
from benchmarks.kernels.run import probe
from dualtrain import Spec, build_optimizer, fit, start
from dualtrain.errors import DataError
from dualtrain_paddle import cross_entropy_sum
from tests import builders

CASES = {case.name: case for cases in FAMILIES.values() for case in cases}
RANDOM = np.random.default_rng(5)
X = RANDOM.standard_normal((4, 3)).astype(np.float32)
LABELS = np.array([0, 1, 1, 0])


def spec_of(*frozen: str) -> Spec:
    return builders.spec_of(
        optimizer={"name": "sgd", "lr": 0.1},
        duration={"updates": 1},
        freeze={"patterns": list(frozen)} if frozen else None,
    )


class Normed(paddle.nn.Layer):
    """x A, normalised, times B: what is below the norm trains."""

    def __init__(self, norm: Any = None) -> None:
        super().__init__()
        self.below = paddle.nn.Linear(3, 5, bias_attr=False)
        self.norm = paddle.nn.LayerNorm(5) if norm is None else norm
        self.above = paddle.nn.Linear(5, 2, bias_attr=False)
        random = np.random.default_rng(6)
        for parameter in self.parameters():
            if not parameter.name.endswith(("_mean", "_variance")):
                parameter.set_value(random.standard_normal(parameter.shape).astype("float32"))

    def forward(self, x: Any) -> Any:
        return self.above(self.norm(self.below(x)))


class OwnNorm(paddle.nn.Layer):
    """A norm of one's own, by the function."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = self.create_parameter([5])
        self.beta = self.create_parameter([5], is_bias=True)

    def forward(self, x: Any) -> Any:
        return paddle.nn.functional.layer_norm(x, [5], self.gamma, self.beta, 1e-5)


def expected(model: Normed) -> dict[str, Any]:
    """The mean loss's gradients, from the formula."""
    below, weight, bias, above = (
        p.numpy().astype(np.float64)
        for p in (model.below.weight, *model.norm.parameters()[:2], model.above.weight)
    )

    def loss(below: Any, weight: Any, bias: Any, above: Any) -> Any:
        h = X.astype(np.float64) @ below
        d = h - h.mean(-1, keepdims=True)
        y = (d / np.sqrt((d * d).mean(-1, keepdims=True) + 1e-5) * weight + bias) @ above
        log_p = y - np.log(np.exp(y).sum(-1, keepdims=True))
        return -log_p[np.arange(4), LABELS].mean()

    inputs = {"below": below, "weight": weight, "bias": bias, "above": above}
    found = derivatives(loss, inputs, {}, list(inputs), [np.array(1.0)], 99)
    gradients = {}
    for name, at in found.items():
        gradients[name] = np.empty(inputs[name].size)
        gradients[name][at.where] = at.values
    return gradients


def norm_of(*gradients: Any) -> float:
    return float(np.sqrt(sum((g * g).sum() for g in gradients)))


def trained(model: Any, spec: Spec) -> Any:
    """One update, with its gradients' norm."""
    run = start(spec, model, micro_batches_per_epoch=1, measure=True)
    loss = cross_entropy_sum(run.model(paddle.to_tensor(X)), paddle.to_tensor(LABELS))
    return run.step(loss, divisor=4)


@pytest.mark.parametrize("make", [Normed, lambda: Normed(OwnNorm())], ids=["LayerNorm", "own"])
@pytest.mark.parametrize("still", ["weight", "both"])
@pytest.mark.parametrize("by", ["spec", "model"])
def test_what_is_below_a_frozen_norm_gets_its_gradient(make: Any, still: str, by: str) -> None:
    model = make()
    right = expected(model)
    names = [name for name, _ in model.norm.named_parameters()][: 1 if still == "weight" else 2]
    if by == "model":
        for name in names:
            getattr(model.norm, name).stop_gradient = True
    spec = spec_of(*[f"norm.{name}" for name in names] if by == "spec" else [])
    before = model.below.weight.numpy()
    update = trained(model, spec)

    trains = [right["below"], right["above"], *([right["bias"]] if still == "weight" else [])]
    assert float(update.grad_norm) == pytest.approx(norm_of(*trains), rel=1e-5)
    moved = (before - model.below.weight.numpy()) / 0.1
    np.testing.assert_allclose(moved.ravel(), right["below"], rtol=1e-4, atol=1e-6)
    assert all(getattr(model.norm, name).grad is None for name in names)


def test_the_stand_ins_leave_nothing_behind() -> None:
    """No other names, states or attributes; a copy is right, too; a thawed norm is plain again."""
    model = Normed()
    names, attributes = [*model.state_dict()], set(vars(model.norm))
    build_optimizer(spec_of("norm.*"), model)
    model(paddle.to_tensor(X)).sum().backward()

    mark = {"dualtrain_frozen"}  # of what stands still, for a later spec that thaws it
    assert ([*model.state_dict()], set(vars(model.norm)) - mark) == (names, attributes)
    assert model.norm.weight is model.norm._parameters["weight"]
    twin = copy.deepcopy(model)
    right = norm_of(expected(twin)["below"], expected(twin)["above"])
    assert float(trained(twin, spec_of("norm.*")).grad_norm) == pytest.approx(right, rel=1e-5)
    build_optimizer(spec_of(), model)
    assert not model.norm._forward_pre_hooks and not model.norm._forward_post_hooks
    right = norm_of(*expected(model).values())
    assert float(trained(model, spec_of()).grad_norm) == pytest.approx(right, rel=1e-5)


def test_a_forward_pass_that_broke_off_leaves_nothing_that_counts() -> None:
    model = Normed()
    build_optimizer(spec_of("norm.*"), model)
    with pytest.raises(ValueError):
        model.norm(model.below(paddle.to_tensor(X))[:, :4])
    right = norm_of(expected(model)["below"], expected(model)["above"])
    assert float(trained(model, spec_of("norm.*")).grad_norm) == pytest.approx(right, rel=1e-5)
    assert model.norm.weight is model.norm._parameters["weight"]


def test_a_backward_pass_ends_before_what_is_frozen() -> None:
    """With everything below frozen, too, nothing asks for a gradient there."""
    model = Normed()
    build_optimizer(spec_of("below.*", "norm.*"), model)
    assert model.norm(model.below(paddle.to_tensor(X))).stop_gradient


@pytest.mark.parametrize(("still", "trains"), [("weight", "bias"), ("bias", "weight")])
def test_half_a_batch_norm_may_stand_still(still: str, trains: str) -> None:
    """The gradient of the bias is the sum over the batch, that of the weight with x normalised."""
    model = Normed(paddle.nn.BatchNorm1D(5))
    build_optimizer(spec_of(f"norm.{still}"), model)
    hidden = model.below(paddle.to_tensor(X)).numpy().astype(np.float64)
    up = RANDOM.standard_normal((4, 5)).astype(np.float32)
    (model.norm(model.below(paddle.to_tensor(X))) * paddle.to_tensor(up)).sum().backward()
    d = hidden - hidden.mean(0)
    right = {"bias": up.sum(0), "weight": (up * d / np.sqrt((d * d).mean(0) + 1e-5)).sum(0)}

    found = getattr(model.norm, trains).grad.numpy()
    np.testing.assert_allclose(found, right[trains], rtol=1e-4, atol=1e-5)
    assert getattr(model.norm, still).grad is None


@pytest.mark.parametrize(("still", "trains"), [("scale", "bias"), ("bias", "scale")])
def test_half_an_instance_norm_may_stand_still(still: str, trains: str) -> None:
    """The same sums, over the positions of each sample."""
    model = paddle.nn.Sequential(paddle.nn.Conv1D(3, 2, 1), paddle.nn.InstanceNorm1D(2))
    build_optimizer(spec_of(f"1.{still}"), model)
    images = paddle.to_tensor(RANDOM.standard_normal((4, 3, 6)).astype(np.float32))
    hidden = model[0](images).numpy().astype(np.float64)
    up = RANDOM.standard_normal((4, 2, 6)).astype(np.float32)
    (model(images) * paddle.to_tensor(up)).sum().backward()
    d = hidden - hidden.mean(2, keepdims=True)
    h = d / np.sqrt((d * d).mean(2, keepdims=True) + 1e-5)
    right = {"bias": up.sum((0, 2)), "scale": (up * h).sum((0, 2))}

    found = getattr(model[1], trains).grad.numpy()
    np.testing.assert_allclose(found, right[trains], rtol=1e-4, atol=1e-5)
    assert getattr(model[1], still).grad is None


def test_a_recurrent_layer_may_stand_still() -> None:
    """Paddle's own raises; what is below gets the gradient that it has when all train."""
    found = []
    for frozen in ((), ("weight_ih_l0",)):
        layer = in_paddle.CALLS["LSTM, dualtrain"]
        random = np.random.default_rng(7)
        shapes = {"x": (2, 3, 2), "weight_ih_l0": (8, 2), "weight_hh_l0": (8, 2)}
        shapes |= {"bias_ih_l0": (8,), "bias_hh_l0": (8,)}
        leaves = [
            in_paddle.leaf(random.standard_normal(shape), "float32", name not in frozen)
            for name, shape in shapes.items()
        ]
        layer(*leaves).sum().backward()
        found.append(leaves[0].grad.numpy())
    np.testing.assert_array_equal(*found)


def test_a_batch_norm_of_one_element_is_refused_in_training_only() -> None:
    model = Normed(paddle.nn.BatchNorm1D(5))
    run = start(spec_of(), model, micro_batches_per_epoch=1)
    one = paddle.to_tensor(X[:1])
    with pytest.raises(DataError, match=r"more than one element .* Received: .*\(1, 5\) for 5"):
        run.model(one)
    run.model.eval()
    assert run.model(one).shape == [1, 2]


@pytest.mark.parametrize(
    "logits", [[0.0, 63.5, 1.0], [0.0, 64.5, 1.0], [0.0, 100.0, 1.0], [-1e4, 3.0, 1e4]]
)
@pytest.mark.parametrize("soft", [False, True])
def test_a_loss_beyond_64(logits: list[float], soft: bool) -> None:
    """log sum exp - the label's logit: 63.5 and 64.5, 100, and 20000."""
    model = paddle.nn.Linear(1, 3, bias_attr=False)
    model.weight.set_value(np.array([logits], np.float32))
    labels: Any = np.array([[1.0, 0.0, 0.0]], np.float32) if soft else np.array([0])
    batch = {"input": np.ones((1, 1), np.float32), "labels": labels}
    (update,) = fit(spec_of(), model, [{**batch, "x": batch["input"]}])
    assert update.loss == pytest.approx(max(logits) - logits[0], rel=1e-6)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("layer_norm", "4 x 6"),
        ("batch_norm", "5 x 4"),
        ("log_softmax", "0, 100, 1"),
        ("cross_entropy", "0, 100, 1"),
    ],
)
def test_the_native_kernel_is_still_off(name: str, kind: str) -> None:
    case = replace(CASES[name], inputs={kind: CASES[name].inputs[kind]})
    (result,) = probe(case, in_paddle, ["float32"])
    assert result.verdict == "off"
