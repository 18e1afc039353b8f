"""What surrounds a run in mixed precision: autocasts of the user's, recomputation, float64, flags.

Each expectation is a loop of the framework's own, or the same run without the surroundings.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import paddle
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from paddle.distributed.fleet.utils import recompute
from torch.utils.checkpoint import checkpoint

from dualtrain import Spec, fit
from dualtrain.backend import load_backend
from dualtrain.errors import BackendError
from dualtrain.spec import Amp
from dualtrain.training import Run, start
from dualtrain.training.observers._probe import evaluation_logits
from tests import builders
from tests.parity.ask_paddle_amp import Tracer

TORCH, PADDLE = load_backend("torch"), load_backend("paddle")
CPU = torch.device("cpu")
UPDATES = 6
LR = 0.5
random = np.random.default_rng(0)
X, Y = random.standard_normal((16, 4)).astype(np.float32), random.integers(0, 3, 16)
BATCHES: list[dict[str, NDArray[Any]]] = [{"input": X, "labels": Y}]


def spec_of(amp: dict[str, Any] | None, **changes: Any) -> Spec:
    usual = {"optimizer": {"name": "sgd", "lr": LR}, "duration": {"updates": UPDATES}, "amp": amp}
    return builders.spec_of(**usual | changes)


def linear() -> Any:
    torch.manual_seed(0)
    return torch.nn.Linear(4, 3)


def loss_of(model: Any) -> Any:
    return F.cross_entropy(model(torch.from_numpy(X)).float(), torch.from_numpy(Y))


def bfloat16() -> Any:
    return torch.autocast("cpu", dtype=torch.bfloat16)


def native_losses() -> list[float]:
    """torch's own loop: a new autocast for each forward pass, nothing around."""
    model = linear()
    optimizer = torch.optim.SGD(model.parameters(), LR)
    losses = []
    for _ in range(UPDATES):
        with bfloat16():
            loss = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_fit_inside_the_specs_own_autocast_is_the_native_loop() -> None:
    with bfloat16():
        updates = fit(spec_of({"dtype": "bfloat16"}), linear(), BATCHES)
    assert [u.loss for u in updates] == pytest.approx(native_losses(), rel=1e-6)


KEPT: list[dict[str, Any]] = [
    {"dtype": "bfloat16", "level": "O2"},
    {"dtype": "bfloat16", "float32_operators": ["matmul"]},
    {"dtype": "bfloat16", "float32_operators": ["cross_entropy", "log_softmax"]},
]


@pytest.mark.parametrize("amp", [{"dtype": "bfloat16"}, *KEPT])
def test_an_open_autocast_of_the_same_type_changes_nothing(amp: dict[str, Any]) -> None:
    """Forward, backward and update, to the bit: an open one would compute gradients lower."""

    def made(around: Any, within: bool) -> Any:
        model = linear()
        run = start(spec_of(amp), model, micro_batches_per_epoch=1)
        losses = []
        with around:
            for _ in range(UPDATES):
                with run.autocast():
                    loss = loss_of(model)
                    if within:
                        run.step(loss)
                if not within:
                    run.step(loss)
                losses.append(loss.item())
        return losses, TORCH.dump_weights(model)

    losses, weights = made(nullcontext(), False)
    assert len(set(losses)) == UPDATES
    for around, within in ((bfloat16(), False), (nullcontext(), True), (bfloat16(), True)):
        again, other = made(around, within)
        assert again == losses
        assert all(np.array_equal(weights[name], other[name]) for name in weights)


OTHER = [
    (None, torch.bfloat16, "torch.bfloat16, and no amp"),
    ({"dtype": "float16"}, torch.bfloat16, "torch.bfloat16, and amp.dtype 'float16'"),
    ({"dtype": "bfloat16"}, torch.float16, "torch.float16, and amp.dtype 'bfloat16'"),
]


