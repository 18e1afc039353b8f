"""Running statistics under freezing: kept, or trained as both frameworks do natively."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import zoo
from dualtrain.backend import Backend, load_backend, logits_of
from dualtrain.ledger import decide
from dualtrain.training import fit

each_side = pytest.mark.parametrize("side", [0, 1], ids=[b.NAME for b in zoo.BACKENDS])


def trained(side: int, **spec: Any) -> tuple[Backend, Any, set[str]]:
    """Backend, model, and the names of what five updates of the CNN moved."""
    made, backend = zoo.pair("cnn", updates=5, **spec), zoo.BACKENDS[side]
    model = made.models[side]
    before = backend.dump_weights(model)
    fit(made.spec, model, made.batches)
    return backend, model, moved(before, backend.dump_weights(model))


def moved(before: Any, after: Any) -> set[str]:
    return {name for name in before if not np.array_equal(before[name], after[name])}


REST = {
    "norm2.weight",
    "norm2.bias",
    "norm2.running_mean",
    "norm2.running_var",
    "conv2.weight",
    "classifier.weight",
    "classifier.bias",
}
STATISTICS = {"norm1.running_mean", "norm1.running_var"}


@each_side
@pytest.mark.parametrize(
    ("batch_stats", "expected"), [("keep", REST), ("train", REST | STATISTICS)]
)
def test_statistics_of_a_frozen_layer(side: int, batch_stats: str, expected: set[str]) -> None:
    """`fit` calls `model.train()`; a kept layer is in evaluation mode in spite of it."""
    freeze = {"patterns": ["conv1.*", "norm1.*"], "batch_stats": batch_stats}

    assert expected == trained(side, freeze=freeze)[2]


@each_side
def test_a_layer_of_which_a_part_trains_keeps_nothing(side: int) -> None:
    freeze = {"patterns": ["norm1.weight"], "batch_stats": "keep"}

    assert trained(side, freeze=freeze)[2] >= STATISTICS


@each_side
def test_a_kept_layer_normalises_by_its_statistics_in_training(side: int) -> None:
    """All layers kept, training and evaluation give the same output."""
    freeze = {"patterns": ["norm?.*"], "batch_stats": "keep"}
    backend, model, _ = trained(side, freeze=freeze)
    tensors = backend.to_device(zoo.pair("cnn").batches[0], backend.open_device("cpu"))
    outputs = []
    for mode in (model.train, model.eval):
        mode()
        with backend.inference():
            outputs.append(backend.to_numpy(logits_of(model, tensors)))

    np.testing.assert_array_equal(outputs[0], outputs[1])


@each_side
def test_the_next_spec_trains_them_again(side: int) -> None:
    backend, model, _ = trained(side, freeze={"patterns": ["norm?.*"], "batch_stats": "keep"})
    made, before = zoo.pair("cnn", updates=1), backend.dump_weights(model)
    fit(made.spec, model, made.batches)

    assert moved(before, backend.dump_weights(model)) >= STATISTICS


def hold_still(parameter: Any) -> None:
    """As a user does; the word of the other framework is an attribute that it ignores."""
    parameter.requires_grad = False
    parameter.stop_gradient = True


@each_side
def test_what_the_model_holds_still_stays_so(side: int) -> None:
    """A spec thaws only what a spec froze, and its ledger says who held what."""
    made, backend = zoo.pair("cnn", updates=2), zoo.BACKENDS[side]
    model = made.models[side]
    hold_still(model.classifier.bias)
    before = backend.dump_weights(model)
    for freeze in ({"patterns": ["classifier.*"]}, None):
        spec = made.spec.model_validate(made.spec.model_dump() | {"freeze": freeze})
        fit(spec, model, made.batches)
    rows = {row.parameter.name: row for row in decide(backend.parameters(model), spec).rows}

    assert "classifier.bias" not in moved(before, backend.dump_weights(model))
    assert "classifier.weight" in moved(before, backend.dump_weights(model))
    assert (rows["classifier.bias"].freeze_rule, rows["classifier.bias"].trains) == (
        "the model",
        False,
    )
    assert (rows["classifier.weight"].freeze_rule, rows["classifier.weight"].trains) == (
        "default",
        True,
    )


def test_both_sides_agree_with_a_frozen_layer(tmp_path: Path) -> None:
    freeze = {"patterns": ["conv1.*", "norm1.*"], "batch_stats": "keep"}
    comparison = zoo.train("cnn", tmp_path, updates=10, freeze=freeze)

    assert comparison.first is None, comparison.first


@each_side
def test_a_copied_model_keeps_no_statistics_that_are_to_train(side: int) -> None:
    freeze = {"patterns": ["conv1.*", "norm1.*"], "batch_stats": "keep"}
    backend, model, _ = trained(side, freeze=freeze)
    copied = copy.deepcopy(model)
    made = zoo.pair("cnn", updates=5)
    before = backend.dump_weights(copied)
    fit(made.spec, copied, made.batches)
    assert moved(before, backend.dump_weights(copied)) >= STATISTICS

    fit(zoo.pair("cnn", updates=5, freeze=freeze).spec, model, made.batches)
    assert not STATISTICS & moved(before, backend.dump_weights(model))  # untouched by the copy


def test_a_paddle_model_that_keeps_statistics_can_be_pickled() -> None:
    freeze = {"patterns": ["conv1.*", "norm1.*"], "batch_stats": "keep"}
    backend, model, _ = trained(zoo.BACKENDS.index(load_backend("paddle")), freeze=freeze)
    again = pickle.loads(pickle.dumps(model))
    assert not moved(backend.dump_weights(model), backend.dump_weights(again))
