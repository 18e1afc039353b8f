"""Loss scaling against both frameworks' `GradScaler`s; O2 and float32 operators on both sides."""

from __future__ import annotations

import importlib
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from inspect import isfunction
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import paddle
import pytest
import torch
import torch.nn.functional as F
from paddle.amp import grad_scaler
from torch.overrides import get_overridable_functions
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dualtrain import build_optimizer
from dualtrain.backend import load_backend, logits_of
from dualtrain.errors import BackendError
from dualtrain.native.operators import OPERATORS
from dualtrain.plan import Scaling
from dualtrain.spec import Amp, Float32Operator, LossScale
from dualtrain.training import start
from tests import builders
from tests.pairs import TORCH, make_batch, make_config
from tests.parity import ask_paddle_amp
from tests.parity.test_user_models import BATCH, PaddleModel, TorchModel, some_weights

TORCH_OPERATORS: Any = importlib.import_module("dualtrain_torch.operators")

PATTERNS = 1000
UPDATES = 30
OVERFLOWS = (math.inf, -math.inf, math.nan)


def amp_of(**fields: Any) -> Amp:
    return Amp(**fields)


spec_of = partial(builders.spec_of, duration={"updates": 10})


def pattern_of(seed: int, backoff_intervals: Sequence[int]) -> tuple[LossScale, list[bool]]:
    """Settings and a pattern of finite and other updates, from never to nearly always.

    The factors are float32 numbers, since Paddle rounds them to such. Neither scaler has a floor or
    a ceiling, so these are out of reach: 30 updates move the scale by 2^60 at most.
    """
    random = np.random.default_rng(seed)
    settings = LossScale(
        init=float(2.0 ** random.integers(-4, 17)),
        growth_factor=float(np.float32(random.choice([2.0, 4.0, random.uniform(1.1, 4.0)]))),
        backoff_factor=float(np.float32(random.choice([0.5, 0.25, random.uniform(0.25, 0.95)]))),
        growth_interval=int(random.integers(1, 7)),
        backoff_interval=int(random.choice(backoff_intervals)),
        floor=2.0**-126,
        ceiling=2.0**126,
    )
    return settings, (random.random(UPDATES) >= random.random()).tolist()


def ours(settings: LossScale, finite: Sequence[bool]) -> list[tuple[float, bool]]:
    """(scale, whether the update is skipped) at each update, by the core."""
    scaling = Scaling.of(Amp(dtype="float16", loss_scale=settings))
    assert scaling is not None
    done = []
    for good in finite:
        done.append((scaling.scale, not good))
        scaling = scaling.after(finite=good)
    return [*done, (scaling.scale, False)]


def gradients(finite: Sequence[bool]) -> Iterator[float]:
    for index, good in enumerate(finite):
        yield 1.0 if good else OVERFLOWS[index % 3]


def torchs(settings: LossScale, finite: Sequence[bool]) -> list[tuple[float, bool]]:
    """The same by `torch.amp.GradScaler`."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], 1.0)
    scaler = torch.amp.GradScaler(
        "cpu",
        init_scale=settings.init,
        growth_factor=settings.growth_factor,
        backoff_factor=settings.backoff_factor,
        growth_interval=settings.growth_interval,
    )
    done = []
    for gradient in gradients(finite):
        scale, before = scaler.get_scale(), weight.item()
        weight.grad = scaler.scale(torch.tensor([gradient]))
        scaler.step(optimizer)
        scaler.update()
        done.append((scale, weight.item() == before))
    return [*done, (scaler.get_scale(), False)]


def paddles(settings: LossScale, finite: Sequence[bool]) -> list[tuple[float, bool]]:
    """The same by `paddle.amp.GradScaler`."""
    weight = paddle.create_parameter(
        [1], "float32", default_initializer=paddle.nn.initializer.Constant(0.0)
    )
    optimizer = paddle.optimizer.SGD(1.0, [weight])
    scaler: Any = paddle.amp.GradScaler(
        init_loss_scaling=settings.init,
        incr_ratio=settings.growth_factor,
        decr_ratio=settings.backoff_factor,
        incr_every_n_steps=settings.growth_interval,
        decr_every_n_nan_or_inf=settings.backoff_interval,
    )
    done, after = [], 0.0
    tensors = {gradient: paddle.to_tensor([gradient]) for gradient in (1.0, *OVERFLOWS)}
    for gradient in gradients(finite):
        scale, before = scaler._scale.item(), after
        weight.grad = scaler.scale(tensors[gradient])
        scaler.step(optimizer)
        scaler.update()
        after = weight.item()
        done.append((scale, after == before))
    return [*done, (scaler._scale.item(), False)]


@pytest.fixture
def scaler_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make Paddle believe, when it builds a scaler, that the CPU is a GPU."""
    gpu = SimpleNamespace(
        is_gpu_place=lambda: True, is_xpu_place=lambda: False, is_custom_place=lambda: False
    )
    tracer = SimpleNamespace(_expected_place=gpu)
    monkeypatch.setattr(grad_scaler, "_dygraph_tracer", lambda: tracer)
    # Where Paddle keeps the type of the last autocast; without float16 the scaler does nothing.
    state = importlib.import_module("paddle.amp.auto_cast").amp_global_state()
    monkeypatch.setattr(state, "amp_dtype", "float16")


