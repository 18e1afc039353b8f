"""Faults of half (a), each switched on alone in the Paddle side: named, and how far beyond the bar.

The numbers are what is asked for; a comment beside them is what was measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import pytest

import dualtrain_paddle
from benchmarks import zoo
from dualtrain.testing import assert_lockstep
from tests.builders import spec_of
from tests.nets import PADDLE, Build, Layers, cnn, images, mlp, pair_of, points

SPEC = spec_of(optimizer={"name": "adamw", "lr": 1e-3}, duration={"updates": 4})

LossSum = Callable[[Any, dict[str, Any]], Any]


def said(models: list[Any], data: Any, spec: Any = SPEC, loss: LossSum | None = None) -> str:
    """What the assertion objects with."""
    with pytest.raises(AssertionError) as caught:
        assert_lockstep(spec, models, data, loss=loss)
    return str(caught.value)


def times(message: str) -> float:
    """How many times its bar, at the update that is named."""
    found = re.search(r" is (\S+) times its bar", message)
    assert found, message
    return float(found[1])


def cross_entropy(model: Any, logits: Any, labels: Any) -> Any:
    framework = paddle.nn if isinstance(model, paddle.nn.Layer) else __import__("torch").nn
    return framework.functional.cross_entropy(logits, labels, reduction="sum")


def one_sample_missing(model: Any, batch: dict[str, Any]) -> Any:
    """Its loss is there, its gradient is not."""
    labels = batch.pop("labels")
    logits = model(*batch.values())
    if isinstance(model, paddle.nn.Layer):
        logits = paddle.concat([logits[:5], logits[5:6].detach(), logits[6:]])
    return cross_entropy(model, logits, labels)


def smoothed(model: Any, batch: dict[str, Any]) -> Any:
    """Label smoothing 1e-4."""
    labels = batch.pop("labels")
    logits = model(*batch.values())
    loss = cross_entropy(model, logits, labels)
    if isinstance(model, paddle.nn.Layer):
        even = -paddle.nn.functional.log_softmax(logits).mean(-1).sum()
        loss = (1 - 1e-4) * loss + 1e-4 * even
    return loss


class TestLoss:
    @pytest.mark.parametrize(
        ("loss", "least", "knob"),
        [(one_sample_missing, 1e4, "batch.accumulate"), (smoothed, 100, "loss, task.model")],
    )
    def test_is_found(self, loss: LossSum, least: float, knob: str) -> None:
        message = said(pair_of(mlp()), points(), loss=loss)
        assert message.startswith("the first difference is in half 'gradients', update 0, ")
        assert times(message) > least, message
        assert f"Look at {knob}" in message

    def test_ignored_labels_that_count_in_the_mean(self) -> None:
        """Paddle's own mean: every gradient is smaller by one factor, and that is said."""
        data = [(x, np.where(np.arange(32) % 4 == 0, -100, y)) for x, y in points()]

        def loss(model: Any, batch: dict[str, Any]) -> Any:
            labels = batch.pop("labels")
            total = cross_entropy(model, model(*batch.values()), labels)
            return total * 0.75 if isinstance(model, paddle.nn.Layer) else total

        message = said(pair_of(mlp()), data, loss=loss)
        assert "the second side's is 0.75 times the first's, in all" in message
        assert "Look at loss, task.model" in message


class Transposed(paddle.nn.Linear):
    """A Linear whose square weight was copied without transposing it."""

    def forward(self, input: Any) -> Any:
        return paddle.nn.functional.linear(input, self.weight.T, self.bias)


class Single(paddle.nn.Linear):
    """A Linear whose kernel is wrong in float32 alone."""

    def forward(self, input: Any) -> Any:
        out = super().forward(input)
        return out * 1.001 if input.dtype == paddle.float32 else out


def with_last(layer: type[Any], size: int = 64) -> Build:
    """The usual net, but for its last Linear."""

    def build(layers: Layers) -> Any:
        net = mlp(outputs=size)(layers)
        kind = layer if layers is PADDLE else layers.nn.Linear
        net[len(net) - 1] = kind(64, size)
        return net

    return build


class TestModel:
    def test_a_square_matrix_that_was_not_transposed(self) -> None:
        message = said(pair_of(with_last(Transposed)), points())
        assert times(message) > 1e6

    def test_eps_of_a_layer_norm(self) -> None:
        """1e-6 for 1e-12."""
        pair = zoo.pair("bert", updates=2, batches=2)
        norms = [m for m in pair.models[1].sublayers() if isinstance(m, paddle.nn.LayerNorm)]
        for norm in norms:
            norm._epsilon = 1e-6
        message = said(list(pair.models), pair.batches, pair.spec)
        assert times(message) > 10, message

    def test_momentum_of_a_batch_norm(self) -> None:
        """Its running statistics alone are others."""
        torch_net, paddle_net = pair_of(cnn(bias=False))
        for layer in paddle_net.sublayers():
            if isinstance(layer, paddle.nn.BatchNorm2D):
                layer._momentum = 0.89
        message = said([torch_net, paddle_net], images())
        assert re.search(r"(4|1)\.running_(var|mean): statistic is ", message), message
        assert times(message) > 1e4
        assert "Look at batch_norm, freeze.batch_stats" in message

    def test_dropout_that_was_left_on(self) -> None:
        message = said(pair_of(mlp(), mlp(drop=0.1)), points())
        assert "the model is random: set its dropout to 0" in message
        assert message.startswith("the first difference is in half 'gradients', update 0, paddle")

    def test_dropout_that_was_left_on_in_both(self) -> None:
        message = said(pair_of(mlp(drop=0.1)), points())
        assert message.startswith("no proof, by half 'gradients', update 0, ")
        assert "the model is random: set its dropout to 0" in message

    def test_a_kernel_that_is_wrong_in_float32_alone(self) -> None:
        """At one update it might be a kink; at all of them it is not."""
        message = said(pair_of(with_last(Single, 4)), points())
        assert "in float32 alone" in message
        assert message.count("at many updates") == 1
        assert times(message) > 10


def test_numbers_that_both_sides_have_left() -> None:
    spec = spec_of(optimizer={"name": "sgd", "lr": 1e30}, duration={"updates": 3})
    with pytest.warns(match="is no finite number|is nan|is inf"):
        message = said(pair_of(mlp()), points(), spec)
    assert message.startswith("no proof, by half 'gradients', update ")
    assert "both sides left the numbers at update " in message
    assert message.endswith("Look at optimizer.lr, clip")


def test_the_model_as_it_is_agrees() -> None:
    assert_lockstep(SPEC, pair_of(with_last(paddle.nn.Linear)), points())
    assert dualtrain_paddle.NAME == "paddle"
