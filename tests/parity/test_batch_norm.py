"""Running statistics follow the rule that the spec names, in both frameworks, against numpy.

A batch's mean and variance replace the share m of the running ones; its variance is that of all n
elements of a channel (`batch_norm: paddle`), or n / (n - 1) times as much (`torch`).
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import paddle
import pytest
import torch

import dualtrain_paddle
import dualtrain_torch
from dualtrain import fit, start
from dualtrain.backend import backend_of
from dualtrain.errors import BackendError, DataError, LedgerError
from dualtrain.testing import assert_update_parity
from tests import builders

# Paddle's layer says so in every forward pass.
pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")

spec_of = partial(builders.spec_of, duration={"updates": 2})
RULES = ("paddle", "torch")
CHANNELS = 3
SHAPES = {"1d": (4, CHANNELS), "1d, positions": (2, CHANNELS, 3), "2d": (2, CHANNELS, 3, 1)}


def in_torch(shape: str, **settings: Any) -> Any:
    """The norm comes first, so that it sees the data as it is."""
    norm = (torch.nn.BatchNorm2d if shape == "2d" else torch.nn.BatchNorm1d)(CHANNELS, **settings)
    width = int(np.prod(SHAPES[shape][1:]))
    return torch.nn.Sequential(norm, torch.nn.Flatten(), torch.nn.Linear(width, 2))


def in_paddle(shape: str, **settings: Any) -> Any:
    norm = (paddle.nn.BatchNorm2D if shape == "2d" else paddle.nn.BatchNorm1D)(CHANNELS, **settings)
    return _paddle(norm, shape)


def old_paddle(shape: str, **settings: Any) -> Any:
    return _paddle(paddle.nn.BatchNorm(CHANNELS, **settings), shape)


def _paddle(norm: Any, shape: str) -> Any:
    width = int(np.prod(SHAPES[shape][1:]))
    return paddle.nn.Sequential(norm, paddle.nn.Flatten(), paddle.nn.Linear(width, 2))


@dataclass(frozen=True)
class Layer:
    """A way to build a model, and the share of each batch in its running statistics."""

    build: Callable[..., Any]
    shares: tuple[float, float] = (0.1, 0.1)


LAYERS = {
    "torch": Layer(in_torch),
    "torch, momentum": Layer(lambda s: in_torch(s, momentum=0.25), (0.25, 0.25)),
    "torch, average of all batches": Layer(lambda s: in_torch(s, momentum=None), (1.0, 0.5)),
    "paddle": Layer(in_paddle),
    "paddle, momentum": Layer(lambda s: in_paddle(s, momentum=0.75), (0.25, 0.25)),
    "paddle, the old layer": Layer(old_paddle),
}
SIDES = (in_torch, in_paddle)


def batches(shape: str = "2d") -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    sizes = SHAPES[shape]
    return [
        {
            "input": random.normal(2.0, 3.0, sizes).astype("float32"),
            "labels": np.arange(sizes[0]) % 2,
        }
        for _ in range(2)
    ]


def expected(rule: str, shape: str, shares: tuple[float, float]) -> Any:
    """Mean and variance start at 0 and 1; each batch's replaces the part that its share tells."""
    mean, variance = np.zeros(CHANNELS), np.ones(CHANNELS)
    for batch, share in zip(batches(shape), shares, strict=True):
        x = np.moveaxis(batch["input"].astype("float64"), 1, -1).reshape(-1, CHANNELS)
        mean = (1 - share) * mean + share * x.mean(0)
        variance = (1 - share) * variance + share * x.var(0, ddof=1 if rule == "torch" else 0)
    return mean, variance


def loss(model: Any, tensors: dict[str, Any]) -> Any:
    return backend_of(model).cross_entropy_sum(model(tensors["input"]), tensors["labels"])


def statistics(model: Any, shape: str = "2d", **parts: Any) -> tuple[Any, Any]:
    """The running mean and variance after training."""
    fit(spec_of(**parts), model, batches(shape), loss=loss)
    return held(model)


def held(model: Any) -> tuple[Any, Any]:
    found = backend_of(model).dump_weights(model)
    return found["0.running_mean"], found["0.running_var"]


def passed(model: Any, batch: dict[str, Any]) -> None:
    """One forward pass outside a run."""
    verbs = backend_of(model)
    model(verbs.to_device(batch, verbs.open_device("cpu"))["input"])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("layer", LAYERS)
