"""ParamAttr on a user's Paddle model: the run does what Paddle's own optimizer does with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import pytest
import torch
from paddle import ParamAttr
from paddle.regularizer import L1Decay, L2Decay

import dualtrain_paddle
import dualtrain_torch
from dualtrain import Spec, build_optimizer, fit
from dualtrain.errors import LedgerError
from dualtrain.optimizers import Rprop
from dualtrain.parity import compare
from dualtrain.trace import read_trace
from tests import builders
from tests.oracle.optimizers import Reference

RANDOM = np.random.default_rng(0)
START = RANDOM.normal(size=(3, 5)).astype("float32"), RANDOM.normal(size=(5, 4)).astype("float32")
BATCH = {"x": RANDOM.normal(size=(4, 3)).astype("float32"), "labels": np.array([0, 3, 1, 2])}
LR, DECAY = 0.05, 0.1

told = pytest.mark.filterwarnings("ignore:the model itself decides")
marked = pytest.mark.filterwarnings("ignore:the model marks parameters as ones without")


class Net(paddle.nn.Layer):
    """Two layers; the first one's weight has the attributes."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        self.body = paddle.nn.Linear(3, 5, weight_attr=ParamAttr(**attributes))
        self.fc = paddle.nn.Linear(5, 4)
        self.body.weight.set_value(START[0])
        self.fc.weight.set_value(START[1])

    def forward(self, x: Any) -> Any:
        return self.fc(paddle.tanh(self.body(x)))


Make = Callable[..., Any]
NATIVE: dict[str, tuple[dict[str, Any], Make]] = {
    "sgd": ({}, lambda **k: paddle.optimizer.SGD(LR, **k)),
    "momentum": ({"momentum": 0.9}, lambda **k: paddle.optimizer.Momentum(LR, 0.9, **k)),
    "adam": ({}, lambda **k: paddle.optimizer.Adam(LR, **k)),
    "adamw": ({}, lambda **k: paddle.optimizer.AdamW(LR, **k)),
    "lamb": (
        {"eps": 1e-6},
        lambda weight_decay, **k: paddle.optimizer.Lamb(LR, weight_decay, **k),
    ),
    "lars": (
        {"momentum": 0.9},
        lambda weight_decay, parameters, **k: paddle.incubate.optimizer.LarsMomentumOptimizer(
            LR, 0.9, 0.001, weight_decay, parameters, **k
        ),
    ),
    "adagrad": ({"eps": 1e-6}, lambda **k: paddle.optimizer.Adagrad(LR, 1e-6, **k)),
    "adadelta": ({}, lambda **k: paddle.optimizer.Adadelta(LR, 1e-6, 0.9, **k)),
    "adamax": ({}, lambda **k: paddle.optimizer.Adamax(LR, **k)),
    "nadam": ({}, lambda **k: paddle.optimizer.NAdam(LR, **k)),
    "radam": ({}, lambda **k: paddle.optimizer.RAdam(LR, **k)),
    "rmsprop": ({"rho": 0.9}, lambda **k: paddle.optimizer.RMSProp(LR, 0.9, 1e-6, **k)),
}
"""Optimizer -> what a spec says of it beyond its name and rate, and the native one's maker."""

GIVEN = {"adadelta": {"rho": 0.9, "eps": 1e-6}, "rmsprop": {"eps": 1e-6}}

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "frozen by its rate": {"learning_rate": 0.0},
    "a tenth of the rate": {"learning_rate": 0.1},
    "no decay": {"regularizer": L2Decay(0.0)},
    "a decay of its own": {"regularizer": L2Decay(0.7)},
    "both": {"learning_rate": 3.0, "regularizer": L2Decay(0.7)},
    "held still": {"trainable": False},
    "an unclipped one without a clip": {"need_clip": False},
}


def spec_of(name: str = "momentum", **changes: Any) -> Spec:
    settings = NATIVE[name][0] | GIVEN.get(name, {}) if name in NATIVE else {}
    kind = "decoupled" if name in ("adamw", "lamb", "lars") else "coupled"
    usual: dict[str, Any] = {
        "optimizer": {"name": name, "lr": LR, **settings},
        "duration": {"updates": 3},
        "weight_decay": {"value": DECAY, "kind": kind},
    }
    return builders.spec_of(**usual | changes)


def available(name: str) -> Any:
    """paddlepaddle 2.6 lacks some."""
    try:
        return NATIVE[name][1](parameters=Net().parameters(), weight_decay=DECAY)
    except AttributeError:
        pytest.skip(f"this Paddle has no {name}")