def test_the_core_scales_and_skips_as_torch_does() -> None:
    """Every scale and every skip of 1,000 random patterns of overflow, as float64."""
    for seed in range(PATTERNS):
        settings, finite = pattern_of(seed, [1])  # torch has no other backoff_interval
        assert ours(settings, finite) == torchs(settings, finite), f"seed {seed}"


@pytest.mark.usefixtures("scaler_on_the_cpu")
@pytest.mark.parametrize("backoff_intervals", [[1], [2, 3, 4]])
def test_the_core_scales_and_skips_as_paddle_does(backoff_intervals: list[int]) -> None:
    for seed in range(PATTERNS):
        settings, finite = pattern_of(seed, backoff_intervals)
        assert ours(settings, finite) == paddles(settings, finite), f"seed {seed}"


def test_the_patterns_skip_and_make_updates() -> None:
    """From none to nearly all updates of a pattern overflow, and half of all on the whole."""
    shares = [np.mean(pattern_of(seed, [1])[1]) for seed in range(PATTERNS)]
    assert min(shares) < 0.05
    assert max(shares) > 0.95
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("bad", [0, 1])
@pytest.mark.parametrize("value", [None, *OVERFLOWS])
@pytest.mark.parametrize("name", ["torch", "paddle"])
def test_gradients_of_every_type_are_unscaled(name: str, value: float | None, bad: int) -> None:
    """float32 beside float64, and a parameter without a gradient."""
    given = np.full((2, 2), 8.0)
    if value is not None:
        given[bad, 1] = value
    optimizer: Any
    if name == "torch":
        types: list[Any] = [torch.float32, torch.float64, torch.float32]
        parameters: list[Any] = [torch.nn.Parameter(torch.zeros(2, dtype=t)) for t in types]
        optimizer = torch.optim.SGD(parameters, 1.0)
        for parameter, gradient in zip(parameters, given, strict=False):
            parameter.grad = torch.tensor(gradient, dtype=parameter.dtype)
    else:
        types = ["float32", "float64", "float32"]
        parameters = [paddle.create_parameter([2], t) for t in types]
        optimizer = paddle.optimizer.SGD(1.0, parameters)
        for parameter, gradient in zip(parameters, given, strict=False):
            parameter.grad = paddle.to_tensor(gradient, dtype=parameter.dtype)
    assert load_backend(name).unscale(optimizer, 4.0) == (value is None)
    assert parameters[2].grad is None
    if value is None:
        assert [p.grad.tolist() for p in parameters[:2]] == [[2.0, 2.0]] * 2


# O2

LOW = {"table.weight", "conv.weight", "conv.bias", "dense.weight", "dense.bias"}
"""What is held in the low type: all but the norms' own."""


