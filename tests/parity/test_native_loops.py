"""What a user's model does by itself, it does in a run: as in a plain loop of its framework."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain import Spec, fit
from dualtrain.backend import Backend, backend_of

LR = 0.1
RANDOM = np.random.default_rng(0)
BATCHES = [
    {"ids": RANDOM.integers(0, 7, (6, 4)), "labels": RANDOM.integers(0, 3, 6)} for _ in range(2)
]
SPEC = Spec.model_validate(
    {
        "optimizer": {"name": "sgd", "lr": LR},
        "schedule": {"name": "constant"},
        "duration": {"updates": 4},
    }
)

Change = Callable[[Any], Any]
"""What a user does to the model: changes it in place, or gives another one."""


class TorchNet(torch.nn.Module):
    def __init__(self, **embedding: Any) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(7, 5, **embedding)
        self.dense = torch.nn.Linear(5, 5)
        self.norm = torch.nn.BatchNorm1d(5)
        self.drop = torch.nn.Dropout(0.0)
        self.head = torch.nn.Linear(5, 3)

    def forward(self, ids: Any) -> Any:
        x = torch.tanh(self.dense(self.table(ids).mean(1)))
        return self.head(self.drop(self.norm(x)))


class PaddleNet(paddle.nn.Layer):
    def __init__(self, **embedding: Any) -> None:
        super().__init__()
        self.table = paddle.nn.Embedding(7, 5, **embedding)
        self.dense = paddle.nn.Linear(5, 5)
        self.norm = paddle.nn.BatchNorm1D(5)
        self.drop = paddle.nn.Dropout(0.0)
        self.head = paddle.nn.Linear(5, 3)

    def forward(self, ids: Any) -> Any:
        x = paddle.tanh(self.dense(self.table(ids).mean(1)))
        return self.head(self.drop(self.norm(x)))


def set_rate(model: Any) -> None:
    model.drop.p = 0.4


def double_gradient(model: Any) -> None:
    model.dense.weight.register_hook(lambda gradient: gradient * 2)


def hold_still(parameter: Any) -> None:
    parameter.requires_grad = False


def scale_output(model: Any) -> None:
    """A forward hook; its name is all in which the frameworks differ."""
    register = getattr(model.dense, "register_forward_post_hook", None)
    (register or model.dense.register_forward_hook)(lambda layer, inputs, output: output * 3)


def shift_input(model: Any) -> None:
    model.dense.register_forward_pre_hook(lambda layer, inputs: (inputs[0] + 1,))


def count_batches(model: Any) -> None:
    """A buffer of its own that the forward pass changes and uses."""
    like = model.dense.bias.detach()
    model.register_buffer("seen", like.clone() * 0)

    def forward(layer: Any, inputs: Any) -> Any:
        model.seen += 1
        return (inputs[0] + model.seen,)

    model.head.register_forward_pre_hook(forward)


def tie(model: Any) -> None:
    model.again = type(model.dense)(5, 5)
    model.again.weight = model.dense.weight
    model.dense.register_forward_pre_hook(lambda layer, inputs: (model.again(inputs[0]),))


def stepped(model: Any) -> None:
    """A post-accumulate hook of the user's that scales what has gathered."""

    def scale(parameter: Any) -> None:
        parameter.grad *= 0.5

    model.dense.weight.register_post_accumulate_grad_hook(scale)


def backward_hook(model: Any) -> None:
    model.dense.register_full_backward_hook(
        lambda m, to, of: (None if to[0] is None else to[0] * 2,)
    )


def not_contiguous(model: Any) -> None:
    weight = model.dense.weight.detach().t().contiguous().t()
    assert not weight.is_contiguous()
    model.dense.weight = torch.nn.Parameter(weight)


def parametrized(name: str) -> Change:
    def change(model: Any) -> None:
        getattr(torch.nn.utils.parametrizations, name)(model.dense)

    return change


def old(module: Any, name: str) -> Change:
    def change(model: Any) -> None:
        getattr(module, name)(model.dense)

    return change


def norm_of(settings: dict[str, Any], kind: Any) -> Change:
    def change(model: Any) -> None:
        model.norm = kind(5, **settings)

    return change


def still(name: str) -> Change:
    return lambda model: hold_still(model.get_submodule(name).weight)


def paddle_still(model: Any) -> None:
    model.dense.weight.stop_gradient = True


def downscale(model: Any) -> None:
    model.drop = paddle.nn.Dropout(0.4, mode="downscale_in_infer")


class Bag(torch.nn.Module):
    """An EmbeddingBag where the table is; gives what the table's rows would have as mean."""

    def __init__(self) -> None:
        super().__init__()
        self.bag = torch.nn.EmbeddingBag(7, 5, mode="sum", max_norm=0.5, padding_idx=2)

    def forward(self, ids: Any) -> Any:
        return self.bag(ids).unsqueeze(1)