def test_the_statistics_are_the_formulas(layer: str, rule: str, shape: str) -> None:
    found = statistics(LAYERS[layer].build(shape), shape, batch_norm=rule)
    for statistic, right in zip(found, expected(rule, shape, LAYERS[layer].shares), strict=True):
        np.testing.assert_allclose(statistic, right, rtol=1e-5)


@pytest.mark.parametrize("build", SIDES)
def test_without_the_word_it_is_paddles_rule(build: Any) -> None:
    found, said = statistics(build("2d")), statistics(build("2d"), batch_norm="paddle")
    for a, b in zip(found, said, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("build", SIDES)
def test_statistics_that_are_kept_stay_as_they_are(build: Any, rule: Any) -> None:
    freeze = {"patterns": ["0.*"], "batch_stats": "keep"}
    mean, variance = statistics(build("2d"), freeze=freeze, batch_norm=rule)
    assert (mean == 0).all() and (variance == 1).all()


@pytest.mark.parametrize("rule", RULES)
def test_global_statistics_stay_as_they_are(rule: Any) -> None:
    """Paddle's layer that normalises by them in training too."""
    mean, variance = statistics(in_paddle("2d", use_global_stats=True), batch_norm=rule)
    assert (mean == 0).all() and (variance == 1).all()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("build", SIDES)
def test_evaluation_leaves_the_statistics_as_they_are(build: Any, rule: Any) -> None:
    model = build("2d")
    backend_of(model).use_batch_norm(model, rule)
    model.train()
    passed(model, batches()[0])
    before = held(model)
    model.eval()
    passed(model, batches()[1])
    for a, b in zip(before, held(model), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("build", SIDES)
def test_a_second_run_corrects_no_more_than_the_first(build: Any, rule: Any) -> None:
    once, twice = build("2d"), build("2d")
    verbs = backend_of(once)
    verbs.use_batch_norm(twice, rule)
    for model in (once, twice):
        verbs.use_batch_norm(model, rule)
        passed(model, batches()[0])
    for a, b in zip(held(once), held(twice), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("build", SIDES)
def test_a_run_under_the_other_rule_needs_the_first_to_be_closed(build: Any) -> None:
    model, other = build("2d"), build("2d")
    run = start(spec_of(), model, micro_batches_per_epoch=2)
    with pytest.raises(BackendError, match=r"close\(\) the run.*'torch', in a run with 'paddle'"):
        start(spec_of(batch_norm="torch"), model, micro_batches_per_epoch=2)
    run.close()
    for trained in (model, other):
        start(spec_of(batch_norm="torch"), trained, micro_batches_per_epoch=2)
        passed(trained, batches()[0])
    np.testing.assert_array_equal(held(model)[1], held(other)[1])


@pytest.mark.parametrize("build", SIDES)
def test_a_run_that_is_refused_leaves_the_rule_alone(build: Any) -> None:
    model = build("2d")
    nothing: Any = {"patterns": ["nobody"], "batch_stats": "train"}
    with pytest.raises(LedgerError, match="nobody"):
        start(spec_of(freeze=nothing), model, micro_batches_per_epoch=2)
    start(spec_of(batch_norm="torch"), model, micro_batches_per_epoch=2)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("build", SIDES)
def test_a_model_in_a_run_can_be_copied(build: Any, rule: Any) -> None:
    """And the copy follows the same rule; torch's model can be pickled, too."""
    model = build("2d")
    backend_of(model).use_batch_norm(model, rule)
    copies = [copy.deepcopy(model)]
    if build is in_torch:
        copies.append(pickle.loads(pickle.dumps(model)))
    for one in (model, *copies):
        passed(one, batches()[0])
        np.testing.assert_array_equal(held(model)[1], held(one)[1])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("build", SIDES)
def test_afterwards_the_model_has_its_frameworks_own_rule(build: Any, rule: Any) -> None:
    """Also when training breaks off: a run changes the rule for itself alone."""

    def broken(model: Any, tensors: dict[str, Any]) -> Any:
        raise ZeroDivisionError

    plain, trained, stopped = build("2d"), build("2d"), build("2d")
    initial = backend_of(plain).dump_weights(plain)
    statistics(trained, batch_norm=rule)
    with pytest.raises(ZeroDivisionError):
        fit(spec_of(batch_norm=rule), stopped, batches(), loss=broken)
    found = []
    for model in (plain, trained, stopped):
        model.train()
        backend_of(model).load_weights(model, initial)
        passed(model, batches()[0])
        found.append(held(model)[1])
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])
    own = "torch" if build is in_torch else "paddle"
    _, right = expected(own, "2d", (0.1, 0.0))
    np.testing.assert_allclose(found[0], right, rtol=1e-5)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("build", "error"), [(in_torch, ValueError), (in_paddle, DataError), (old_paddle, DataError)]
)
def test_one_element_a_channel_is_refused(build: Any, error: Any, rule: Any) -> None:
    """Of one there is no variance, by neither rule."""
    one = [{"input": np.ones((1, CHANNELS), np.float32), "labels": np.array([0])}] * 2
    with pytest.raises(error, match=r"more than (1 value|one element)"):
        fit(spec_of(batch_norm=rule), build("1d"), one, loss=loss)