@pytest.mark.parametrize(("name", "build"), [("torch", TorchModel), ("paddle", PaddleModel)])
def test_o2_casts_all_but_norms_and_keeps_masters(name: str, build: Callable[[], Any]) -> None:
    """A tied matrix has one master, a frozen vector one that the optimizer does not know."""
    backend, model, weights = load_backend(name), build(), some_weights()
    backend.load_weights(model, weights)
    optimizer = build_optimizer(spec_of(), model)
    masters = backend.build_masters(Amp(dtype="bfloat16", level="O2"), model, optimizer)
    tensors = importlib.import_module(f"dualtrain_{name}.tensors")
    found = {f.name: f.tensor for f in tensors.named_tensors(model)}
    assert {n for n, tensor in found.items() if "bfloat16" in str(tensor.dtype)} == LOW
    assert found["dense.bias"] is model.dense.bias
    assert model.output.weight is model.table.weight
    assert masters is not None
    dumped = backend.dump_weights(model)
    assert all(np.array_equal(dumped[n], weights[n]) for n in weights.keys() | dumped.keys())
    assert backend.effective_decay(optimizer, model).keys() == found.keys() - {
        *("dense.bias", "batch_norm.running_mean", "batch_norm.running_var")
    }


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_o2_trains_every_kind_of_layer_in_torch(dtype: str) -> None:
    """Forward, backward and updates in the low type; Paddle has no such kernels on the CPU."""
    model = TorchModel()
    amp: dict[str, Any] = {"dtype": dtype, "level": "O2"}
    if dtype == "float16":
        amp["loss_scale"] = {"init": 256.0}  # the gradients overflow at 65536
    run = start(spec_of(amp=amp), model, micro_batches_per_epoch=1)
    before = run.backend.dump_weights(model)
    labels = torch.arange(4)
    for _ in range(3):
        with run.autocast():
            loss = F.cross_entropy(model(torch.from_numpy(BATCH["input_ids"])), labels)
        applied = run.step(loss)
        assert applied is not None
        assert not applied.skipped
    after = run.backend.dump_weights(model)
    # A bias before a batch norm has no gradient but rounding's.
    moved = {n for n in before if not np.array_equal(before[n], after[n])} | {"conv.bias"}
    assert moved == before.keys() - {"dense.bias"}


# Operators kept in float32