@pytest.mark.parametrize(("amp", "opened", "told"), OTHER)
def test_any_other_open_autocast_is_refused(amp: Any, opened: Any, told: str) -> None:
    refused = pytest.raises(BackendError, match=f"leave torch.autocast out.*{told}$")
    model = linear()
    run = start(spec_of(amp), model, micro_batches_per_epoch=1)
    with run.autocast():
        loss = loss_of(model)
    calls: list[Callable[[], Any]] = [
        lambda: fit(spec_of(amp), linear(), BATCHES),
        lambda: start(spec_of(amp), linear(), micro_batches_per_epoch=1),
        run.autocast,
        lambda: run.step(loss),
    ]
    for call in calls:
        with torch.autocast("cpu", dtype=opened), refused:
            call()
    run.step(loss)  # outside nothing is wrong with it


def test_an_autocast_that_is_switched_off_is_none() -> None:
    with torch.autocast("cpu", enabled=False):
        updates = fit(spec_of(None), linear(), BATCHES)
    assert updates == fit(spec_of(None), linear(), BATCHES)


def test_averages_and_loaded_weights_are_seen_in_an_open_autocast() -> None:
    model = linear()
    run = start(
        spec_of({"dtype": "bfloat16"}, ema={"decay": 0.9}), model, micro_batches_per_epoch=1
    )
    for _ in range(UPDATES):
        with run.autocast():
            loss = loss_of(model)
        run.step(loss)
    with run.autocast():
        raw = loss_of(model).item()
    with run.averaged(), run.autocast():
        averaged = loss_of(model).item()
    assert abs(raw - averaged) > 1e-3
    with bfloat16():
        assert loss_of(model).item() == raw
        with run.averaged():
            assert loss_of(model).item() == averaged
        assert loss_of(model).item() == raw
        TORCH.load_weights(model, {n: 0 * a for n, a in TORCH.dump_weights(model).items()})
        assert loss_of(model).item() == pytest.approx(np.log(3.0), rel=1e-3)


@contextmanager
def paddles(level: str, dtype: str) -> Iterator[None]:
    """Paddle's tracer as `auto_cast` leaves it on a GPU; on the CPU it opens none."""
    tracer: Any = paddle.base.framework._dygraph_tracer()
    before = tracer._amp_level, tracer._amp_dtype
    tracer._amp_level, tracer._amp_dtype = getattr(paddle.base.core.AmpLevel, level), dtype
    try:
        yield
    finally:
        tracer._amp_level, tracer._amp_dtype = before


@pytest.mark.parametrize("amp", [None, {"dtype": "float16"}, {"dtype": "bfloat16", "level": "O2"}])
def test_paddles_open_auto_cast_is_refused_unless_it_is_the_specs(
    amp: dict[str, Any] | None,
) -> None:
    place = PADDLE.open_device("cpu")
    with paddles("O1", "bfloat16"):
        PADDLE.check_autocast(Amp(dtype="bfloat16"), place)
        with pytest.raises(BackendError, match=r"leave paddle\.amp\.auto_cast out.*bfloat16 at O1"):
            PADDLE.check_autocast(None if amp is None else Amp(**amp), place)
        if amp is None:
            with pytest.raises(BackendError, match="at O1, and no amp"):
                fit(spec_of(None), paddle.nn.Linear(4, 3), BATCHES)


def test_paddles_update_is_outside_an_open_auto_cast() -> None:
    tracer: Any = paddle.base.framework._dygraph_tracer()
    with paddles("O2", "bfloat16"):
        with PADDLE.updating(Amp(dtype="bfloat16"), None):
            assert tracer._amp_level == paddle.base.core.AmpLevel.O0
        assert tracer._amp_level == paddle.base.core.AmpLevel.O2


# Gradient checkpointing


