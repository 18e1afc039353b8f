"""The table of native optimizers, measured: each row's class, called by its words, has its rule."""

from __future__ import annotations

from importlib import import_module
from inspect import Parameter, signature
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain import build_optimizer
from dualtrain.native import Row
from dualtrain.native.optimizers import NATIVE_OPTIMIZERS, arguments_for, driving_row, words_of
from dualtrain.optimizers import DecayKind
from dualtrain_paddle._compat import native_models
from tests.builders import spec_of
from tests.core.test_native_optimizers import SAID, SETTINGS, decouples, rule_for
from tests.oracle.optimizers import Reference, rule_of

each_row = pytest.mark.parametrize("row", SAID, ids=lambda row: f"{row.name} {row.means}")


def native_of(row: Row) -> Any:
    module, _, name = row.name.rpartition(".")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("library", ["torch", "paddle"])
def test_every_optimizer_of_a_framework_has_a_row(library: str) -> None:
    room: Any = torch.optim if library == "torch" else paddle.optimizer
    found = {
        f"{'torch.optim' if library == 'torch' else 'paddle.optimizer'}.{name}"
        for name in room.__all__
        if isinstance(getattr(room, name), type) and name != "Optimizer"
    }
    rows = {row.name for row in NATIVE_OPTIMIZERS.rows if row.library == library}
    assert found == {name for name in rows if "incubate" not in name}


@pytest.mark.parametrize("row", NATIVE_OPTIMIZERS.rows, ids=lambda row: f"{row.name} {row.means}")
def test_the_names_and_defaults_are_the_native_ones(row: Row) -> None:
    """Of a refused one that it is there."""
    native_models()  # paddlenlp's import, without its noise
    known = signature(native_of(row)).parameters
    for name, default in row.defaults().items():
        assert known[name].default == default, name
    required = {name for name in row.arguments if name not in row.defaults()}
    assert {name for name in required if known[name].default is Parameter.empty} == required


def moved(row: Row, w: Any, gradients: Any, decay: float) -> list[Any]:
    """The weights after each update of the native class."""
    rule = rule_for(row)
    given = arguments_for(native_of(row), row, words_of(rule, decay or None))
    found = []
    if row.library == "torch":
        p: Any = torch.nn.Parameter(torch.from_numpy(w.copy()))
        optimizer = native_of(row)([p], **given)
        for g in gradients:
            p.grad = torch.from_numpy(g.copy())
            optimizer.step()
            found.append(p.detach().numpy().copy())
        return found
    p = paddle.create_parameter(list(w.shape), "float64")
    p.set_value(w)
    takes = (
        "parameters" if "parameters" in signature(native_of(row)).parameters else "parameter_list"
    )
    optimizer = native_of(row)(**{takes: [p]}, **given)
    for g in gradients:
        p.grad = paddle.to_tensor(g)
        optimizer.step()
        found.append(p.numpy().copy())
    return found


@each_row
def test_a_call_does_what_its_words_say(row: Row) -> None:
    """In float64, with numbers that float32 holds; what is `different` does another thing."""
    name = row.means["optimizer.name"]
    source = np.random.default_rng(0)
    w = source.normal(size=(3, 4))
    sizes = 10.0 ** source.integers(-6, 1, (20, 3, 4))
    gradients = source.normal(size=sizes.shape) * sizes * (source.random(sizes.shape) > 0.1)
    decay = 0.0 if name == "rprop" else 0.25
    rule = Reference(rule_for(row).model_dump(), w, decay, apart=decouples(row))
    apart = max(
        float(np.abs(after - rule.update(g, 2.0**-6)).max())
        for g, after in zip(gradients, moved(row, w, gradients, decay), strict=True)
    )
    if row.equal == "different":
        assert apart > 1e-3
    else:
        assert apart < (1e-6 if row.name == "torch.optim.NAdam" else 1e-12)


@pytest.mark.parametrize("kind", ["coupled", "decoupled"])
@pytest.mark.parametrize("name", SETTINGS)
def test_the_class_that_drives_is_the_one_that_is_built(name: str, kind: DecayKind) -> None:
    rule = rule_of({"name": name, "lr": 0.125, **SETTINGS[name]})
    has = kind in rule.decay_kinds and name != "rprop"
    decay = {"weight_decay": {"value": 0.25, "kind": kind}} if has else {}
    spec = spec_of(optimizer=rule.model_dump(), **decay)
    for library, model in (("torch", torch.nn.Linear(2, 2)), ("paddle", paddle.nn.Linear(2, 2))):
        row, made = driving_row(library, spec.rule), build_optimizer(spec, model)
        if row is None:
            assert type(made).__name__ == "ByRule"
        else:
            assert isinstance(made, native_of(row))