Y = torch.arange(4)
ATEN: Any = torch.ops.aten
TORCH_C: Any = torch._C
TORCH_CALLS: dict[str, list[Callable[[Any], Any]]] = {
    "cross_entropy": [
        lambda x: F.cross_entropy(x, Y),
        lambda x: F.nll_loss(x, Y),
        lambda x: TORCH_C._nn.cross_entropy_loss(x, Y),
        lambda x: torch.nn.CrossEntropyLoss()(x, Y),
    ],
    "exp": [torch.exp, lambda x: x.exp(), ATEN.exp, ATEN.exp.default],
    "gelu": [F.gelu, torch.nn.GELU(), ATEN.gelu],
    "layer_norm": [
        lambda x: F.layer_norm(x, (4,)),
        torch.nn.LayerNorm(4),
        lambda x: torch.native_layer_norm(x, (4,), None, None, 1e-5)[0],
        lambda x: ATEN.layer_norm(x, [4]),
    ],
    "log": [torch.log, lambda x: x.log(), ATEN.log],
    "log_softmax": [
        lambda x: F.log_softmax(x, -1),
        lambda x: x.log_softmax(-1),
        lambda x: torch.special.log_softmax(x, -1),
        torch.nn.LogSoftmax(-1),
        lambda x: ATEN.log_softmax.int(x, -1),
        lambda x: ATEN._log_softmax(x, -1, False),
    ],
    "matmul": [
        lambda x: x @ x,
        lambda x: x.__rmatmul__(x),
        lambda x: torch.bmm(x[None], x[None]),
        lambda x: torch.einsum("ij,jk->ik", x, x),
        lambda x: torch.einsum("ij,jk->ik", [x, x]),
        lambda x: torch.addmm(x, x, x),
        torch.nn.Linear(4, 4),
        lambda x: torch.nn.Bilinear(4, 4, 4)(x, x),
        lambda x: torch.mv(x, x[0]),
        lambda x: x[0].dot(x[0]),
        lambda x: torch.inner(x, x),
        lambda x: torch.tensordot(x, x, 1),
        lambda x: torch.linalg.matmul(x, x),
        lambda x: torch.linalg.multi_dot([x, x, x]),
        lambda x: torch.linalg.vecdot(x, x),
        lambda x: torch.linalg.matrix_power(x, 2),
        lambda x: torch.addmv(x[0], x, x[0]),
        lambda x: torch.addbmm(x, x[None], x[None]),
        lambda x: torch.baddbmm(x[None], x[None], x[None]),
        lambda x: ATEN.mm(x, x),
        lambda x: ATEN.linear(x, x),
    ],
    "mean": [torch.mean, lambda x: x.mean(0), lambda x: ATEN.mean.dim(x, [0])],
    "pow": [
        lambda x: x**2,
        lambda x: torch.pow(x, 0.5),
        lambda x: 2**x,
        lambda x: x**x,
        lambda x: ATEN.pow.Tensor_Scalar(x, 2),
    ],
    "softmax": [
        lambda x: F.softmax(x, -1),
        torch.nn.Softmax(-1),
        torch.nn.Softmin(-1),
        lambda x: torch.special.softmax(x, -1),
        lambda x: ATEN.softmax.int(x, -1),
        lambda x: ATEN._softmax(x, -1, False),
    ],
    "sum": [torch.sum, lambda x: x.sum(0), lambda x: x.sum_to_size(1, 4), ATEN.sum],
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", get_args(Float32Operator))
def test_torch_keeps_an_operator_in_float32(name: str, dtype: str) -> None:
    """Its own type and the gradient's, whatever form it is called in; the others stay low."""
    x = (torch.rand(4, 4) + 0.5).to(getattr(torch, dtype)).requires_grad_()
    backend, device = load_backend("torch"), torch.device("cpu")
    with backend.autocast(amp_of(dtype=dtype, float32_operators=[name]), device):
        kept = [call(x) for call in TORCH_CALLS[name]]
        low = [F.gelu(x) if name == "matmul" else x @ x]
    assert {y.dtype for y in kept} == {torch.float32}
    assert {y.dtype for y in low} == {x.dtype}
    torch.stack([y.sum() for y in kept]).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == x.dtype


def test_torch_refuses_an_operator_out_of_reach() -> None:
    backend, device = load_backend("torch"), torch.device("cpu")
    amp = Amp(dtype="bfloat16", float32_operators=("softmax", "exp"))
    q = torch.rand(1, 4, 4)
    with (
        backend.autocast(amp, device),
        pytest.raises(BackendError, match=r"\['softmax'\] in scaled_dot_product_attention"),
    ):
        F.scaled_dot_product_attention(q, q, q)


WRITES: list[Callable[[Any], Any]] = [
    lambda x: x.exp_(),
    lambda x: torch.exp_(x),
    lambda x: x.pow_(2),
    lambda x: x.__ipow__(2),
    lambda x: x.addmm_(x, x),
    lambda x: torch.exp(x, out=x.clone()),
    lambda x: torch.mm(x, x, out=x.clone()),
    lambda x: F.softmax(x, -1, dtype=torch.bfloat16),
    lambda x: x.softmax(-1, torch.bfloat16),
]


@pytest.mark.parametrize("call", WRITES)
def test_torch_refuses_a_result_of_a_low_type(call: Callable[[Any], Any]) -> None:
    """In place, `out=` and `dtype=`: the sum of a forward pass must not be written into a copy."""
    amp = amp_of(dtype="bfloat16", float32_operators=["exp", "pow", "matmul", "softmax"])
    with load_backend("torch").autocast(amp, torch.device("cpu")):
        with pytest.raises(BackendError, match=r"a new tensor of float32.*into torch\.bfloat16$"):
            call(torch.ones(4, 4, dtype=torch.bfloat16))
        wide = torch.ones(4, 4)
        assert torch.mm(wide, wide, out=wide.clone())[0, 0] == 4.0
        assert wide.exp_()[0, 0] == torch.e


KERNELS = {
    "cross_entropy": {"nll_loss_forward", "nll_loss2d_forward"},
    "exp": {"exp", "exp_"},
    "gelu": {"gelu"},
    "layer_norm": {"native_layer_norm"},
    "log": {"log", "log_"},
    "log_softmax": {"_log_softmax"},
    "matmul": {
        "mm",
        "bmm",
        "addmm",
        "mv",
        "dot",
        "vdot",
        "addmv",
        "baddbmm",
        "addbmm",
        "_trilinear",
    },
    "mean": {"mean"},
    "pow": {"pow", "pow_"},
    "softmax": {"_softmax", "_safe_softmax"},
    "sum": {"sum"},
}
"""Neutral name -> the kernels that compute it, whatever function was called."""

OWN = {"square": "pow", "square_": "pow"}
"""torch computes these by another operator's kernel; in Paddle they have one of their own."""


class Seen(TorchDispatchMode):
    """The neutral names of the kernels that got an input of bfloat16."""

    def __init__(self) -> None:
        super().__init__()
        self.low: set[str] = set()
        self._name_of = {kernel: name for name, own in KERNELS.items() for kernel in own}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = self._name_of.get(func._schema.name.partition("::")[2])
        if name and any(getattr(x, "dtype", None) == torch.bfloat16 for x in tree_leaves(args)):
            self.low.add(name)
        return func(*args, **(kwargs or {}))


def tensor(*shape: int) -> Any:
    return (torch.rand(*shape) + 0.5).to(torch.bfloat16)


ARGUMENTS: list[Callable[[], tuple[Any, ...]]] = [
    lambda: (tensor(4, 4),),
    lambda: (tensor(4, 4), tensor(4, 4)),
    lambda: (tensor(4, 4), tensor(4, 4), tensor(4, 4)),
    lambda: (tensor(4), tensor(4)),
    lambda: (tensor(4, 4), tensor(4)),
    lambda: (tensor(4), tensor(4, 4), tensor(4)),
    lambda: (tensor(2, 4, 4), tensor(2, 4, 4)),
    lambda: (tensor(2, 4, 4), tensor(2, 4, 4), tensor(2, 4, 4)),
    lambda: (tensor(4, 4), tensor(2, 4, 4), tensor(2, 4, 4)),
    lambda: (tensor(4, 4), -1),
    lambda: (tensor(4, 4), (4,)),
    lambda: (tensor(4, 4), (1, 4)),
    lambda: (tensor(4, 4), Y),
    lambda: ([tensor(4, 4)] * 3,),
    lambda: ("ij,jk->ik", tensor(4, 4), tensor(4, 4)),
    lambda: (tensor(4, 4), tensor(4, 4), tensor(3, 4, 4)),
    lambda: (tensor(4, 4), -1, False),
    lambda: (tensor(2, 4, 4, 4), 2, 2),
    lambda: (2, tensor(4, 4)),
    lambda: (tensor(4, 4), tensor(4, 4), Y),
    lambda: (tensor(4, 4),) * 4,
]
"""What a function is called with, until some of it fits."""


def test_none_of_torchs_functions_computes_a_kept_operator_in_a_low_type() -> None:
    """All that torch lets be overridden, with what arguments they take; seen by their kernels.

    A name once as a function of Python and once as one of C++.
    """
    kept = list(get_args(Float32Operator))
    backend, device = load_backend("torch"), torch.device("cpu")
    amp = amp_of(dtype="bfloat16", float32_operators=kept)
    called, missed = 0, {}
    functions = {
        (getattr(function, "__name__", ""), isfunction(function)): function
        for own in get_overridable_functions().values()
        for function in own
    }
    for (name, _), function in functions.items():
        if name in ("", "__get__", "backward") or any(word in name for word in ELSEWHERE):
            continue
        took, refused = False, False
        prepared = [arguments() for arguments in ARGUMENTS]
        with backend.autocast(amp, device), Seen() as seen:
            for arguments in prepared:
                try:
                    function(*arguments)
                    took = True
                except BackendError:
                    refused = took = True
                    break
                except Exception:  # such arguments are not for it
                    continue
        if not refused and seen.low - {OWN.get(name)}:
            missed[name] = seen.low
        called += took
    assert missed == {}
    assert called > 0.6 * len(functions)


ELSEWHERE = ("cuda", "cudnn", "miopen", "mkldnn", "quant", "fbgemm")
"""Kernels of other devices and types."""


def test_a_function_that_is_not_listed_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    spellings = {**TORCH_OPERATORS.SPELLINGS, "matmul": frozenset({"linear"})}
    monkeypatch.setattr(TORCH_OPERATORS, "SPELLINGS", spellings)
    amp = amp_of(dtype="bfloat16", float32_operators=["matmul"])
    with load_backend("torch").autocast(amp, torch.device("cpu")), Seen() as seen:
        torch.mm(tensor(4, 4), tensor(4, 4))
    assert seen.low == {"matmul"}


def test_every_function_listed_is_torchs_own() -> None:
    """A name that torch does not have, or has no longer, keeps nothing."""
    names = {
        getattr(f, "__name__", "") for own in get_overridable_functions().values() for f in own
    }
    listed = {n for own in TORCH_OPERATORS.SPELLINGS.values() for n in own}
    absent = {n for n in {*listed, *TORCH_OPERATORS.HIDDEN} if n not in names}
    assert {n for n in absent if not hasattr(ATEN, n) and not hasattr(torch.Tensor, n)} == set()


def test_torchs_bert_computes_what_is_kept_in_float32() -> None:
    """Seen by hooks: with `matmul` kept, every Linear of the model; without, none."""
    config, device = make_config("bert"), torch.device("cpu")
    model = TORCH.models.build_model(config)
    seen: list[torch.dtype] = []
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda m, args, output: seen.append(output.dtype))
    for kept, expected in (([], torch.bfloat16), (["matmul", "softmax"], torch.float32)):
        seen.clear()
        device = torch.device("cpu")
        with load_backend("torch").autocast(
            amp_of(dtype="bfloat16", float32_operators=kept), device
        ):
            logits_of(model, TORCH.arrays.to_device(make_batch(config), device))
        assert len(seen) > 10
        assert set(seen) == {expected}


