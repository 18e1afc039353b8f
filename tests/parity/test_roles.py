"""Roles in live models: the frameworks' own classes, the user's own, and what a trial leaves."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import pytest
import torch

import dualtrain_paddle
import dualtrain_torch
from dualtrain import build_optimizer
from dualtrain.backend import Backend, master_of
from dualtrain.ledger import Kind, decide, roles_of
from dualtrain.spec import Amp
from tests.builders import spec_of
from tests.pairs import PADDLE, TORCH

C = 4


def kinds(model: Any) -> dict[str, Kind]:
    side = TORCH if isinstance(model, torch.nn.Module) else PADDLE
    return {p.name: p.kind for p in side.parameters(model)}


class TorchRoot(torch.nn.Module):
    """An RMSNorm with gamma and beta, a norm by trial alone. It draws random numbers."""

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.gamma = torch.nn.Parameter(torch.full((C,), start))
        self.beta = torch.nn.Parameter(torch.zeros(C))
        self.calls = 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        x = x + 0 * torch.rand_like(x)
        return x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * self.gamma + self.beta


class TorchNorm(TorchRoot):
    """It is called one."""


class TorchRms(TorchNorm):
    """Its base is called one."""


class TorchScale(torch.nn.Module):
    def __init__(self, start: float = 1e-5) -> None:
        super().__init__()
        self.gamma = torch.nn.Parameter(torch.full((C,), start))

    def forward(self, x: Any) -> Any:
        return x * self.gamma


class TorchChannels(torch.nn.Module):
    """A LayerNorm over the channels of an image, its vectors (C, 1, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.g = torch.nn.Parameter(torch.ones(C, 1, 1))
        self.b = torch.nn.Parameter(torch.zeros(C, 1, 1))

    def forward(self, x: Any) -> Any:
        mean = x.mean(1, keepdim=True)
        var = x.var(1, keepdim=True, unbiased=False)
        return self.g * (x - mean) / (var + 1e-5).sqrt() + self.b


class TorchMatrix(torch.nn.Module):
    """A head that normalises its weight: NormHead."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3, C))

    def forward(self, x: Any) -> Any:
        return torch.nn.functional.linear(x, torch.nn.functional.normalize(self.weight))


class TorchLinear(torch.nn.Linear):
    pass


TorchLinear.__name__ = "NormedLinear"
TorchMatrix.__name__ = "NormHead"


class PaddleRoot(paddle.nn.Layer):
    """The same in Paddle."""

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        constant = paddle.nn.initializer.Constant
        self.gamma = self.create_parameter([C], default_initializer=constant(start))
        self.beta = self.create_parameter([C], is_bias=True)
        self.calls = 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        x = x + 0 * paddle.rand(x.shape)
        return x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * self.gamma + self.beta


class PaddleNorm(PaddleRoot):
    pass


class PaddleRms(PaddleNorm):
    pass


class PaddleScale(paddle.nn.Layer):
    def __init__(self, start: float = 1e-5) -> None:
        super().__init__()
        constant = paddle.nn.initializer.Constant
        self.gamma = self.create_parameter([C], default_initializer=constant(start))

    def forward(self, x: Any) -> Any:
        return x * self.gamma


class PaddleChannels(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.g = self.create_parameter([C, 1, 1])
        self.b = self.create_parameter([C, 1, 1], is_bias=True)

    def forward(self, x: Any) -> Any:
        mean = x.mean(1, keepdim=True)
        var = x.var(1, keepdim=True, unbiased=False)
        return self.g * (x - mean) / (var + 1e-5).sqrt() + self.b


class PaddleMatrix(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.weight = self.create_parameter([3, C])

    def forward(self, x: Any) -> Any:
        return paddle.matmul(x, self.weight, transpose_y=True)


class PaddleLinear(paddle.nn.Linear):
    pass


PaddleLinear.__name__ = "NormedLinear"
PaddleMatrix.__name__ = "NormHead"

TORCH_OWN: dict[str, Callable[[], Any]] = {
    "named": TorchNorm,
    "derived": TorchRms,
    "tried": TorchRoot,
    "zero": lambda: TorchRoot(0.0),
    "channels": TorchChannels,
    "scale": TorchScale,
    "no_scale": lambda: TorchScale(0.0),
    "matrix": TorchMatrix,
    "linear": lambda: TorchLinear(C, 3),
}
PADDLE_OWN: dict[str, Callable[[], Any]] = {
    "named": PaddleNorm,
    "derived": PaddleRms,
    "tried": PaddleRoot,
    "zero": lambda: PaddleRoot(0.0),
    "channels": PaddleChannels,
    "scale": PaddleScale,
    "no_scale": lambda: PaddleScale(0.0),
    "matrix": PaddleMatrix,
    "linear": lambda: PaddleLinear(C, 3),
}
EXPECTED: dict[str, Kind] = {
    **dict.fromkeys(("named", "derived", "tried", "zero", "channels"), "norm"),
    **dict.fromkeys(("scale", "no_scale", "matrix", "linear"), "other"),
}
OWN = [pytest.param(own, id=id) for own, id in ((TORCH_OWN, "torch"), (PADDLE_OWN, "paddle"))]


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("own", OWN)
def test_a_module_of_the_users_own(own: dict[str, Callable[[], Any]], name: str) -> None:
    assert set(kinds(own[name]()).values()) == {EXPECTED[name]}


@pytest.mark.parametrize("own", OWN)
def test_the_shift_of_an_own_norm_is_its_bias(own: dict[str, Callable[[], Any]]) -> None:
    side = TORCH if own is TORCH_OWN else PADDLE
    found = [p for n in ("named", "channels") for p in side.parameters(own[n]())]

    assert [("bias" in roles_of(p)) for p in found] == [False, True, False, True]


def test_a_trial_leaves_torch_as_it_was() -> None:
    """No call, no mode, no value, no generator: its own drew random numbers."""
    module, seen = TorchRoot(0.25), []
    module.register_forward_hook(lambda *_: seen.append(1))
    module.eval()
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    expected = torch.rand(3), np.random.rand(), random.random()
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    assert set(kinds(module).values()) == {"norm"}
    found = torch.rand(3), np.random.rand(), random.random()

    assert torch.equal(found[0], expected[0]) and found[1:] == expected[1:]
    assert (module.calls, seen, module.training) == (0, [], False)
    assert (module.gamma == 0.25).all() and module.gamma.grad is None


def test_a_trial_leaves_paddle_as_it_was() -> None:
    """Nor do the names that Paddle counts move on."""
    module: Any = PaddleRoot(0.25)
    seen: list[int] = []
    module.register_forward_post_hook(lambda *_: seen.append(1))
    module.eval()
    paddle.seed(0)
    expected = paddle.rand([3]).numpy()
    paddle.seed(0)
    before = paddle.utils.unique_name.generate("a_name")
    assert set(kinds(module).values()) == {"norm"}
    after = paddle.utils.unique_name.generate("a_name")
    found = paddle.rand([3]).numpy()

    assert (found == expected).all()
    assert (module.calls, seen, module.training) == (0, [], False)
    assert (module.gamma.numpy() == 0.25).all()
    assert int(after.rpartition("_")[2]) == int(before.rpartition("_")[2]) + 1


def native(base: Any, package: Any) -> list[Any]:
    """Every class of a framework's package that is one of its modules."""
    found = {v for v in vars(package).values() if isinstance(v, type) and issubclass(v, base)}
    return sorted(found, key=lambda cls: cls.__name__)


SIZES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("Linear", "Bilinear", "Embedding", "EmbeddingBag"), (4, 4, 4)),
    "Embedding": (9, 4),
    "EmbeddingBag": (9, 4),
    "Linear": (4, 4),
    "GroupNorm": (2, 4),
    "LayerNorm": (4,),
    "RMSNorm": (4,),
    "MultiheadAttention": (4, 2),
    "MultiHeadAttention": (4, 2),
    "SpectralNorm": ([4, 4],),
    "PReLU": (4,),
}
NORMS = ("BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm", "RMSNorm", "SyncBatchNorm")


