"""What a configuration leaves out is what Paddle's own classes have, asked of their signatures."""

from __future__ import annotations

import inspect
from typing import Any

import paddle
import pytest

from dualtrain.reading import Node, Place
from dualtrain.recipes.vision import _paddle
from dualtrain.recipes.vision._reading import Reading

AT = Place("recipe.yml", 1)
KEYS = {"beta1": ("betas", 0), "beta2": ("betas", 1), "epsilon": "eps", "use_nesterov": "nesterov"}


def reading_of(**keys: Any) -> Reading:
    """A tree with one mapping, `own`."""
    own = Node({key: Node(value, AT) for key, value in keys.items()}, AT)
    return Reading(Node({"own": own}, AT), "")


def defaults(cls: type) -> dict[str, Any]:
    """The arguments of a class that have a default."""
    parameters = inspect.signature(cls).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}


@pytest.mark.parametrize(
    "name", sorted(set(_paddle.OPTIMIZERS) - {"AdamWDL", "LarsMomentum"})
)  # neither is in paddle.optimizer
def test_optimizers(name: str) -> None:
    reading = reading_of(name=name)
    _paddle.optimizer(reading, "own", "name", name)
    native = defaults(getattr(paddle.optimizer, name))
    asked = set()

    for key in ("beta1", "beta2", "epsilon", "momentum", "use_nesterov"):
        if key in native:
            where = KEYS.get(key, key)
            field, part = where if isinstance(where, tuple) else (where, None)
            found = reading.fields[field]
            assert found.certainty == "implied"
            assert (found.value if part is None else found.value[part]) == native[key]
            asked.add(field)
    assert set(reading.fields) - {"optimizer"} == asked


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("PolynomialDecay", {"power": "power", "end_lr": "end_lr"}),
        ("CosineAnnealingDecay", {"eta_min": "end_lr"}),
        ("MultiStepDecay", {"gamma": "gamma"}),
        ("StepDecay", {"gamma": "gamma"}),
    ],
)
def test_schedules(name: str, keys: dict[str, str]) -> None:
    reading = reading_of(type=name)
    _paddle.curve(reading, "own", name)
    native = defaults(getattr(paddle.optimizer.lr, name))

    for key, field in keys.items():
        assert reading.fields[field].certainty == "implied"
        assert reading.fields[field].value == native[key]


@pytest.mark.parametrize("name", sorted(_paddle.CLIPS))
def test_clips(name: str) -> None:
    kind, key = _paddle.CLIPS[name]
    assert key in inspect.signature(getattr(paddle.nn, name)).parameters

    gradient = [paddle.to_tensor([3.0, 4.0]), paddle.to_tensor([0.0, 12.0])]
    pairs = [(one, one) for one in gradient]
    clipped = [found.tolist() for _, found in getattr(paddle.nn, name)(**{key: 6.5})(pairs)]
    expected = {
        "global_norm": [[1.5, 2.0], [0.0, 6.0]],  # the norm of all is 13
        "norm": [[3.0, 4.0], [0.0, 6.5]],
        "value": [[3.0, 4.0], [0.0, 6.5]],
    }

    assert clipped == [pytest.approx(one, rel=1e-6) for one in expected[kind]]


def test_a_warmup_around_a_schedule_delays_it() -> None:
    curve = paddle.optimizer.lr.CosineAnnealingDecay(0.1, T_max=20)
    wrapped = paddle.optimizer.lr.LinearWarmup(
        paddle.optimizer.lr.CosineAnnealingDecay(0.1, T_max=20), 5, 0.0, 0.1
    )
    plain, warmed = [], []
    for _ in range(20):
        plain.append(curve())
        warmed.append(wrapped())
        curve.step()
        wrapped.step()

    assert warmed[5:] == pytest.approx(plain[:15], rel=1e-12)