def test_paddles_black_list_has_the_names_that_its_autocast_uses() -> None:
    """Each operator, called in each form, asks for its type under a name that is in the list.

    With the place check faked. On the CPU Paddle then computes all operators in float32, so the
    types themselves say nothing; its log has the names.
    """
    environment = {**os.environ, "GLOG_v": "6", "GLOG_logtostderr": "1"}
    done = subprocess.run(
        [sys.executable, ask_paddle_amp.__file__],
        capture_output=True,
        env=environment,
        check=True,
    )
    blocks = re.split(r"^@ ", done.stderr.decode(errors="replace"), flags=re.MULTILINE)[1:-1]
    assert len(blocks) == sum(map(len, ask_paddle_amp.CALLS.values()))
    names = set()
    for block in blocks:
        name, listed = re.match(r"(\w+) \[(.*)\]", block).groups()  # type: ignore[union-attr]
        names.add(name)
        asked = set(re.findall(r"GetAmpDestDtype: op\((\w+)\)", block))
        kept = {text.strip("'") for text in listed.split(", ")}
        assert asked - AROUND <= kept, name
        assert asked & kept, name
    assert names == set(get_args(Float32Operator))


AROUND = {
    *("elementwise_mul", "not_equal", "reshape", "squeeze2", "transpose2", "unsqueeze2"),
    *("slice", "strided_slice"),
}
"""What `F.cross_entropy`, shapes and this test's own `x[None]` call besides the operator."""


def test_paddle_knows_every_name_of_the_black_list() -> None:
    """Asked of its registry; but for one that only a build for CUDA has, in Paddle's own list."""
    from paddle.base.framework import OpProtoHolder

    core: Any = paddle.base.core
    known = set(core._get_all_register_op_kernels("all"))
    known |= set(OpProtoHolder.instance().op_proto_map)
    names = {name for own in OPERATORS["paddle"].values() for name in own}
    lists: Any = importlib.import_module("paddle.amp.amp_lists")
    assert names - known == {"fused_gemm_epilogue"}
    assert "fused_gemm_epilogue" in lists.WHITE_LIST