def bag(model: Any) -> None:
    model.table = Bag()


def compiled(model: Any) -> Any:
    return torch.compile(model, backend="eager")


def nothing(model: Any) -> None:
    pass


TORCH: dict[str, tuple[dict[str, Any], Change]] = {
    "plain": ({}, nothing),
    "requires_grad": ({}, still("dense")),
    "Embedding(padding_idx=)": ({"padding_idx": 2}, nothing),
    "Embedding(max_norm=, norm_type=)": ({"max_norm": 0.5, "norm_type": 1.0}, nothing),
    "Embedding(scale_grad_by_freq=)": ({"scale_grad_by_freq": True}, nothing),
    "EmbeddingBag": ({}, bag),
    "dropout": ({}, set_rate),
    "tensor hook": ({}, double_gradient),
    "post-accumulate hook": ({}, stepped),
    "forward hook": ({}, scale_output),
    "forward pre-hook": ({}, shift_input),
    "backward hook": ({}, backward_hook),
    "buffer": ({}, count_batches),
    "tied": ({}, tie),
    "not contiguous": ({}, not_contiguous),
    "weight_norm": ({}, parametrized("weight_norm")),
    "spectral_norm": ({}, parametrized("spectral_norm")),
    "orthogonal": ({}, parametrized("orthogonal")),
    "old spectral_norm": ({}, old(torch.nn.utils, "spectral_norm")),
    "BatchNorm(momentum=None)": ({}, norm_of({"momentum": None}, torch.nn.BatchNorm1d)),
    "BatchNorm(momentum=, eps=)": (
        {},
        norm_of({"momentum": 0.3, "eps": 0.1}, torch.nn.BatchNorm1d),
    ),
    "BatchNorm(track_running_stats=False)": (
        {},
        norm_of({"track_running_stats": False}, torch.nn.BatchNorm1d),
    ),
    "BatchNorm(affine=False)": ({}, norm_of({"affine": False}, torch.nn.BatchNorm1d)),
    "float64": ({}, lambda model: model.double()),
    "torch.compile": ({}, compiled),
    "DataParallel": ({}, torch.nn.DataParallel),
}
PADDLE: dict[str, tuple[dict[str, Any], Change]] = {
    "plain": ({}, nothing),
    "stop_gradient": ({}, paddle_still),
    "Embedding(padding_idx=)": ({"padding_idx": 2}, nothing),
    "Embedding(max_norm=, norm_type=)": ({"max_norm": 0.5, "norm_type": 1.0}, nothing),
    "Embedding(scale_grad_by_freq=)": ({"scale_grad_by_freq": True}, nothing),
    "dropout": ({}, set_rate),
    "Dropout(mode=)": ({}, downscale),
    "tensor hook": ({}, double_gradient),
    "forward hook": ({}, scale_output),
    "forward pre-hook": ({}, shift_input),
    "buffer": ({}, count_batches),
    "tied": ({}, tie),
    "weight_norm": ({}, old(paddle.nn.utils, "weight_norm")),
    "spectral_norm": ({}, old(paddle.nn.utils, "spectral_norm")),
    "BatchNorm(momentum=, epsilon=)": (
        {},
        norm_of({"momentum": 0.3, "epsilon": 0.1}, paddle.nn.BatchNorm1D),
    ),
    "BatchNorm(use_global_stats=True)": (
        {},
        norm_of({"use_global_stats": True}, paddle.nn.BatchNorm1D),
    ),
    "BatchNorm(use_global_stats=False)": (
        {},
        norm_of({"use_global_stats": False}, paddle.nn.BatchNorm1D),
    ),
    "BatchNorm(weight_attr=False)": (
        {},
        norm_of({"weight_attr": False, "bias_attr": False}, paddle.nn.BatchNorm1D),
    ),
    "old BatchNorm": ({}, lambda model: setattr(model, "norm", paddle.nn.BatchNorm(5))),
    "old BatchNorm(act=)": ({}, lambda m: setattr(m, "norm", paddle.nn.BatchNorm(5, "relu"))),
    "float64": ({}, lambda model: model.to(dtype="float64")),
    "DataParallel": ({}, paddle.DataParallel),
}
CASES = [
    *(pytest.param("torch", name, id=f"torch, {name}") for name in TORCH),
    *(pytest.param("paddle", name, id=f"paddle, {name}") for name in PADDLE),
]


def built(side: str, name: str) -> Any:
    """The model of a case: each time the same."""
    torch.manual_seed(0)
    paddle.seed(0)
    embedding, change = (TORCH if side == "torch" else PADDLE)[name]
    supported = {"max_norm", "norm_type", "scale_grad_by_freq"} & embedding.keys()
    try:
        model = (TorchNet if side == "torch" else PaddleNet)(**embedding)
    except TypeError:
        assert supported, "only these came with Paddle 3.2"
        pytest.skip(f"this {side} has no {sorted(supported)}")
    changed = change(model)
    return model if changed is None else changed