def kind_of_class(name: str) -> Kind:
    if name in ("Embedding", "EmbeddingBag"):
        return "embedding"
    return "norm" if name.startswith(NORMS) else "other"


@pytest.mark.parametrize(
    "cls",
    [*native(torch.nn.Module, torch.nn), *native(paddle.nn.Layer, paddle.nn)],
    ids=lambda cls: f"{cls.__module__.partition('.')[0]}-{cls.__name__}",
)
def test_every_layer_of_the_frameworks_is_what_it_is(cls: Any) -> None:
    """Those that hold parameters and are made of whole numbers: both lists, with no class named."""
    name = cls.__name__
    tried = [SIZES[name]] if name in SIZES else [(4,), (4, 4), (4, 4, 1), (4, 4, 4)]
    made = []
    for arguments in [] if name.startswith("Lazy") or "Transformer" in name else tried:
        with contextlib.suppress(Exception):  # it takes other arguments
            made.append(kinds(cls(*arguments)))
    for found in made:
        own = {kind for name, kind in found.items() if "." not in name}
        assert own <= {kind_of_class(name)}
    assert made or not name.startswith((*NORMS, "Linear", "Conv", "Embedding", "LSTM", "GRU"))


def test_weight_and_spectral_norms_hold_matrices() -> None:
    """Their parts are a convolution's, whether torch keeps them in a list of parts or not."""
    conv = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(4, 4, 2))
    spectral = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(4, 4))
    norm = torch.nn.utils.parametrize.register_parametrization
    layer = torch.nn.LayerNorm(4)
    norm(layer, "weight", torch.nn.Softplus(), unsafe=True)
    table = torch.nn.Embedding(9, 4)
    norm(table, "weight", torch.nn.Identity())
    paddle_conv = paddle.nn.utils.weight_norm(paddle.nn.Conv1D(4, 4, 2))
    paddle_linear = paddle.nn.utils.spectral_norm(paddle.nn.Linear(4, 4))

    assert set(kinds(conv).values()) == {"other"} and len(kinds(conv)) == 3
    assert set(kinds(spectral).values()) == {"other"}
    assert set(kinds(layer).values()) == {"norm"}
    assert set(kinds(table).values()) == {"embedding"}
    assert set(kinds(paddle_conv).values()) == {"other"}
    assert set(kinds(paddle_linear).values()) == {"other"}