@told
@marked
@pytest.mark.parametrize("attributes", ATTRIBUTES)
@pytest.mark.parametrize("name", NATIVE)
def test_attributes_act_as_in_paddles_own_optimizer(name: str, attributes: str) -> None:
    """Three updates; what a native loop ends with, to rounding."""
    available(name)
    given, spec = ATTRIBUTES[attributes], spec_of(name)
    native, ours = Net(**given), Net(**given)
    own_decay = attributes in ("a decay of its own", "both")
    if own_decay and spec.optimizer.decoupled:
        with pytest.raises(LedgerError, match=rf"^body\.weight: with {name} .*L2Decay\(0\.7\)$"):
            fit(spec, ours, [BATCH])
        return
    optimizer = NATIVE[name][1](parameters=native.parameters(), weight_decay=DECAY)
    x, y = paddle.to_tensor(BATCH["x"]), paddle.to_tensor(BATCH["labels"])
    for _ in range(3):
        paddle.nn.functional.cross_entropy(native(x), y).backward()
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)
    fit(spec, ours, [BATCH])
    for theirs, own in zip(native.parameters(), ours.parameters(), strict=True):
        np.testing.assert_allclose(own.numpy(), theirs.numpy(), rtol=2e-5, atol=2e-6)


def test_the_attributes_do_something() -> None:
    """Or the test above would pass with a run that drops them."""
    ends = []
    for given in ({}, {"learning_rate": 0.1}, {"regularizer": L2Decay(0.7)}):
        model = Net(**given)
        if given:
            with pytest.warns(UserWarning, match="the model itself decides"):
                fit(spec_of(), model, [BATCH])
        else:
            fit(spec_of(), model, [BATCH])
        ends.append(model.body.weight.numpy())
    assert np.abs(ends[0] - ends[1]).max() > 1e-2
    assert np.abs(ends[0] - ends[2]).max() > 1e-2


@told
def test_the_rule_in_numpy() -> None:
    """Rate x multiplier and the model's decay, in float64 with gradients of 1."""
    model = Net(learning_rate=0.5, regularizer=L2Decay(0.7))
    spec = spec_of("adam")
    optimizer = build_optimizer(spec, model)
    own = Reference(spec.optimizer.model_dump(), START[0], decay=0.7)
    rest = Reference(spec.optimizer.model_dump(), START[1], decay=DECAY)
    wanted: tuple[Any, Any] = START
    for _ in range(4):
        for parameter in model.parameters():
            parameter.grad = paddle.ones_like(parameter)
        optimizer.step()
        wanted = own.update(np.ones((3, 5)), LR * 0.5), rest.update(np.ones((5, 4)), LR)
    np.testing.assert_allclose(model.body.weight.numpy(), wanted[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.fc.weight.numpy(), wanted[1], rtol=1e-5, atol=1e-6)


@told
@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_nothing_is_written_on_the_parameters(name: str) -> None:
    """Afterwards each attribute is the very object that it was."""
    model = Net(learning_rate=0.5, regularizer=L2Decay(0.7), need_clip=False)
    before = [dict(vars(parameter)) for parameter in model.parameters()]
    rates = [dict(parameter.optimize_attr) for parameter in model.parameters()]
    fit(spec_of(name, lr_multipliers=[{"pattern": "*", "multiplier": 2.0}]), model, [BATCH])
    assert [vars(parameter) for parameter in model.parameters()] == before
    assert [parameter.optimize_attr for parameter in model.parameters()] == rates


@told
def test_the_live_optimizer_and_the_trace_show_them(tmp_path: Any) -> None:
    """And parity's stage finds them against a torch model, which cannot say so."""
    ours = Net(learning_rate=0.1, regularizer=L2Decay(0.0))
    optimizer = build_optimizer(spec_of(), ours)
    assert dualtrain_paddle.effective_lr_multiplier(optimizer, ours) == {
        "body.weight": 0.1,
        "body.bias": 1.0,
        "fc.weight": 1.0,
        "fc.bias": 1.0,
    }
    assert dualtrain_paddle.effective_decay(optimizer, ours) == {
        "body.weight": 0.0,
        "body.bias": DECAY,
        "fc.weight": DECAY,
        "fc.bias": DECAY,
    }
    twin = TorchNet()
    dualtrain_torch.load_weights(twin, dualtrain_paddle.dump_weights(ours))
    files = [tmp_path / f"{side}.jsonl" for side in ("torch", "paddle")]
    for model, path in zip((twin, ours), files, strict=True):
        fit(spec_of(), model, [BATCH], trace=path)
    header = read_trace(files[1]).header
    decided = header.decisions["body.weight"]
    held = next(p for p in header.parameters if p.name == "body.weight")
    assert (decided.lr_rule, decided.lr_multiplier) == ("the model", 0.1)
    assert (decided.rule, decided.decay) == ("the model", 0.0)
    assert (held.effective_lr_multiplier, held.effective_decay) == (0.1, 0.0)
    found = compare(*map(read_trace, files)).first
    assert found is not None
    assert found.stage == "decay"
    assert "body.weight" in found.detail
    assert "lr multiplier 1.0 against 0.1" in found.detail


class TorchNet(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Linear(3, 5)
        self.fc = torch.nn.Linear(5, 4)

    def forward(self, x: Any) -> Any:
        return self.fc(torch.tanh(self.body(x)))


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam"])
def test_what_earlier_groups_left_is_honoured_and_told(name: str) -> None:
    """Nobody can tell it from ParamAttr, and a native optimizer inherits it just so."""
    model = Net()
    group: Any = {"params": model.parameters(), "learning_rate": 10.0, "weight_decay": 0.9}
    paddle.optimizer.SGD(1.0, parameters=[group])
    said = r"body\.bias \(rate x 10, weight decay 0\.9\), .*, and 1 more\. .*regularizer = None"
    with pytest.warns(UserWarning, match=said):
        made = build_optimizer(spec_of(name), model)
    assert set(dualtrain_paddle.effective_lr_multiplier(made, model).values()) == {10.0}
    assert set(dualtrain_paddle.effective_decay(made, model).values()) == {0.9}


def test_the_way_back_is_the_one_that_is_told() -> None:
    model = Net()
    group: Any = {"params": model.parameters(), "learning_rate": 10.0, "weight_decay": 0.9}
    paddle.optimizer.SGD(1.0, parameters=[group])
    for parameter in model.parameters():
        parameter.optimize_attr["learning_rate"] = 1.0
        parameter.regularizer = None
    made = build_optimizer(spec_of(), model)
    assert set(dualtrain_paddle.effective_lr_multiplier(made, model).values()) == {1.0}
    assert set(dualtrain_paddle.effective_decay(made, model).values()) == {DECAY}


def test_a_decay_that_earlier_groups_left_is_refused_with_adamw() -> None:
    model = Net()
    group: Any = {"params": [model.body.weight], "weight_decay": 99.0}
    paddle.optimizer.Adam(parameters=[group])
    with pytest.raises(LedgerError, match=r"^body\.weight: with adamw .* Received: L2Decay\(99\)$"):
        build_optimizer(spec_of("adamw"), model)


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_groups_that_come_later_change_nothing(name: str) -> None:
    """The optimizer goes by the ledger, not by what stands on the parameters by then."""
    ends = []
    for later in (False, True):
        model = Net()
        made = build_optimizer(spec_of(name), model)
        if later:
            group: Any = {"params": model.parameters(), "learning_rate": 9.0, "weight_decay": 9.0}
            paddle.optimizer.SGD(1.0, parameters=[group])
        for parameter in model.parameters():
            parameter.grad = paddle.ones_like(parameter)
        made.step()
        ends.append(model.body.weight.numpy())
    np.testing.assert_array_equal(ends[0], ends[1])


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"regularizer": L1Decay(0.1)}, r"the only regularizer .* L2.* Received: L1Decay.*0\.1"),
        ({"learning_rate": -1.0}, r"ParamAttr\(learning_rate=\) .* at least 0.* Received: -1\.0"),
        ({"learning_rate": float("nan")}, r"ParamAttr\(learning_rate=\) .* Received: nan"),
    ],
)
def test_what_no_run_does_is_refused(attributes: dict[str, Any], text: str) -> None:
    with pytest.raises(LedgerError, match=rf"^body\.weight: {text}"):
        build_optimizer(spec_of(), Net(**attributes))


