"""What a model carries that a run refuses by name, or tells."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import paddle
import pytest
import torch
from paddle.base.framework import EagerParamBase

import dualtrain_paddle
import dualtrain_torch
from dualtrain import build_optimizer, fit
from dualtrain.backend import Backend, backend_of
from dualtrain.errors import BackendError, LedgerError
from dualtrain.trace import read_trace
from dualtrain.training import start
from tests import builders

spec_of = partial(builders.spec_of, duration={"updates": 2}, weight_decay={"value": 0.1})
SPEC = spec_of()
BATCH = {"ids": np.array([[0, 1], [2, 1]]), "labels": np.array([0, 1])}


class TorchNet(torch.nn.Module):
    head: Any

    def __init__(self, table: Any) -> None:
        super().__init__()
        self.table, self.head = table, torch.nn.Linear(3, 2)

    def forward(self, ids: Any) -> Any:
        return self.head(self.table(ids).mean(1))


class PaddleNet(paddle.nn.Layer):
    def __init__(self, table: Any) -> None:
        super().__init__()
        self.table, self.head = table, paddle.nn.Linear(3, 2)

    def forward(self, ids: Any) -> Any:
        return self.head(self.table(ids).mean(1))


class TorchLookup(torch.nn.Module):
    """A table of its own, which a function looks up."""

    def __init__(self, sparse: bool) -> None:
        super().__init__()
        self.weight, self.sparse_too = torch.nn.Parameter(torch.ones(4, 3)), sparse

    def forward(self, ids: Any) -> Any:
        return torch.nn.functional.embedding(ids, self.weight, sparse=self.sparse_too)


class PaddleLookup(paddle.nn.Layer):
    def __init__(self, sparse: bool) -> None:
        super().__init__()
        self.weight, self.sparse_too = self.create_parameter([4, 3]), sparse

    def forward(self, ids: Any) -> Any:
        return paddle.nn.functional.embedding(ids, self.weight, sparse=self.sparse_too)


each_side = pytest.mark.parametrize("backend", [dualtrain_torch, dualtrain_paddle])


def net(backend: Backend, *, lookup: bool = False, sparse: bool = True) -> Any:
    if backend.NAME == "torch":
        table = TorchLookup(sparse) if lookup else torch.nn.Embedding(4, 3, sparse=sparse)
        return TorchNet(table)
    layer = PaddleLookup(sparse) if lookup else paddle.nn.Embedding(4, 3, sparse=sparse)
    return PaddleNet(layer)


@each_side
def test_a_sparse_embedding_is_refused_before_training(backend: Backend) -> None:
    text = r"^table\.weight: a run takes no sparse .* without sparse=True\. Received: sparse=True$"
    for use in (build_optimizer, lambda spec, model: fit(spec, model, [BATCH])):
        with pytest.raises(LedgerError, match=text):
            use(SPEC, net(backend))
    fit(SPEC, net(backend, sparse=False), [BATCH])


def test_a_sparse_bag_is_refused() -> None:
    with pytest.raises(LedgerError, match=r"^weight: a run takes no sparse"):
        build_optimizer(SPEC, torch.nn.EmbeddingBag(4, 3, sparse=True))


@each_side
def test_a_tied_table_is_sparse_if_one_of_its_owners_is(backend: Backend) -> None:
    model = net(backend, sparse=False)
    model.again = type(model.table)(4, 3, sparse=True)
    model.again.weight = model.table.weight
    with pytest.raises(LedgerError, match=r"^table\.weight: a run takes no sparse"):
        build_optimizer(SPEC, model)


@each_side
def test_a_frozen_sparse_embedding_is_none(backend: Backend) -> None:
    spec = spec_of(freeze={"patterns": ["table.*"]})
    fit(spec, net(backend), [BATCH])


@each_side
@pytest.mark.parametrize("clip", [None, {"global_norm": 1.0}])
def test_a_sparse_gradient_of_a_function_is_refused_at_the_first_update(
    backend: Backend, clip: Any
) -> None:
    """Before anything has moved; a model does not say what functions it will call."""
    spec = spec_of(clip=clip)
    model = net(backend, lookup=True)
    before = backend.dump_weights(model)
    text = r"^gradients must be dense: .* Received: a sparse one of shape \(4, 3\)$"
    with pytest.raises(BackendError, match=text):
        fit(spec, model, [BATCH])
    after = backend.dump_weights(model)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    fit(spec, net(backend, lookup=True, sparse=False), [BATCH])


def test_complex_parameters_are_refused() -> None:
    text = r"^weight: parameters that train must be real .* Received: torch\.complex64$"
    with pytest.raises(LedgerError, match=text):
        build_optimizer(SPEC, torch.nn.Linear(2, 2, bias=False, dtype=torch.complex64))
    layer = paddle.nn.Layer()
    layer.weight = EagerParamBase.from_tensor(paddle.to_tensor([1 + 2j]))
    with pytest.raises(LedgerError, match=r"^weight: parameters that train must be real"):
        build_optimizer(SPEC, layer)


@each_side
def test_complex_numbers_are_never_made_real_in_silence(backend: Backend) -> None:
    """Frozen ones do not train, but their weights cannot be saved in float32."""
    made: Any = torch.tensor([1 + 2j])
    if backend.NAME == "paddle":
        made = paddle.to_tensor([1 + 2j])
    with pytest.raises(BackendError, match=r"^only real numbers .* Received: .*complex64$"):
        backend.to_numpy(made)


def lazy_torch() -> Any:
    return torch.nn.LazyLinear(2)


def meta_torch() -> Any:
    with torch.device("meta"):
        return torch.nn.Linear(2, 2)


def lazy_paddle() -> Any:
    with paddle.LazyGuard():
        return paddle.nn.Linear(2, 2)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
@pytest.mark.parametrize("build", [lazy_torch, meta_torch, lazy_paddle])
def test_parameters_without_values_are_refused(build: Callable[[], Any]) -> None:
    text = r"^every parameter must have its values: .* Received: 'weight' without values$"
    with pytest.raises(BackendError, match=text):
        build_optimizer(SPEC, build())


def test_a_parameter_that_is_not_dense_is_refused() -> None:
    model = torch.nn.Linear(2, 2)
    model.weight = torch.nn.Parameter(torch.eye(2).to_sparse())
    text = r"^weight: parameters that train must be dense\. Received: .*sparse_coo$"
    with pytest.raises(LedgerError, match=text):
        build_optimizer(SPEC, model)


def test_a_sharded_parameter_is_refused() -> None:
    """As `fully_shard` makes them; one process of one is enough to have some."""
    model = torch.nn.Linear(2, 2)
    weight: Any = model.weight
    weight.device_mesh = object()
    with pytest.raises(LedgerError, match=r"^weight: one process trains, with whole tensors"):
        build_optimizer(SPEC, model)


def compiled(model: Any) -> Any:
    return torch.compile(model, backend="eager")


WRAPPED: list[Any] = [
    pytest.param(dualtrain_torch, compiled, "_orig_mod.", id="compile"),
    pytest.param(dualtrain_torch, torch.nn.DataParallel, "module.", id="torch DataParallel"),
    pytest.param(
        dualtrain_torch,
        lambda m: torch.nn.DataParallel(compiled(m)),
        "module._orig_mod.",
        id="both",
    ),
    pytest.param(dualtrain_paddle, paddle.DataParallel, "_layers.", id="paddle DataParallel"),
]


@pytest.mark.filterwarnings("ignore:The program will return to single-card operation")
@pytest.mark.parametrize(("backend", "wrap", "prefix"), WRAPPED)
def test_a_wrapper_has_no_part_in_canonical_names(
    backend: Backend, wrap: Callable[[Any], Any], prefix: str
) -> None:
    """So patterns fit, and the trace and the weights are those of the model itself."""
    inner = net(backend, sparse=False)
    outer = wrap(inner)
    found = backend.parameters(outer)
    assert [p.name for p in found] == [p.name for p in backend.parameters(inner)]
    assert {p.structured.removeprefix(prefix) for p in found} == {p.name for p in found}
    assert backend.dump_weights(outer).keys() == backend.dump_weights(inner).keys()
    spec = spec_of(lr_multipliers=[{"pattern": "head.*", "multiplier": 0.5}])
    made = build_optimizer(spec, outer)
    held = backend.effective_lr_multiplier(made, outer)
    assert held == {"table.weight": 1.0, "head.weight": 0.5, "head.bias": 0.5}


@pytest.mark.parametrize("cls", [torch.nn.Sequential, paddle.nn.Sequential])
def test_a_layer_that_only_has_the_name_of_a_wrappers_is_none(cls: Any) -> None:
    layers: Any = torch.nn if cls is torch.nn.Sequential else paddle.nn
    model = cls(layers.Linear(2, 2))
    for name in ("module", "_layers", "_orig_mod"):
        setattr(model, name, layers.Linear(2, 2))
    names = [p.name for p in backend_of(model).parameters(model)]
    assert {name.rpartition(".")[0] for name in names} == {"0", "module", "_layers", "_orig_mod"}


def mark(model: Any) -> None:
    model.head.weight._no_weight_decay = True


def name_it(model: Any) -> None:
    model.no_weight_decay = lambda: {"head.weight"}


def name_a_part(model: Any) -> None:
    model.no_weight_decay_keywords = lambda: {"head.w"}


@each_side
def test_a_method_of_that_name_that_takes_arguments_is_no_mark(backend: Backend) -> None:
    model = net(backend, sparse=False)
    model.no_weight_decay = lambda names: names
    build_optimizer(SPEC, model)


@each_side
@pytest.mark.parametrize("how", [mark, name_it, name_a_part])
def test_marks_of_no_weight_decay_are_told(backend: Backend, how: Callable[[Any], None]) -> None:
    """Mamba's, timm's and Swin's own scripts heed them; a spec that excludes it hears nothing."""
    model = net(backend, sparse=False)
    how(model)
    with pytest.warns(UserWarning, match=r"these decay: head\.weight\. To exclude them"):
        build_optimizer(SPEC, model)
    decay = {"value": 0.1, "exclude_patterns": ["head.weight"]}
    build_optimizer(spec_of(weight_decay=decay), model)


