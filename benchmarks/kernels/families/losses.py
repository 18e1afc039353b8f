"""Losses, as sums; and dualtrain's own cross-entropy."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.kernels._case import Array, Build, Case, Inputs, at
from benchmarks.kernels.families import _math as m

__all__ = ["CASES"]

IGNORED = -100


def _soft(logits: Array, q: Array, smoothing: float = 0.0) -> Any:
    q = (1 - smoothing) * q + smoothing * q.sum(-1, keepdims=True) / q.shape[-1]
    return -(q * m.log_softmax(logits)).sum()


def _hard(logits: Array, labels: Array, smoothing: float = 0.0) -> Any:
    return _soft(
        logits, (labels[..., None] == np.arange(logits.shape[-1])).astype(float), smoothing
    )


def _mean(logits: Array, labels: Array) -> Any:
    """Over the targets that count."""
    return _hard(logits, labels) / np.count_nonzero(labels != IGNORED)


def _smooth_l1(x: Array, y: Array) -> Any:
    d = m.absolute(x - y)
    return np.where(d.real < 1, 0.5 * d * d, d - 0.5).sum()


def _bce(x: Array, y: Array) -> Any:
    """-y log s(x) - (1 - y) log s(-x)."""
    return (y * m.softplus(-x) + (1 - y) * m.softplus(x)).sum()


def _labelled(logits: Build, ignored: bool = False, last: bool = False) -> Build:
    """With class numbers; some that do not count; always the last class, if so wished."""

    def build(random: np.random.Generator) -> Inputs:
        inputs = logits(random)
        *rows, classes = inputs["logits"].shape
        labels = random.integers(0, classes, rows)
        if last:
            labels[...] = classes - 1
        if ignored:
            labels.flat[:: 2 if labels.size > 1 else 1] = IGNORED
        return inputs | {"labels": labels}

    return build


def _with_rows(logits: Build) -> Build:
    """With soft labels; a row of zeros does not count."""

    def build(random: np.random.Generator) -> Inputs:
        inputs = logits(random)
        *rows, classes = inputs["logits"].shape
        q = random.dirichlet(np.ones(classes), tuple(rows)) if classes > 1 else np.ones((*rows, 1))
        q.reshape(-1, classes)[0] = 0.0
        return inputs | {"q": q}

    return build


LOGITS: dict[str, Build] = {
    "4 x 3": at(1.0, logits=(4, 3)),
    "32 x 5": at(3.0, logits=(32, 5)),
    "7 x 1001": at(3.0, logits=(7, 1001)),
    "3 x 30000": at(3.0, logits=(3, 30000)),
    "100000 x 3": at(1.0, logits=(100_000, 3)),
    "2 x 5 x 4": at(1.0, logits=(2, 5, 4)),
    "all equal": lambda random: {"logits": np.full((3, 8), 2.5)},
    "zeros": lambda random: {"logits": np.zeros((3, 8))},
    "100": at(100.0, logits=(6, 5)),
    "1e4": at(1e4, logits=(6, 5)),
    "around 1e4": lambda random: {"logits": 1e4 + 8 * random.standard_normal((6, 5))},
    "one huge": lambda random: {"logits": np.eye(5, 6) * 1e4 + random.standard_normal((5, 6))},
    "0, 100, 1": lambda random: {"logits": np.array([[0.0, 100.0, 1.0], [-70.0, 20.0, -64.5]])},
    "1e-30": at(1e-30, logits=(3, 4)),
}
SATURATED = {"100": 1.0, "1e4": 1.0, "one huge": 1.0, "0, 100, 1": 1.0}
HARD = {k: _labelled(b) for k, b in LOGITS.items()}
CERTAIN: dict[str, Build] = {
    "right by 40": _labelled(lambda random: {"logits": np.array([[0.0, 1.0, 40.0]] * 2)}, last=True)
}
PARTLY = {k: _labelled(b, ignored=True) for k, b in LOGITS.items()}
ROWS = {k: _with_rows(b) for k, b in LOGITS.items()}
PAIRS: dict[str, Build] = {
    "N(0, 1)": at(1.0, x=(4, 7), y=(4, 7)),
    "one": at(1.0, x=(1,), y=(1,)),
    "1e-15": at(1e-15, x=(3, 3), y=(3, 3)),
    "33 x 257": at(1.0, x=(33, 257), y=(33, 257)),
    "a million": at(1.0, x=(1000, 1000), y=(1000, 1000)),
    "100": at(100.0, x=(4, 7), y=(4, 7)),
}


def _chances(build: Build) -> Build:
    return lambda random: {
        "x": build(random)["x"],
        "y": random.uniform(0, 1, build(random)["x"].shape),
    }


NOT_Y = frozenset({"y"})
CONFIDENT = SATURATED | {"right by 40": 1.0}
NOT_Q = frozenset({"q"})

CASES = [
    Case(name="cross_entropy", formula=_hard, inputs=HARD | CERTAIN, tails=CONFIDENT),
    Case(
        name="cross_entropy, ignored",
        kernel="cross_entropy",
        formula=_hard,
        inputs=PARTLY,
        tails=SATURATED,
    ),
    Case(name="cross_entropy, mean, ignored", formula=_mean, inputs=PARTLY, tails=SATURATED),
    Case(name="cross_entropy, soft", formula=_soft, inputs=ROWS, constants=NOT_Q, tails=SATURATED),
    Case(
        name="cross_entropy, smoothed",
        formula=_hard,
        inputs=HARD,
        settings={"smoothing": 0.1},
        tails=SATURATED,
    ),
    Case(name="cross_entropy_sum", formula=_hard, inputs=HARD | CERTAIN, tails=CONFIDENT),
    Case(
        name="cross_entropy_sum, ignored",
        kernel="cross_entropy_sum",
        formula=_hard,
        inputs=PARTLY,
        tails=SATURATED,
    ),
    Case(
        name="cross_entropy_sum, ignored and smoothed",
        kernel="cross_entropy_sum",
        formula=_hard,
        inputs=PARTLY,
        settings={"smoothing": 0.1},
        tails=SATURATED,
    ),
    Case(
        name="cross_entropy_sum, soft", formula=_soft, inputs=ROWS, constants=NOT_Q, tails=SATURATED
    ),
    Case(
        name="cross_entropy_sum, soft and smoothed",
        kernel="cross_entropy_sum, soft",
        formula=_soft,
        inputs=ROWS,
        settings={"smoothing": 0.1},
        tails=SATURATED,
        constants=NOT_Q,
    ),
    Case(name="mse_loss", formula=lambda x, y: ((x - y) * (x - y)).sum(), inputs=PAIRS),
    Case(
        name="l1_loss", formula=lambda x, y: m.absolute(x - y).sum(), inputs=PAIRS, constants=NOT_Y
    ),
    Case(name="smooth_l1_loss", formula=_smooth_l1, inputs=PAIRS, constants=NOT_Y),
    Case(
        name="binary_cross_entropy_with_logits",
        formula=_bce,
        inputs={k: _chances(b) for k, b in PAIRS.items()},
        constants=NOT_Y,
    ),
]
