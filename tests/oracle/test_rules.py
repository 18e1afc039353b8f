"""The oracle's own rules, without any framework.

Those of the optimizers are the product's, held against the native classes of both frameworks.
"""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.oracle import loss, update
from tests.oracle.model import Architecture, backward, forward, initial, shapes

RULES = ("loss", "model", "parameters", "schedules", "specs", "update")


@pytest.mark.parametrize("name", RULES)
def test_a_rule_knows_nothing_of_the_product(name: str) -> None:
    """Nor of a framework: else it would prove only that the product is what it is."""
    tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    foreign = {
        module
        for module in found
        if module.partition(".")[0] in ("dualtrain", "torch", "paddle", "transformers")
        or (module.startswith("tests.") and module.removeprefix("tests.oracle.") not in RULES)
    }
    assert foreign == set()


def classifier(weights: dict[str, NDArray[np.float64]], architecture: Architecture) -> float:
    tokens = np.random.default_rng(1).integers(0, 7, (3, 4))
    done = forward(architecture, weights, tokens, frozenset())
    q = loss.targets({"label_smoothing": 0.1}, labels(architecture), architecture.classes)
    return loss.cross_entropy(done.logits, q)[0]


def labels(architecture: Architecture) -> NDArray[np.int64]:
    shape = (3, 4) if architecture.per_token else (3,)
    drawn: NDArray[np.int64] = np.random.default_rng(2).integers(0, 5, shape)
    drawn[0, ...] = -100
    return drawn


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(norm="layer"),
        Architecture(norm="batch"),
        Architecture(per_token=True, tied=True),
    ],
    ids=["layer norm", "batch norm", "tied, per token"],
)
def test_the_way_back_is_the_derivative(architecture: Architecture) -> None:
    """Central differences, of every element."""
    weights = initial(architecture, np.random.default_rng(0))
    tokens = np.random.default_rng(1).integers(0, 7, (3, 4))
    done = forward(architecture, weights, tokens, frozenset())
    q = loss.targets({"label_smoothing": 0.1}, labels(architecture), architecture.classes)
    found = backward(architecture, weights, done, loss.cross_entropy(done.logits, q)[1])
    h = 1e-5
    for name, shape in shapes(architecture).items():
        for place in np.ndindex(*shape):
            sides = []
            for sign in (1, -1):
                moved = {n: w.copy() for n, w in weights.items()}
                moved[name][place] += sign * h
                sides.append(classifier(moved, architecture))
            slope = (sides[0] - sides[1]) / (2 * h)
            assert found[name][place] == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_a_row_that_does_not_count_has_no_share_in_smoothing() -> None:
    q = loss.targets({"label_smoothing": 0.5}, np.array([1, -100]), 4)
    assert q.tolist() == [[0.125, 0.625, 0.125, 0.125], [0.0] * 4]


def test_the_shift_gives_a_position_the_next_ones_label() -> None:
    settings = {"label_smoothing": 0.0, "shift_labels": True}
    q = loss.targets(settings, np.array([[2, 0, -100, 1]]), 3)
    assert q.tolist() == [[[1.0, 0, 0], [0, 0, 0], [0, 1.0, 0], [0, 0, 0]]]
    assert loss.count(settings, np.array([[2, 0, -100, 1]]), 3) == 2


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ({"accumulate": 2, "tail": "flush"}, [[0, 1], [2, 3], [4]]),
        ({"accumulate": 2, "tail": "drop"}, [[0, 1], [2, 3]]),
        ({"accumulate": 2, "tail": "leak"}, [[0, 1], [2, 3]]),
        ({"accumulate": 9, "tail": "flush"}, [[0, 1, 2, 3, 4]]),
    ],
)
def test_groups(batch: dict[str, object], expected: list[list[int]]) -> None:
    assert expected == update.groups(batch, 5)


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ({"normalise": "micro_mean", "tail": "flush"}, [9, 3, 6]),
        ({"normalise": "micro_mean", "tail": "leak", "accumulate": 2}, [6, 2, 4]),
        ({"normalise": "sum", "tail": "leak"}, [3, 1, 2]),
        ({"normalise": "token_mean", "tail": "drop"}, [6, 6, 6]),
    ],
)
def test_divisors(batch: dict[str, object], expected: list[int]) -> None:
    assert expected == update.divisors(batch, [3, 1, 2])


def test_clipping() -> None:
    g = {"a": np.array([3.0, 0.0]), "b": np.array([0.0, -4.0])}
    kinds = {"global_norm": None, "norm": None, "value": None}
    found = {
        kind: {
            n: c.tolist()
            for n, c in update.clipped({**kinds, kind: 2.5, "rule": "paddle"}, g).items()
        }
        for kind in kinds
    }
    assert found == {
        "global_norm": {"a": [1.5, 0.0], "b": [0.0, -2.0]},
        "norm": {"a": [2.5, 0.0], "b": [0.0, -2.5]},
        "value": {"a": [2.5, 0.0], "b": [0.0, -2.5]},
    }
    assert update.joint_norm({"a": np.full(4, 1e200)}) == 2e200


def test_averages_warm_up() -> None:
    ema = {"decay": 0.5, "warmup": True}
    assert [update.average_decay(ema, k) for k in (0, 1, 8, 9)] == [0.1, 2 / 11, 0.5, 0.5]
