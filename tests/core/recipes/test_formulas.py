"""A rule that is called by a formula's name gives that formula's numbers, at every step."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from dualtrain.reading import Unknown, read_program
from dualtrain.recipes.schedules._formulas import Formula, recognised
from dualtrain.recipes.schedules._numeric import Numbers, key

CLOCK = Unknown(op="clock")
SLOW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def rule_of(folder: Path, text: str) -> Formula | None:
    script = folder / "rule.py"
    script.write_text(f"import math\nf = lambda t: {text}\n", encoding="utf-8")
    program = read_program(script, folder)
    gives = program.apply(program.entry.cells["f"], CLOCK)
    return recognised(gives, {key(CLOCK): lambda steps: lambda t: t}, {})


def numbers(formula: Formula) -> dict[str, float]:
    trees = Numbers(1)
    return {name: trees.of(one) for name, one in formula.numbers.items()}


def rate(formula: Formula, t: int) -> float:
    """The formula, as textbooks have it."""
    n = numbers(formula)
    peak, warmup, end = n["peak"], n.get("warmup", 0), n.get("end_lr", 0.0)
    if t < warmup:
        start = formula.start * peak
        return start + (peak - start) * t / warmup
    if formula.schedule == "constant":
        return peak
    if formula.schedule == "step":
        return float(peak * n["gamma"] ** (t // n["step_size"]))
    if formula.schedule == "exponential":
        return float(peak * n["gamma"] ** t)
    if formula.schedule == "piecewise":
        return formula.values[sum(t >= one for one in formula.milestones)]
    begin = 0 if formula.jumps else warmup
    length = n["length"] if formula.shortened else n["length"] + warmup
    p = (t - begin) / (length - begin)
    if formula.schedule == "cosine":
        left = 0.5 * (1 + math.cos(2 * math.pi * n["num_cycles"] * p))
    else:
        assert formula.schedule in ("linear", "polynomial")
        left = (1 - p) ** n.get("power", 1)
    return float(end + (peak - end) * left)


STYLES = [
    ("linear", "(t / {W} if t < {W} else ({T} - t) / ({T} - {W}))"),
    ("linear", "min(t / {W}, max(0.0, 1 - (t - {W}) / ({T} - {W})))"),
    ("linear", "max({low}, 1 - t * (1 - {low}) / {T})"),
    ("cosine", "(t / {W} if t < {W} else 0.5 * (1 + math.cos(math.pi * (t - {W}) / ({T} - {W}))))"),
    ("cosine", "{low} + (1 - {low}) * (math.cos(math.pi * t / {T}) + 1) / 2"),
    ("cosine", "((1 - math.cos(t * math.pi / {T})) / 2) * ({low} - 1) + 1"),
    ("polynomial", "max(0, 1 - t / {T}) ** {k}"),
    ("polynomial", "(t / {W} if t < {W} else math.pow(1 - (t - {W}) / ({T} - {W}), {k}))"),
    ("constant", "min(1, t / {W})"),
    ("step", "{g} ** (t // {W})"),
    ("exponential", "{g} ** t"),
]


@SLOW
@given(
    style=st.sampled_from(STYLES),
    warmup=st.integers(5, 400),
    more=st.integers(100, 20_000),
    low=st.floats(0.01, 0.4),
    power=st.floats(1.5, 4),
    gamma=st.floats(0.9, 0.999),
)
def test_ways_of_writing(
    tmp_path: Path, style: tuple[str, str], warmup: int, more: int, low: float, power: float,
    gamma: float,
) -> None:  # fmt: skip
    schedule, text = style
    length = warmup + more
    text = text.format(W=warmup, T=length, low=round(low, 3), k=round(power, 2), g=round(gamma, 4))
    formula = rule_of(tmp_path, text)
    assert formula is not None, text
    assert formula.schedule == schedule, text
    agrees(formula, text, length)


def agrees(formula: Formula, text: str, length: int) -> None:
    """The named formula and the code give the same rates until the end."""
    known: dict[str, Any] = {"math": math, "min": min, "max": max}
    end = int(numbers(formula).get("length", length))
    for t in sorted({0, 1, 2, *range(0, end, max(1, end // 97)), end - 1}):
        wanted = eval(text, {"__builtins__": {}}, {**known, "t": t})
        assert rate(formula, t) == pytest.approx(wanted, rel=1e-6, abs=1e-9), (t, text)


LEAVES = st.sampled_from(["t", "40", "900", "0.3", "2", "1", "(t / 40)", "(1 - t / 900)"])


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.tuples(inner, st.sampled_from("+-*/"), inner)
    extremes = st.tuples(st.sampled_from(["min", "max"]), inner, inner)
    return st.one_of(
        operators.map(lambda one: f"({one[0]} {one[1]} {one[2]})"),
        extremes.map(lambda one: f"{one[0]}({one[1]}, {one[2]})"),
        st.tuples(inner, inner).map(lambda one: f"({one[0]} if t < 40 else {one[1]})"),
        inner.map(lambda one: f"math.cos({one})"),
        inner.map(lambda one: f"({one}) ** 2"),
    )


@SLOW
@given(st.recursive(LEAVES, joined, max_leaves=8))
def test_whatever_is_written_its_name_is_right_or_it_has_none(tmp_path: Path, text: str) -> None:
    formula = rule_of(tmp_path, text)
    event("none" if formula is None else formula.schedule)
    if formula is None or formula.schedule == "custom":
        return
    agrees(formula, text, 900)


def test_a_rise_ends_where_it_reaches_the_peak(tmp_path: Path) -> None:
    """Not a step later, though the program's 3 is as near; from above 0 the step counts."""
    for text, warmup in (("t / 2", 2.0), ("(t + 1) / 3", 3.0)):
        found = rule_of(tmp_path, f"0.1 * min(1.0, {text}) if t < 3 else 0.1")
        assert found is not None and numbers(found)["warmup"] == warmup
