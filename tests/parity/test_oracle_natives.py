"""The oracle's rules against the frameworks' own classes: so it is proved itself."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from benchmarks.native_schedules.calls import UPDATES, Case, cases
from benchmarks.native_schedules.measure import native_settings, plan_of, read
from dualtrain import Spec
from tests.oracle import loss, schedules, update
from tests.oracle.optimizers import Reference
from tests.oracle.specs import ALWAYS_DECOUPLED

LR = 0.1
TABLE = [case for case in cases(LR) if read(case).row.equal in ("exact", "rounded")]


@pytest.mark.parametrize(
    "case",
    [c for c in TABLE if read(c).words["schedule.name"] != "reduce_on_plateau"],
    ids=lambda case: f"{case.module.partition('.')[0]}-{case.call.short_name}",
)
def test_a_schedule_is_the_native_ones(case: Case) -> None:
    """Up to the horizon, where some of them go on otherwise; with the momentum it cycles."""
    spec = plan_of(read(case)).spec.model_dump()
    run = schedules.sizes(spec, 1)
    for t, (lr, momentum) in enumerate(native_settings(case, UPDATES)):
        right = schedules.rate(spec, run, t)
        assert lr == pytest.approx(right, rel=1e-9, abs=1e-11 * LR), t
        if momentum is not None:
            assert momentum == pytest.approx(schedules.momentum(spec, run, t), rel=1e-12)


@pytest.mark.parametrize("name", ["ReduceLROnPlateau", "ReduceOnPlateau"])
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_the_plateau_is_the_native_ones(name: str, mode: str, threshold_mode: str) -> None:
    """torch's with a cooldown too, which Paddle counts otherwise."""
    in_torch = name == "ReduceLROnPlateau"
    rule: dict[str, Any] = {"mode": mode, "patience": 1, "threshold": 0.1, "factor": 0.5}
    rule |= {"threshold_mode": threshold_mode, "cooldown": 2 if in_torch else 0}
    for seed in range(50):
        optimizer: Any = None
        native: Any
        if in_torch:
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], LR)
            native = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, min_lr=0.01, eps=0.001, **rule
            )
        else:
            native = paddle.optimizer.lr.ReduceOnPlateau(LR, min_lr=0.01, epsilon=0.001, **rule)
        spec = {
            "optimizer": {"lr": LR},
            "schedule": {**rule, "min_lr": 0.01, "eps": 0.001},
            "warmup": None,
        }
        run = schedules.Sizes(
            updates_per_epoch=1, updates=40, unit=1, warmup=0, horizon=40, moved=0
        )
        oracle, source = schedules.Plateau(spec, run), random.Random(seed)
        for t in range(40):
            metric = source.choice([0.5, 1.0, 1.05, 1.5, 2.0])
            native.step(metric)
            oracle.report(metric, t)
            found = optimizer.param_groups[0]["lr"] if in_torch else native()
            assert found == oracle.rate(t + 1), (seed, t)


BETAS: dict[str, Any] = {"betas": (0.75, 0.9375), "eps": 2.0**-10}
LARS_EPS: dict[str, Any] = {"epsilon": 2.0**-10}  # the stubs say int


class OldAdamW(torch.optim.Optimizer):
    """AdamW by the words of transformers' documentation up to release 4: no release that has it is
    installed."""

    def __init__(self, params: Any, lr: float, wd: float, correct_bias: bool) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": wd})
        self.correct_bias = correct_bias

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        (group,) = self.param_groups
        (p,) = group["params"]
        state = self.state[p] or {"k": 0, "m": torch.zeros_like(p), "v": torch.zeros_like(p)}
        b1, b2 = BETAS["betas"]
        k = state["k"] + 1
        m = b1 * state["m"] + (1 - b1) * p.grad
        v = b2 * state["v"] + (1 - b2) * p.grad**2
        self.state[p] = {"k": k, "m": m, "v": v}
        size = group["lr"]
        if self.correct_bias:
            size = size * math.sqrt(1 - b2**k) / (1 - b1**k)
        p -= size * m / (v.sqrt() + BETAS["eps"])
        p -= group["lr"] * group["weight_decay"] * p