@each_side
def test_the_trace_notes_dropout(backend: Backend, tmp_path: Any) -> None:
    layers: Any = torch.nn if backend.NAME == "torch" else paddle.nn
    model = net(backend, sparse=False)
    model.table = layers.Sequential(model.table, layers.Dropout(0.3))
    fit(SPEC, model, [BATCH], trace=tmp_path / "t.jsonl")
    notes = read_trace(tmp_path / "t.jsonl").header.notes
    assert notes == ("dropout is on, in table.1: masks cannot match across frameworks",)


def test_the_trace_notes_the_other_mode_of_dropout(tmp_path: Any) -> None:
    model = net(dualtrain_paddle, sparse=False)
    dropout = paddle.nn.Dropout(0.3, mode="downscale_in_infer")
    model.table = paddle.nn.Sequential(model.table, dropout)
    fit(SPEC, model, [BATCH], trace=tmp_path / "t.jsonl")
    assert read_trace(tmp_path / "t.jsonl").header.notes[1] == (
        "dropout scales down in evaluation, which torch cannot: downscale_in_infer"
    )


@each_side
def test_the_trace_notes_buffers_that_it_leaves_out(backend: Backend, tmp_path: Any) -> None:
    """Of floats that the model saves: whole numbers and what it does not save are constants."""
    model = net(backend, sparse=False)
    bias = model.head.bias.detach()
    for name, tensor in (("seen", bias.clone()), ("index", bias.clone() > 0)):
        model.register_buffer(name, tensor)
    keyword = "persistent" if backend.NAME == "torch" else "persistable"
    model.register_buffer("angles", bias.clone(), **{keyword: False})
    fit(SPEC, model, [BATCH], trace=tmp_path / "t.jsonl")
    notes = read_trace(tmp_path / "t.jsonl").header.notes
    assert notes == ("buffers are neither compared nor saved: seen",)