def test_paddles_fused_layers_and_parallel_embedding() -> None:
    fused = kinds(paddle.incubate.nn.FusedFeedForward(4, 8, normalize_before=False))

    assert {name for name, kind in fused.items() if kind == "norm"} == {
        name for name in fused if "ln" in name
    }
    assert {"_linear1_weight", "_ln2_scale"} <= fused.keys()
    from paddle.distributed.fleet.meta_parallel import VocabParallelEmbedding

    table = VocabParallelEmbedding.__new__(VocabParallelEmbedding)  # it wants a process group
    paddle.nn.Layer.__init__(table)
    table.weight = table.create_parameter([9, C])
    assert kinds(table) == {"weight": "embedding"}


@pytest.mark.parametrize(
    ("verbs", "own", "low"),
    [
        (dualtrain_torch, TORCH_OWN, torch.bfloat16),
        (dualtrain_paddle, PADDLE_OWN, paddle.bfloat16),
    ],
    ids=["torch", "paddle"],
)
def test_at_o2_what_is_a_norm_keeps_float32(
    verbs: Backend, own: dict[str, Callable[[], Any]], low: Any
) -> None:
    """A Linear called NormedLinear is cast, an own norm is not, whatever each is called."""
    is_torch = verbs.NAME == "torch"
    module: Any = (torch.nn.Sequential if is_torch else paddle.nn.Sequential)(
        own["linear"](), own["tried"](), own["scale"]()
    )
    optimizer = build_optimizer(spec_of(), module)
    verbs.build_masters(Amp(dtype="bfloat16", level="O2"), module, optimizer)
    types = {name: p.dtype == low for name, p in module.named_parameters()}

    assert types == {
        **{"0.weight": True, "0.bias": True, "2.gamma": True},
        **{"1.gamma": False, "1.beta": False},
    }
    assert {n: master_of(p) is not p for n, p in module.named_parameters()} == types


class TorchTied(torch.nn.Module):
    """The head's matrix, registered before the table's, and a whole layer that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Linear(C, 9, bias=False)
        self.table = torch.nn.Embedding(9, C)
        self.head.weight = self.table.weight
        self.first = torch.nn.Linear(C, C)
        self.second = self.first


class PaddleTied(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.head = PaddleMatrix()
        self.table = paddle.nn.Embedding(9, C)
        self.head.weight = self.table.weight
        self.first = paddle.nn.Linear(C, C)
        self.second = self.first


@pytest.mark.parametrize("build", [TorchTied, PaddleTied])
def test_a_tied_weight_has_all_its_names(build: Callable[[], Any]) -> None:
    side = TORCH if build is TorchTied else PADDLE
    found = {p.name: p for p in side.parameters(build())}

    assert {n: (p.kind, p.aliases, p.structured_aliases) for n, p in found.items()} == {
        "head.weight": ("embedding", ("table.weight",), ("table.weight",)),
        "first.weight": ("other", ("second.weight",), ("second.weight",)),
        "first.bias": ("other", ("second.bias",), ("second.bias",)),
    }
    spec = spec_of(freeze={"patterns": ["table.*", "second.bias"]})
    rows = {row.parameter.name: row.frozen for row in decide(found.values(), spec).rows}
    assert rows == {"head.weight": True, "first.weight": False, "first.bias": True}