# name -> fields beside lr; torch's own optimizer, and Paddle's, as a user makes them
OPTIMIZERS: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "sgd": (
        {},
        lambda p, lr, wd: torch.optim.SGD(p, lr, weight_decay=wd),
        lambda p, lr, wd: paddle.optimizer.SGD(lr, p, weight_decay=wd),
    ),
    "momentum": (
        {"momentum": 0.75, "nesterov": True},
        lambda p, lr, wd: torch.optim.SGD(p, lr, 0.75, weight_decay=wd, nesterov=True),
        lambda p, lr, wd: paddle.optimizer.Momentum(
            lr, 0.75, p, use_nesterov=True, weight_decay=wd
        ),
    ),
    "adam": (
        {**BETAS, "amsgrad": False},
        lambda p, lr, wd: torch.optim.Adam(p, lr, weight_decay=wd, **BETAS),
        lambda p, lr, wd: paddle.optimizer.Adam(
            lr, 0.75, 0.9375, 2.0**-10, parameters=p, weight_decay=wd
        ),
    ),
    "adam, amsgrad": (
        {**BETAS, "amsgrad": True},
        lambda p, lr, wd: torch.optim.Adam(p, lr, weight_decay=wd, amsgrad=True, **BETAS),
        lambda p, lr, wd: paddle.optimizer.Adam(
            lr, 0.75, 0.9375, 2.0**-10, parameters=p, weight_decay=wd, amsgrad=True
        ),
    ),
    "adamw": (
        {**BETAS, "amsgrad": False},
        lambda p, lr, wd: torch.optim.AdamW(p, lr, weight_decay=wd, **BETAS),
        lambda p, lr, wd: paddle.optimizer.AdamW(
            lr, 0.75, 0.9375, 2.0**-10, parameters=p, weight_decay=wd
        ),
    ),
    "adamw_transformers": (BETAS, lambda p, lr, wd: OldAdamW(p, lr, wd, True), None),
    "adamw_transformers, uncorrected": (
        {**BETAS, "correct_bias": False},
        lambda p, lr, wd: OldAdamW(p, lr, wd, False),
        None,
    ),
    "lamb": (
        BETAS,
        None,
        lambda p, lr, wd: paddle.optimizer.Lamb(lr, wd, 0.75, 0.9375, 2.0**-10, parameters=p),
    ),
    "lars": (
        {"momentum": 0.75, "coefficient": 0.25, "eps": 2.0**-10},
        None,
        lambda p, lr, wd: paddle.incubate.optimizer.LarsMomentumOptimizer(
            lr, 0.75, 0.25, wd, p, **LARS_EPS
        ),
    ),
    "lars, no eps": (
        {"momentum": 0.0, "coefficient": 2.0**-6},
        None,
        lambda p, lr, wd: paddle.incubate.optimizer.LarsMomentumOptimizer(lr, 0.0, 2.0**-6, wd, p),
    ),
    "adagrad": (
        {"eps": 2.0**-10, "initial_accumulator": 0.25},
        lambda p, lr, wd: torch.optim.Adagrad(
            p, lr, weight_decay=wd, initial_accumulator_value=0.25, eps=2.0**-10
        ),
        lambda p, lr, wd: paddle.optimizer.Adagrad(
            lr, 2.0**-10, p, wd, initial_accumulator_value=0.25
        ),
    ),
    "adadelta": (
        {"rho": 0.75, "eps": 2.0**-10},
        lambda p, lr, wd: torch.optim.Adadelta(p, lr, 0.75, 2.0**-10, weight_decay=wd),
        lambda p, lr, wd: paddle.optimizer.Adadelta(lr, 2.0**-10, 0.75, p, wd),
    ),
    "adamax": (
        BETAS,
        None,
        lambda p, lr, wd: paddle.optimizer.Adamax(lr, 0.75, 0.9375, 2.0**-10, p, wd),
    ),
    "nadam": (
        {**BETAS, "momentum_decay": 0.25},
        lambda p, lr, wd: torch.optim.NAdam(p, lr, weight_decay=wd, momentum_decay=0.25, **BETAS),
        lambda p, lr, wd: paddle.optimizer.NAdam(
            lr, 0.75, 0.9375, 2.0**-10, 0.25, parameters=p, weight_decay=wd
        ),
    ),
    "radam": (
        BETAS,
        lambda p, lr, wd: torch.optim.RAdam(p, lr, weight_decay=wd, **BETAS),
        lambda p, lr, wd: paddle.optimizer.RAdam(
            lr, 0.75, 0.9375, 2.0**-10, parameters=p, weight_decay=wd
        ),
    ),
    "rmsprop": (
        {"rho": 0.75, "eps": 2.0**-10, "momentum": 0.5, "centered": True},
        None,
        lambda p, lr, wd: paddle.optimizer.RMSProp(lr, 0.75, 2.0**-10, 0.5, True, p, wd),
    ),
    "rmsprop_torch": (
        {"rho": 0.75, "eps": 2.0**-10, "momentum": 0.5},
        lambda p, lr, wd: torch.optim.RMSprop(p, lr, 0.75, 2.0**-10, wd, 0.5),
        None,
    ),
    "rmsprop_torch, no momentum": (
        {"rho": 0.75, "eps": 2.0**-10},
        lambda p, lr, wd: torch.optim.RMSprop(p, lr, 0.75, 2.0**-10, wd),
        None,
    ),
    "rprop": (
        {"etas": (0.5, 1.25), "step_sizes": (2.0**-10, 0.25)},
        lambda p, lr, wd: torch.optim.Rprop(p, lr, (0.5, 1.25), (2.0**-10, 0.25)),
        lambda p, lr, wd: paddle.optimizer.Rprop(lr, (2.0**-10, 0.25), p, (0.5, 1.25)),
    ),
}
UPDATES_OF_A_RULE = 40
FLOAT32 = {"nadam"}
"""Where torch 2.13 keeps a number in float32, whatever the weights: its product of the c_k."""