class Net(torch.nn.Module):
    """Every kept operator in a block that may be computed again in the backward pass."""

    def __init__(self, reentrant: bool | None, depth: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = torch.nn.Linear(4, 8), torch.nn.Linear(8, 3)
        self.inner = torch.nn.ModuleList(torch.nn.Linear(8, 8) for _ in range(depth))
        self.reentrant, self.depth = reentrant, depth

    def block(self, h: Any, index: int = 0) -> Any:
        h = F.layer_norm(self.inner[index](F.gelu(h) + h), (8,))
        h = torch.softmax(4 * h, -1) + 0.1 * F.log_softmax(h, -1) + torch.exp(-(h**2))
        return h * (1 + h.mean()) + torch.log(1 + h.abs()) - 0.1 * h.sum(-1, keepdim=True)

    def twice(self, h: Any) -> Any:
        return self.again(lambda h: self.block(h, 1), self.again(self.block, h))

    def again(self, function: Any, h: Any) -> Any:
        if self.reentrant is None:
            return function(h)
        return checkpoint(function, h, use_reentrant=self.reentrant)

    def forward(self, x: Any) -> Any:
        function = self.block if self.depth == 1 else self.twice
        return self.last(self.again(function, self.first(x)))


OPERATORS = ["matmul", "softmax", "log_softmax", "gelu", "layer_norm", "exp", "pow", "mean", "sum"]


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")  # the inner of two
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("kept", [[], *([name] for name in OPERATORS), OPERATORS])
def test_checkpointing_does_not_change_a_bit(kept: list[str], reentrant: bool, depth: int) -> None:
    """Nested too: recomputation inside recomputation."""

    def trained(reentrant: bool | None, kept: list[str]) -> dict[str, NDArray[np.float32]]:
        model = Net(reentrant, depth)
        amp = {"dtype": "bfloat16", "float32_operators": kept}
        run = start(spec_of(amp), model, micro_batches_per_epoch=1)
        for _ in range(3):
            with run.autocast():
                loss = loss_of(model)
            run.step(loss)
        return TORCH.dump_weights(model)

    plain, again = trained(None, kept), trained(reentrant, kept)
    assert all(np.array_equal(plain[name], again[name]) for name in plain)
    if kept:
        low = trained(None, [])
        assert any(not np.array_equal(plain[name], low[name]) for name in plain)


def test_recompute_keeps_paddles_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Level, type and black list in the recomputation are those of the forward pass."""
    context: Any = importlib.import_module("paddle.amp.auto_cast")
    real = context._dygraph_tracer()
    monkeypatch.setattr(context, "_dygraph_tracer", lambda: Tracer(real))
    monkeypatch.setattr(context, "_is_gpu_bfloat16_supported", lambda: True)
    amp = Amp(dtype="bfloat16", float32_operators=("softmax", "matmul"))
    seen = []

    def block(x: Any) -> Any:
        seen.append((real._amp_level, real._amp_dtype, sorted(real._get_amp_op_list()[1])))
        return x * x

    for reentrant in (True, False):
        seen.clear()
        x = paddle.ones([2])
        x.stop_gradient = False
        with PADDLE.autocast(amp, None):
            loss = recompute(block, x, use_reentrant=reentrant).sum()
        with PADDLE.updating(amp, None):
            loss.backward()
            assert real._amp_level == paddle.base.core.AmpLevel.O0
        assert len(seen) == 2
        assert seen[0] == seen[1]
        assert {"softmax", "matmul_v2"} <= set(seen[0][2])


# float64, metrics, settings


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_autocast_leaves_float64_alone_and_so_it_is_refused(dtype: str) -> None:
    with torch.autocast("cpu", dtype=getattr(torch, dtype)):
        assert linear().double()(torch.ones(1, 4).double()).dtype == torch.float64
    with pytest.raises(BackendError, match=r"leaves float64.*'weight' in torch\.float64$"):
        start(spec_of({"dtype": dtype}), linear().double(), micro_batches_per_epoch=1)
    start(spec_of(None), linear().double(), micro_batches_per_epoch=1)  # its own business


def test_paddle_refuses_float64_with_amp_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PADDLE, "check_amp", lambda amp, device: None)
    model = paddle.nn.Linear(2, 2)
    model.to(dtype="float64")
    with pytest.raises(BackendError, match=r"leaves float64.*'weight' in paddle\.float64$"):
        start(spec_of({"dtype": "bfloat16"}), model, micro_batches_per_epoch=1)


def test_a_metric_is_taken_in_the_specs_precision() -> None:
    """And so is the logits' probe; the averages that it sees are not yesterday's casts."""
    seen = []

    def metric(model: Any) -> float:
        seen.append(model(torch.from_numpy(X)).dtype)
        return 1.0

    plateau = {"name": "reduce_on_plateau", "factor": 0.5, "patience": 1, "threshold": 0.0}
    parts = {"mode": "min", "threshold_mode": "rel", "cooldown": 0, "min_lr": 0.0, "eps": 0.0}
    for amp, expected in ((None, torch.float32), ({"dtype": "bfloat16"}, torch.bfloat16)):
        seen.clear()
        spec = spec_of(amp, schedule=plateau | parts, duration={"epochs": 2})
        fit(spec, linear(), BATCHES, metric=metric)
        assert seen == [expected]


@pytest.mark.parametrize("amp", [None, {"dtype": "bfloat16"}], ids=["float32", "bfloat16"])
def test_a_model_is_judged_in_the_specs_precision(amp: dict[str, Any] | None) -> None:
    """As torch itself computes it there: the probe, and the outputs of a held-out split."""
    run = start(spec_of(amp), linear(), micro_batches_per_epoch=1)
    with torch.no_grad(), bfloat16() if amp else nullcontext():
        expected = linear()(torch.from_numpy(X)).float().numpy()
    np.testing.assert_array_equal(evaluation_logits(run, BATCHES[0]), expected)


def notes(run: Run) -> list[str]:
    return run.backend.settings(run.device)


def test_what_changes_torchs_numbers_is_told() -> None:
    run = start(spec_of(None), linear(), micro_batches_per_epoch=1)
    assert notes(run) == []
    try:
        torch.set_float32_matmul_precision("medium")
        torch.use_deterministic_algorithms(True)
        torch.set_flush_denormal(True)
        torch.set_default_dtype(torch.float64)
        told = notes(run)
    finally:
        torch.set_float32_matmul_precision("highest")
        torch.use_deterministic_algorithms(False)
        torch.set_flush_denormal(False)
        torch.set_default_dtype(torch.float32)
    for setting in ("get_default_dtype", "'medium'", "deterministic", "denormal"):
        assert any(setting in note for note in told), setting
    assert len(told) == 4
    assert any("cudnn.allow_tf32" in note for note in TORCH.settings(torch.device("cuda")))


def test_what_changes_paddles_numbers_is_told() -> None:
    place = PADDLE.open_device("cpu")
    assert PADDLE.settings(place) == []
    try:
        paddle.set_default_dtype("float64")
        torch.set_flush_denormal(True)  # the processor's own flag, for the whole thread
        told = PADDLE.settings(place)
    finally:
        paddle.set_default_dtype("float32")
        torch.set_flush_denormal(False)
    assert [("float64" in note, "denormal" in note) for note in told] == [
        (True, False),
        (False, True),
    ]


def test_another_default_type_does_not_reach_the_loss_scale() -> None:
    """`GradScaler`'s kernel takes numbers of float32 only."""
    torch.set_default_dtype(torch.float64)
    try:
        model = linear().float()
        run = start(spec_of({"dtype": "float16"}), model, micro_batches_per_epoch=1)
        applied = run.step(loss_of(model))
    finally:
        torch.set_default_dtype(torch.float32)
    assert applied is not None
    assert not applied.skipped


def test_the_settings_stand_in_the_trace(tmp_path: Any) -> None:
    from dualtrain.trace import read_trace

    torch.set_flush_denormal(True)
    try:
        fit(spec_of(None), linear(), BATCHES, trace=tmp_path / "a.jsonl")
    finally:
        torch.set_flush_denormal(False)
    assert any("denormal" in note for note in read_trace(tmp_path / "a.jsonl").header.notes)


# O2: what the frameworks' own ways write into a model


O2 = {"dtype": "bfloat16", "level": "O2"}
WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "load_state_dict": lambda model, other: model.load_state_dict(other.state_dict()),
    "copy_": lambda model, other: [
        p.detach().copy_(q.detach())
        for p, q in zip(model.parameters(), other.parameters(), strict=True)
    ],
    "data": lambda model, other: [  # no version counter sees this one
        p.data.copy_(q.data) for p, q in zip(model.parameters(), other.parameters(), strict=True)
    ],
}