def test_a_tensor_for_a_rate_is_refused() -> None:
    """Paddle takes it in place of the rate, not as a factor."""
    model = Net()
    model.body.weight.optimize_attr["learning_rate"] = paddle.to_tensor(0.1)
    with pytest.raises(LedgerError, match=r"multiplies the rate.* Received: Tensor$"):
        build_optimizer(spec_of(), model)


def test_rprop_heeds_neither_and_refuses_both() -> None:
    """Paddle's drops them in silence: `ParamAttr(learning_rate=0.0)` moves."""
    optimizer = {"name": "rprop", "lr": 0.01, "etas": [0.5, 1.2], "step_sizes": [1e-6, 50]}
    spec = spec_of("rprop", optimizer=optimizer, weight_decay=None)
    assert isinstance(spec.optimizer, Rprop)
    with pytest.raises(LedgerError, match=r"^body\.weight: with rprop neither"):
        build_optimizer(spec, Net(learning_rate=0.0))


def test_a_parameter_that_is_not_to_be_averaged_is_refused() -> None:
    spec = spec_of(ema={"decay": 0.9})
    with pytest.raises(LedgerError, match=r"^body\.weight: ema averages .*do_model_average False$"):
        build_optimizer(spec, Net(do_model_average=False))
    build_optimizer(spec_of(), Net(do_model_average=False))


def test_a_distributed_parameter_is_refused() -> None:
    model = Net()
    model.body.weight.is_distributed = True
    with pytest.raises(LedgerError, match=r"^body\.weight: one process trains, with whole"):
        build_optimizer(spec_of(), model)