def in_torch(make: Any, w: Any, gradients: Any, lr: float, wd: float) -> list[Any]:
    p = torch.nn.Parameter(torch.from_numpy(w.copy()))
    optimizer, found = make([p], lr, wd), []
    for g in gradients:
        p.grad = torch.from_numpy(g.copy())
        optimizer.step()
        found.append(p.detach().numpy().copy())
    return found


def in_paddle(make: Any, w: Any, gradients: Any, lr: float, wd: float) -> list[Any]:
    p = paddle.create_parameter(list(w.shape), "float64")
    p.set_value(w)
    optimizer, found = make([p], lr, wd), []
    for g in gradients:
        (p * paddle.to_tensor(g)).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
        found.append(p.numpy().copy())
    return found


RUNS = (in_torch, in_paddle)
NATIVE = [
    pytest.param(case, side, id=f"{case}, {('torch', 'paddle')[side]}")
    for case, (_, *makers) in OPTIMIZERS.items()
    for side, make in enumerate(makers)
    if make is not None  # torch has no LAMB, and the eps of two others elsewhere
]


@pytest.mark.parametrize(("case", "side"), NATIVE)
def test_an_optimizer_is_the_native_ones(case: str, side: int) -> None:
    """In float64, with numbers that float32 holds, so that Paddle's kernels keep them too."""
    settings, *makers = OPTIMIZERS[case]
    source = np.random.default_rng(0)
    w = source.normal(size=(3, 4))
    sizes = 10.0 ** source.integers(-6, 1, (UPDATES_OF_A_RULE, 3, 4))
    gradients = source.normal(size=sizes.shape) * sizes * (source.random(sizes.shape) > 0.1)
    lr, wd = 2.0**-6, 0.0 if case == "rprop" else 0.25
    found = RUNS[side](makers[side], w, gradients, lr, wd)
    rule = Reference({"name": case.partition(",")[0], "lr": lr, **settings}, w, wd)
    rounding = 1e-6 if case in FLOAT32 else 1e-12
    for k, (g, after) in enumerate(zip(gradients, found, strict=True)):
        right = rule.update(g, lr)
        np.testing.assert_allclose(after, right, rtol=rounding, atol=rounding, err_msg=str(k))
    assert float(np.abs(rule.w - w).max()) > 1e-3


APART: dict[str, Any] = {
    "nadam": lambda p, lr, wd: torch.optim.NAdam(
        p, lr, weight_decay=wd, momentum_decay=0.25, decoupled_weight_decay=True, **BETAS
    ),
    "radam": lambda p, lr, wd: torch.optim.RAdam(
        p, lr, weight_decay=wd, decoupled_weight_decay=True, **BETAS
    ),
}
"""What of torch decouples decay itself."""


class Shrunk:
    """A native optimizer without decay, before whose step weights shrink by lr wd of themselves."""

    def __init__(self, native: Any, p: Any, factor: float) -> None:
        self.native, self.p, self.factor = native, p, factor
        self.clear_grad = getattr(native, "clear_grad", None)

    def step(self) -> None:
        if isinstance(self.p, torch.Tensor):
            with torch.no_grad():
                self.p.mul_(self.factor)
        else:
            self.p.set_value(self.p.numpy() * self.factor)
        self.native.step()


def shrunk(make: Any) -> Any:
    return lambda p, lr, wd: Shrunk(make(p, lr, 0.0), p[0], 1.0 - lr * wd)


