"""Numbers with their rounding errors: the bounds hold for numpy's float32, and are not idle.

The exact values are fractions.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from dualtrain.lockstep._rounded import DOUBLE, EXACT, SINGLE, Rounded, arithmetic

VERBS = arithmetic(SINGLE, lambda name, exact, terms=0.0: exact)

Single = Any


def drawn(seed: int, count: int = 400) -> list[np.float32]:
    """Numbers of every size, below the normal ones too, and zeros."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=count) * 10.0 ** random.uniform(-22.0, 12.0, count)
    numbers[::17] = 0.0
    return list(numbers.astype(np.float32))


def given(numbers: list[np.float32]) -> Rounded:
    return Rounded(np.array(numbers, np.float64), EXACT, SINGLE)


EXPRESSIONS: dict[str, Callable[..., Any]] = {
    "product": lambda a, b, c: a * b,
    "sum of products": lambda a, b, c: a * b + c * c,
    "what cancels": lambda a, b, c: (a * b + c) - c,
    "a number of Python": lambda a, b, c: a * 0.1 + b * (1 - 0.999),
    "quotient": lambda a, b, c: a / (b * b + 1e-8),
    "all": lambda a, b, c: (a * 0.9 + b * 0.1) / (abs_of(c) * 3.0 + 1e-6) - a,
}


def abs_of(x: Any) -> Any:
    return VERBS.abs(x) if isinstance(x, Rounded) else abs(x)


class Exactly:
    """A fraction that knows Python's numbers for what they are."""

    def __init__(self, value: Any) -> None:
        self.value = value if isinstance(value, Fraction) else Fraction(float(value))

    def _by(self, operation: Callable[..., Any], other: Any) -> Exactly:
        return Exactly(
            operation(self.value, other.value if isinstance(other, Exactly) else Fraction(other))
        )

    def __add__(self, other: Any) -> Exactly:
        return self._by(operator.add, other)

    def __sub__(self, other: Any) -> Exactly:
        return self._by(operator.sub, other)

    def __mul__(self, other: Any) -> Exactly:
        return self._by(operator.mul, other)

    def __truediv__(self, other: Any) -> Exactly:
        return self._by(operator.truediv, other)

    def __abs__(self) -> Exactly:
        return Exactly(abs(self.value))


def in_float32(expression: Callable[..., Any], *numbers: np.float32) -> np.float32:
    """numpy's, which rounds a number of Python's to float32 as it enters."""
    return np.float32(expression(*numbers))


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_bound_holds_for_float32(name: str) -> None:
    expression = EXPRESSIONS[name]
    inputs = [drawn(seed) for seed in (0, 1, 2)]
    value, error = expression(*map(given, inputs)).plain()
    used = []
    with np.errstate(all="ignore"):
        for index, numbers in enumerate(zip(*inputs, strict=True)):
            exact = expression(*map(Exactly, numbers)).value
            assert math.isclose(value[index], exact, rel_tol=1e-9, abs_tol=error[index] * 1e-3)
            if not math.isfinite(error[index]):
                continue
            off = abs(Fraction(float(in_float32(expression, *numbers))) - exact)
            assert off <= error[index]
            if error[index]:
                used.append(float(off / Fraction(float(error[index]))))
    assert len(used) > 300
    assert max(used) > 0.3, "the bound is not idle"


def test_a_root_near_0_is_judged_by_the_ends_of_its_argument() -> None:
    tiny = given([np.float32(1e-25), np.float32(4.0), np.float32(0.0)])
    value, error = VERBS.sqrt(tiny * tiny).plain()
    assert value.tolist() == [float(np.float32(1e-25)), 4.0, 0.0]
    assert error[0] >= value[0], "float32 gives 0"
    assert 0.0 < error[1] < 1e-6
    assert error[2] == 0.0


def test_a_root_of_what_may_be_below_0_gives_nothing() -> None:
    v, a = given([np.float32(1.0)]), given([np.float32(1.0)])
    assert VERBS.sqrt(VERBS.minus_square(v, a * 1.0000001)).error[0] == np.inf


def test_what_may_be_divided_by_0_gives_nothing() -> None:
    small = given([np.float32(1e-30)])
    assert (given([np.float32(1.0)]) / (small * small)).error[0] == np.inf
    assert (1.0 / given([np.float32(2.0)])).error[0] < 1e-7


def test_what_overflows_gives_nothing() -> None:
    huge = given([np.float32(1e30), np.float32(1e18)])
    assert np.isinf((huge * huge).error).tolist() == [True, False]


def test_what_is_exact_has_no_error() -> None:
    """0, times 1, plus 0: there a rule has to leave every bit as it is."""
    a, zero = given(drawn(3)), given([np.float32(0.0)] * 400)
    for exact in (a * 1, 1.0 * a, a - 0.0, a + zero * 0.1):
        assert exact.value.tolist() == a.value.tolist()
        assert not np.any(exact.error)
    assert not np.any((a * zero).error)


def test_a_number_is_rounded_as_it_enters_if_it_has_to_be() -> None:
    one = given([np.float32(1.0)])
    assert (one * 0.5).error[0] == SINGLE.unit * 0.5
    assert (one * 0.1).error[0] == pytest.approx(SINGLE.unit * 0.2)
    wide = Rounded(np.ones(1), EXACT, DOUBLE)
    assert (wide * 0.1).error[0] == DOUBLE.unit * 0.1


def test_a_doubtful_comparison_spans_both_branches() -> None:
    small = given([np.float32(1e-30), np.float32(-2.0), np.float32(0.0)])
    product = small * small * VERBS.sign(small)
    sign, doubt = VERBS.sign(product).plain()
    assert sign.tolist() == [1.0, -1.0, 0.0]
    assert doubt.tolist() == [2.0, 0.0, 0.0]
    a, b = given([np.float32(5.0)] * 3), given([np.float32(3.0)] * 3)
    value, error = VERBS.where(VERBS.sign(product) > 0, a, b).plain()
    assert value.tolist() == [5.0, 3.0, 3.0]
    assert error.tolist() == [2.0, 0.0, 0.0]
    value, error = VERBS.where(VERBS.sign(product) < 0, a, 3.0).plain()
    assert value.tolist() == [3.0, 5.0, 3.0]
    assert error.tolist() == [2.0, 0.0, 0.0]


def test_a_norm_and_a_ratio() -> None:
    random = np.random.default_rng(0)
    numbers = random.normal(size=5000).astype(np.float32)
    norm = VERBS.norm(given(list(numbers)))
    exact = math.sqrt(sum(Fraction(float(x)) ** 2 for x in numbers))
    assert norm.value == pytest.approx(exact, rel=1e-12)
    summed = np.float32(0.0)
    for x in numbers:  # one after another, the worst of orders
        summed = np.float32(summed + x * x)
    assert abs(float(np.sqrt(summed)) - exact) <= 4.0 * norm.error
    zero = VERBS.norm(given([np.float32(0.0)]))
    assert (VERBS.ratio(norm, zero).value, VERBS.ratio(norm, zero).error) == (1.0, 0.0)
    assert VERBS.ratio(norm, norm).value == 1.0