def loss_of(backend: Backend) -> Any:
    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["ids"]), tensors["labels"])

    return loss


def plain_loop(model: Any) -> None:
    """As a user writes it: no dualtrain but for the loss, whose sum is divided by hand."""
    backend = backend_of(model)
    if backend.NAME == "torch":
        optimizer: Any = torch.optim.SGD(model.parameters(), lr=LR)
        clear: Callable[[], Any] = optimizer.zero_grad
    else:
        optimizer = paddle.optimizer.SGD(LR, parameters=model.parameters())
        clear = optimizer.clear_grad
    model.train()
    for _ in range(2):
        for batch in BATCHES:
            tensors = backend.to_device(batch, backend.open_device("cpu"))
            (loss_of(backend)(model, tensors) / 6).backward()
            optimizer.step()
            clear()


def run(model: Any) -> None:
    fit(SPEC, model, BATCHES, loss=loss_of(backend_of(model)))


def state(model: Any) -> dict[str, Any]:
    """All that the model saves, but for the running variance: dualtrain has one rule for it."""
    held = {name: np.array(tensor.tolist()) for name, tensor in model.state_dict().items()}
    return {n: a for n, a in held.items() if not n.endswith(("running_var", "_variance"))}


@pytest.mark.filterwarnings("ignore:When training, we now always track")
@pytest.mark.filterwarnings("ignore:The program will return to single-card operation")
@pytest.mark.filterwarnings("ignore:.*torch.nn.utils.(weight|spectral)_norm.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")
@pytest.mark.parametrize(("side", "name"), CASES)
def test_a_run_ends_where_a_plain_loop_ends(side: str, name: str) -> None:
    """To rounding, dropout's masks and the model's own buffers included; and it has moved."""
    ends = []
    for train in (plain_loop, run):
        model = built(side, name)
        backend = backend_of(model)
        before = copy.deepcopy(state(model))
        backend.seed_everything(42)  # the spec's, of which a run begins
        train(model)
        ends.append(state(model))
        assert any(not np.array_equal(before[n], ends[-1][n]) for n in before)
    assert ends[0].keys() == ends[1].keys()
    for held, expected in ends[0].items():
        np.testing.assert_allclose(ends[1][held], expected, rtol=1e-6, atol=1e-7, err_msg=held)


@pytest.mark.parametrize("side", ["torch", "paddle"])
def test_a_plain_loop_sees_the_cases(side: str) -> None:
    """A case that changed nothing in the plain loop would show nothing in the run."""
    alike = {"plain", "BatchNorm(affine=False)", "BatchNorm(weight_attr=False)", "float64"}
    alike |= {"torch.compile", "DataParallel", "not contiguous", "orthogonal", "EmbeddingBag"}
    alike |= {name for name in (*TORCH, *PADDLE) if "norm" in name.lower()}  # other tensors
    ends = {}
    for name in ("plain", *(TORCH if side == "torch" else PADDLE)):
        if name in alike - {"plain"}:
            continue
        model = built(side, name)
        backend_of(model).seed_everything(1)
        plain_loop(model)
        ends[name] = state(model)["dense.weight"], state(model)["table.weight"]
    for name, (dense, table) in ends.items():
        if name != "plain":
            assert not np.array_equal(dense, ends["plain"][0]) or not np.array_equal(
                table, ends["plain"][1]
            ), name


class Recurrent(paddle.nn.Layer):
    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.table = paddle.nn.Embedding(7, 5)
        self.layer = layer(5, 5, num_layers=2, direction="bidirect")
        self.head = paddle.nn.Linear(10, 3)

    def forward(self, ids: Any) -> Any:
        return self.head(self.layer(self.table(ids))[0].mean(1))


@pytest.mark.parametrize("layer", [paddle.nn.LSTM, paddle.nn.SimpleRNN])
def test_a_recurrent_model_of_paddles(layer: Any) -> None:
    """Before its first forward pass it holds a buffer without values, on which `to` raises."""
    model = Recurrent(layer)
    plain = Recurrent(layer)
    plain.set_state_dict(model.state_dict())
    fit(SPEC, model, BATCHES)

    optimizer = paddle.optimizer.SGD(LR, parameters=plain.parameters())
    for batch in BATCHES * 2:
        logits = plain(paddle.to_tensor(batch["ids"]))
        paddle.nn.functional.cross_entropy(logits, paddle.to_tensor(batch["labels"])).backward()
        optimizer.step()
        optimizer.clear_grad()
    for found, expected in zip(model.parameters(), plain.parameters(), strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)