BOTH_KINDS = [
    *(p for p in NATIVE if str(p.values[0]).partition(",")[0] not in (*ALWAYS_DECOUPLED, "rprop")),
    *(pytest.param(case, make, id=f"{case}, torch itself") for case, make in APART.items()),
]


@pytest.mark.parametrize(("case", "side"), BOTH_KINDS)
def test_decoupled_decay_is_a_smaller_weight_before_the_native_step(case: str, side: Any) -> None:
    settings, *makers = OPTIMIZERS[case]
    make, run = (side, in_torch) if callable(side) else (shrunk(makers[side]), RUNS[side])
    source = np.random.default_rng(0)
    w, lr, wd = source.normal(size=(3, 4)), 2.0**-6, 0.25
    gradients = source.normal(size=(UPDATES_OF_A_RULE, 3, 4))
    name = case.partition(",")[0]
    rule = Reference({"name": name, "lr": lr, **settings}, w, wd, apart=True)
    rounding = 1e-6 if name in FLOAT32 else 1e-12
    for g, after in zip(gradients, run(make, w, gradients, lr, wd), strict=True):
        np.testing.assert_allclose(after, rule.update(g, lr), rtol=rounding, atol=rounding)
    coupled = Reference({"name": name, "lr": lr, **settings}, w, wd)
    ended = [coupled.update(g, lr) for g in gradients][-1]
    if name != "sgd":
        assert float(np.abs(ended - rule.w).max()) > 1e-3


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_the_loss_is_torchs(soft: bool, smoothing: float) -> None:
    source = np.random.default_rng(0)
    logits = source.normal(size=(6, 5)) * 3
    labels = source.dirichlet(np.ones(5), 6) if soft else np.array([0, 4, -100, 2, 1, -100])
    x = torch.from_numpy(logits).requires_grad_()
    native = torch.nn.functional.cross_entropy(
        x, torch.from_numpy(labels), reduction="sum", label_smoothing=smoothing
    )
    native.backward()
    assert x.grad is not None
    q = loss.targets({"label_smoothing": smoothing}, labels, 5)
    value, gradient = loss.cross_entropy(logits, q)
    assert native.item() == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(x.grad.numpy(), gradient, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("c", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("kind", ["global_norm", "norm", "value"])
def test_the_clip_is_paddles(kind: str, c: float) -> None:
    """In float32: Paddle's kernel of one norm has no float64."""
    source = np.random.default_rng(0)
    given = {n: source.normal(size=(3, 2)).astype("float32") for n in "ab"}
    native = {
        "global_norm": paddle.nn.ClipGradByGlobalNorm,
        "norm": paddle.nn.ClipGradByNorm,
        "value": paddle.nn.ClipGradByValue,
    }[kind](c)
    parameters = [paddle.create_parameter([3, 2], "float32") for _ in given]
    pairs = [(p, paddle.to_tensor(g)) for p, g in zip(parameters, given.values(), strict=True)]
    kinds = {"global_norm": None, "norm": None, "value": None}
    clip = {**kinds, kind: c, "rule": "paddle"}
    right = update.clipped(clip, {n: g.astype(np.float64) for n, g in given.items()})
    for (_, found), expected in zip(native(pairs), right.values(), strict=True):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_the_loss_scale_is_torchs() -> None:
    """By GradScaler's own kernel; torch has no floor, no ceiling and no backoff_interval."""
    settings = {"init": 8.0, "growth_factor": 1.7, "backoff_factor": 0.3, "growth_interval": 3}
    oracle = update.LossScale({**settings, "floor": 2.0**-126, "ceiling": 2.0**126})
    scale, tracker = torch.full((), 8.0), torch.zeros((), dtype=torch.int32)
    source = random.Random(0)
    for step in range(300):
        finite = source.random() < 0.8
        found = torch.zeros(()) if finite else torch.ones(())
        torch._amp_update_scale_(scale, tracker, found, 1.7, 0.3, 3)
        oracle.update(finite)
        assert scale.item() == oracle.scale, step


def test_averages_are_torchs() -> None:
    average = torch.optim.swa_utils.get_ema_avg_fn(0.75)
    found = average(torch.tensor(4.0), torch.tensor(8.0), 3)
    d = update.average_decay({"decay": 0.75, "warmup": False}, 3)
    assert found.item() == d * 4.0 + (1 - d) * 8.0


def test_every_rule_of_the_spec_is_here() -> None:
    """A new optimizer needs its native proof."""
    known = {name.partition(",")[0] for name in OPTIMIZERS}
    schema = Spec.model_json_schema()["properties"]["optimizer"]["discriminator"]["mapping"]
    assert set(schema) == known