@pytest.mark.parametrize("rule", RULES)
def test_a_convolutional_net_trains_alike(rule: Any) -> None:
    """Convolution, norm, convolution, norm: both sides, under each rule."""
    c = CHANNELS
    torch.manual_seed(0)
    first = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, c, 3), torch.nn.BatchNorm2d(c), torch.nn.Tanh()),
        *(torch.nn.Conv2d(c, c, 2), torch.nn.BatchNorm2d(c), torch.nn.Tanh()),
        *(torch.nn.Flatten(), torch.nn.Linear(c, 2)),
    )
    second = paddle.nn.Sequential(
        *(paddle.nn.Conv2D(1, c, 3), paddle.nn.BatchNorm2D(c), paddle.nn.Tanh()),
        *(paddle.nn.Conv2D(c, c, 2), paddle.nn.BatchNorm2D(c), paddle.nn.Tanh()),
        *(paddle.nn.Flatten(), paddle.nn.Linear(c, 2)),
    )
    random = np.random.default_rng(1)
    images = [
        {
            "input": random.normal(0.0, 1.0, (6, 1, 4, 4)).astype("float32"),
            "labels": random.integers(0, 2, 6),
        }
        for _ in range(4)
    ]
    optimizer = {"name": "sgd", "lr": 0.05}
    spec = spec_of(optimizer=optimizer, duration={"updates": 8}, batch_norm=rule)
    comparison = assert_update_parity(spec, [first, second], images, loss=loss)
    assert comparison.first is None
    variances = [backend_of(m).dump_weights(m)["1.running_var"] for m in (first, second)]
    np.testing.assert_allclose(variances[0], variances[1], rtol=1e-5)


@pytest.mark.parametrize("build", SIDES)
def test_the_rules_are_apart(build: Any) -> None:
    """By more than any tolerance here: 6 elements of a channel."""
    variances = [statistics(build("2d"), batch_norm=rule)[1] for rule in RULES]
    assert (variances[1] / variances[0] > 1.02).all()


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("settings", [{}, {"track_running_stats": False}])
def test_which_pass_takes_the_batch_is_what_torch_does(settings: Any, mode: str) -> None:
    """By which several processes know whether each would normalise by its own rows."""
    layer = getattr(torch.nn.BatchNorm1d(CHANNELS, **settings), mode)()
    mean = layer(torch.randn(8, CHANNELS) + 5.0).mean().item()
    assert dualtrain_torch.batch_norms.takes_batch(layer) == (abs(mean) < 1e-4)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("BatchNorm1D", {}),
        ("BatchNorm1D", {"use_global_stats": True}),
        ("BatchNorm1D", {"use_global_stats": False}),
        ("BatchNorm", {}),
        ("BatchNorm", {"use_global_stats": True}),
        ("BatchNorm", {"trainable_statistics": True}),
    ],
)
def test_which_pass_takes_the_batch_is_what_paddle_does(
    name: str, settings: Any, mode: str
) -> None:
    layer = getattr(paddle.nn, name)(CHANNELS, **settings)
    getattr(layer, mode)()
    before = layer._variance.numpy().copy()
    mean = float(layer(paddle.randn([8, CHANNELS]) + 5.0).mean())
    takes = dualtrain_paddle.batch_norms.takes_batch(layer)
    assert takes == (abs(mean) < 1e-4)
    moved = dualtrain_paddle.batch_norms.variance(layer) is not None
    assert moved == bool((layer._variance.numpy() != before).any())