@each_side
def test_the_trace_notes_that_float64_is_saved_in_float32(backend: Backend, tmp_path: Any) -> None:
    model = net(backend, sparse=False)
    model = model.double() if backend.NAME == "torch" else model.to(dtype="float64")
    fit(SPEC, model, [BATCH], trace=tmp_path / "t.jsonl")
    notes = read_trace(tmp_path / "t.jsonl").header.notes
    assert notes == ("weights in float64 are compared and saved in float32",)


class Counting(torch.nn.Linear):
    def get_extra_state(self) -> Any:
        return {"calls": 1}


def test_the_trace_notes_extra_states(tmp_path: Any) -> None:
    model = TorchNet(torch.nn.Embedding(4, 3))
    model.head = Counting(3, 2)
    fit(SPEC, model, [BATCH], trace=tmp_path / "t.jsonl")
    notes = read_trace(tmp_path / "t.jsonl").header.notes
    assert notes == ("extra states of modules are neither compared nor saved",)


@pytest.mark.filterwarnings("ignore:When training, we now always track")  # Paddle's layer
def test_the_trace_notes_the_rule_of_running_variances(tmp_path: Any) -> None:
    """Where it is not the framework's own; no note where there are no statistics."""
    plain, without = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2, track_running_stats=False)
    whole, part = "all n elements, not of n - 1", "n - 1, not of all n elements"
    for norm, rule, told in (
        (plain, "paddle", [whole]),
        (plain, "torch", []),
        (without, "paddle", []),
        (paddle.nn.BatchNorm1D(2), "paddle", []),
        (paddle.nn.BatchNorm1D(2), "torch", [part]),
    ):
        in_torch = isinstance(norm, torch.nn.Module)
        net, layers = (TorchNet, torch.nn) if in_torch else (PaddleNet, paddle.nn)
        model = net(layers.Embedding(4, 3))
        model.head = layers.Sequential(model.head, norm)
        spec = SPEC.model_copy(update={"batch_norm": rule})
        fit(spec, model, [BATCH], trace=tmp_path / "t.jsonl")
        notes = read_trace(tmp_path / "t.jsonl").header.notes
        assert notes == tuple(f"running variances of batch norms are of {text}" for text in told)


@each_side
def test_gradients_from_before_are_the_loops_own(backend: Backend) -> None:
    """A run begins without, as a loop does that calls zero_grad first; an optimizer alone keeps
    them."""
    model = net(backend, sparse=False)

    def backward() -> None:
        tensors = backend.to_device(BATCH, backend.open_device("cpu"))
        backend.cross_entropy_sum(model(tensors["ids"]), tensors["labels"]).backward()

    backward()
    build_optimizer(SPEC, model)
    assert model.head.weight.grad is not None
    start(SPEC, model, micro_batches_per_epoch=1)
    assert model.head.weight.grad is None