@pytest.mark.parametrize("way", WAYS)
def test_weights_loaded_into_torchs_o2_model_train(way: str) -> None:
    """The next update starts from them, as the low type holds them."""
    torch.manual_seed(7)
    model, other = linear(), torch.nn.Linear(4, 3)
    run = start(spec_of(O2), model, micro_batches_per_epoch=1)
    WAYS[way](model, other)
    with run.autocast():
        loss = model(torch.ones(2, 4)).float().sum()  # each weight's gradient is 2
    run.step(loss)
    expected = other.weight.detach().bfloat16().float() - LR * 2
    after = TORCH.dump_weights(model)["weight"]
    np.testing.assert_array_equal(after, expected.numpy())


def test_weights_loaded_into_paddles_o2_model_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its forward pass has no low kernels on the CPU, so the loss is taken in float32."""
    monkeypatch.setattr(PADDLE, "check_amp", lambda amp, device: None)
    model, other = paddle.nn.Linear(4, 3), paddle.nn.Linear(4, 3)
    run = start(spec_of(O2), model, micro_batches_per_epoch=1)
    other.bfloat16()
    model.set_state_dict(other.state_dict())
    loss = sum((p.astype("float32") * 2.0).sum() for p in model.parameters())
    run.step(loss)
    expected = other.weight.astype("float32").numpy() - np.float32(LR * 2)
    np.testing.assert_array_equal(PADDLE.dump_weights(model)["weight"], expected.T)


def test_max_norm_in_the_forward_pass_is_kept_at_o2() -> None:
    """Rows as long as in torch's own float32 loop; undone, they would grow to three and more."""

    def model() -> Any:
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Embedding(5, 4, max_norm=1.0), torch.nn.Linear(4, 3))

    def loss(model: Any) -> Any:
        return F.cross_entropy(model(torch.arange(5)).float(), torch.arange(5) % 3)

    ours, native = model(), model()
    run = start(spec_of(O2, duration={"updates": 20}), ours, micro_batches_per_epoch=1)
    optimizer = torch.optim.SGD(native.parameters(), LR)
    for _ in range(20):
        with run.autocast():
            low = loss(ours)
        run.step(low)
        optimizer.zero_grad()
        loss(native).backward()
        optimizer.step()
    norms = np.linalg.norm(TORCH.dump_weights(ours)["0.weight"], axis=1)
    expected = native[0].weight.detach().norm(dim=1).numpy()
    np.testing.assert_allclose(norms, expected, rtol=0.02)


# A schedule per epoch


BAD = {(0, 0), (0, 1), (1, 3)}


def test_a_schedule_per_epoch_moves_as_in_torchs_own_loop() -> None:
    """`GradScaler` skips, the loop steps its `StepLR` at the end of each epoch."""
    amp = {"dtype": "float16"}
    schedule = {"name": "step", "every": 1, "gamma": 0.1, "per": "epoch"}
    model = torch.nn.Linear(2, 1)
    spec = spec_of(amp, schedule=schedule, duration={"epochs": 3})
    run = start(spec, model, micro_batches_per_epoch=4)
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([parameter], LR)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.1)
    scaler = torch.amp.GradScaler("cpu")
    for epoch in range(3):
        for i in range(4):
            by = float("inf") if (epoch, i) in BAD else 1.0
            applied = run.step(model(torch.ones(1, 2)).sum() * by)
            assert applied is not None
            assert applied.lr == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
            optimizer.zero_grad()
            scaler.scale(parameter.sum() * by).backward()
            scale = scaler.get_scale()
            scaler.step(optimizer)
            scaler.update()
            assert applied.skipped == (scaler.get_scale() < scale) == ((epoch, i) in BAD)
        scheduler.step()
