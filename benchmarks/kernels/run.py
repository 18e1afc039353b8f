"""A case on a framework: forward and backward, every choice of what stands still, each type."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple, Protocol

import numpy as np

from benchmarks.kernels._case import Array, Case, Inputs
from benchmarks.kernels.oracle import EPS, LARGEST, Derivative, derivatives, outputs, rounded

__all__ = ["DTYPES", "Deviation", "Framework", "Refusal", "Result", "probe"]

DTYPES = ("float32", "bfloat16", "float16")

MARGIN = 32.0
"""An error below so many roundings, of the type and of the inputs, is rounding.

And below as many as sqrt(n) where n elements may have been added up one by one."""
ELEMENTS = 120
"""Of a gradient so many elements are looked at; all of a smaller one."""
LARGE, HUGE = 2000, 20_000
"""Of a gradient with more elements a third as many, or six."""
PERTURBED = 40
"""As many of them tell what rounding the inputs does."""
TINY = 1e-35
"""Differences below are nothing: float32 ends at 1e-38."""


class Framework(Protocol):
    """What the probe asks of a framework: `in_torch.py`, `in_paddle.py`."""

    NAME: str
    """Its import name."""
    CALLS: Mapping[str, Any]
    """Kernel -> (*tensors, **settings) -> a tensor, or several."""

    def leaf(self, array: Array, dtype: str, trains: bool) -> Any:
        """A parameter of that type, which gets a gradient or stands still."""
        ...

    def constant(self, array: Array, dtype: str | None) -> Any:
        """A tensor without gradient; whole numbers and masks as they are."""
        ...

    def backward(self, outputs: Sequence[Any], upstream: Sequence[Any]) -> None:
        """Give every leaf that trains its gradient."""
        ...

    def array(self, tensor: Any) -> Array:
        """A tensor as float64."""
        ...

    def versions(self) -> str:
        """Package and version, as the page says it."""
        ...


class Deviation(NamedTuple):
    """How far one value is from the right one."""

    error: float
    """max |got - right| / max |right|."""
    allowed: float
    inputs: str
    """Kind of input."""
    still: str
    """What stood still, comma-separated."""
    part: str
    """`output`, or `gradient of x`."""

    @property
    def off(self) -> bool:
        """Whether it is more than rounding."""
        return not self.error <= self.allowed


class Refusal(NamedTuple):
    """An error instead of a value."""

    inputs: str
    still: str
    said: str
    """The error's first line."""


class Result(NamedTuple):
    """A case in one type on one framework."""

    case: str
    dtype: str
    deviations: list[Deviation]
    """Each kind of input, choice of what stands still, and part."""
    refusals: list[Refusal]
    """Where the framework does not run."""

    @property
    def verdict(self) -> str:
        """`right`, `off` or `refused`: off where any value is, refused where nothing runs."""
        if any(d.off for d in self.deviations):
            return "off"
        return "right" if self.deviations else "refused"

    @property
    def worst(self) -> Deviation:
        """The one farthest beyond what is allowed, or nearest to it."""
        return max(self.deviations, key=lambda d: (d.off, d.error))


def probe(case: Case, framework: Framework, dtypes: Sequence[str] = DTYPES) -> list[Result]:
    """One result per type; none for a type that can hold none of the case's inputs."""
    found = []
    for dtype in dtypes:
        deviations: list[Deviation] = []
        refusals: list[Refusal] = []
        asked = False
        for kind, build in case.inputs.items():
            random = np.random.default_rng(zlib.crc32(f"{case.name} {kind}".encode()))
            inputs = _held(build(random), dtype)
            right = None if inputs is None else _right(case, kind, inputs, dtype, random)
            if inputs is None or right is None:
                continue
            asked = True
            for still in _choices(right.names):
                try:
                    got = _on(framework, case, inputs, dtype, right, still)
                except Exception as error:  # a refusal is what is measured here
                    refusals.append(Refusal(kind, ", ".join(still), _first_line(error)))
                    continue
                told = {"inputs": kind, "still": ", ".join(still)}
                deviations += [Deviation(e, a, part=part, **told) for part, e, a in got]
        if asked:
            found.append(Result(case.name, dtype, deviations, refusals))
    return found


class _Right(NamedTuple):
    names: list[str]
    upstream: list[Array]
    outputs: list[Array]
    gradients: dict[str, Derivative]
    allowed: dict[str, float]
    unit: float
    """An error is told against the largest right value, but against no less than this."""


def _held(inputs: Inputs, dtype: str) -> Inputs | None:
    """The inputs as the type holds them; None where it does not."""
    found: Inputs = {}
    for name, array in inputs.items():
        if array.dtype.kind != "f":
            found[name] = array
            continue
        found[name] = rounded(array, dtype)
        lost = np.isfinite(array) & ((found[name] == 0) != (array == 0))
        if lost.any() or (np.isfinite(array) & ~np.isfinite(found[name])).any():
            return None
    return found


def _right(
    case: Case, kind: str, inputs: Inputs, dtype: str, random: np.random.Generator
) -> _Right | None:
    """The right values and what rounding may do to them; None where the type cannot hold them."""
    with np.errstate(all="ignore"):
        wanted = outputs(case.formula, inputs, case.settings)
    if any(_size(w) > LARGEST[dtype] for w in wanted):
        return None
    names = [n for n, a in inputs.items() if a.dtype.kind == "f" and n not in case.constants]
    upstream = [rounded(random.standard_normal(w.shape), dtype) for w in wanted]
    unit = case.tails.get(kind, TINY)
    size = max((inputs[n].size for n in names), default=0)
    most = ELEMENTS if size <= LARGE else ELEMENTS // 3 if size <= HUGE else ELEMENTS // 20
    wanted_gradients = derivatives(case.formula, inputs, case.settings, names, upstream, most)
    if any(_size(d.values) > LARGEST[dtype] for d in wanted_gradients.values()):
        return None
    terms = max((array.size for array in inputs.values()), default=1)
    rounding: float = EPS[dtype] * (MARGIN + terms**0.5)
    allowed = dict.fromkeys(("output", *names), rounding)
    if kind not in case.at_kinks:
        floats = [n for n, a in inputs.items() if a.dtype.kind == "f"]
        moved = inputs | {
            n: inputs[n] * (1 + EPS[dtype] * random.uniform(-1, 1, inputs[n].shape)) for n in floats
        }
        with np.errstate(all="ignore"):
            after = outputs(case.formula, moved, case.settings)
        allowed["output"] += MARGIN * max(
            _apart(a, w, unit) for a, w in zip(after, wanted, strict=True)
        )
        slopes = derivatives(
            case.formula, moved, case.settings, names, upstream, min(PERTURBED, most)
        )
        for name, slope in slopes.items():
            right = wanted_gradients[name].values
            apart = np.abs(slope.values - right[: slope.values.size]).max(initial=0.0)
            allowed[name] += MARGIN * float(apart) / max(_size(right), unit)
    return _Right(names, upstream, wanted, wanted_gradients, allowed, unit)


def _on(
    framework: Framework,
    case: Case,
    inputs: Inputs,
    dtype: str,
    right: _Right,
    still: Sequence[str],
) -> list[tuple[str, float, float]]:
    """(part, error, allowed) for the outputs and for the gradient of each input that has one."""
    tensors = {}
    for name, array in inputs.items():
        if name in right.names:
            tensors[name] = framework.leaf(array, dtype, name not in still)
        else:
            floats = array.dtype.kind == "f"
            tensors[name] = framework.constant(array, dtype if floats else None)
    result = framework.CALLS[case.call](*tensors.values(), **case.settings)
    given = list(result) if isinstance(result, (tuple, list)) else [result]
    pairs = zip(given, right.outputs, strict=True)
    apart = [_apart(framework.array(got), wanted, right.unit) for got, wanted in pairs]
    found = [("output", max(apart), right.allowed["output"])]
    trained = [name for name in right.names if name not in still]
    if trained:
        framework.backward(given, [framework.constant(u, dtype) for u in right.upstream])
    for name in trained:
        gradient, wanted = tensors[name].grad, right.gradients[name]
        got = np.zeros(inputs[name].size) if gradient is None else framework.array(gradient)
        error = _apart(got.ravel()[wanted.where], wanted.values, right.unit)
        found.append((f"gradient of {name}", error, right.allowed[name]))
    return found


def _choices(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """What may stand still: every choice of up to four inputs; of more, one or all but one."""
    few = len(names) <= 4
    sizes = range(len(names)) if few else sorted({0, 1, len(names) - 1})
    for size in sizes:
        yield from combinations(names, size)
    if not names:
        yield ()


def _apart(got: Array, right: Array, unit: float) -> float:
    """max |got - right| / max(|right|, unit); infinite where one is no number and the other is."""
    got, right = np.asarray(got), np.asarray(right)
    if got.shape != right.shape:
        return float("inf")
    alike = (got == right) | (np.isnan(got) & np.isnan(right))
    if not np.isfinite(got[~alike]).all():
        return float("inf")
    difference = float(np.abs(np.where(alike, 0.0, got - right)).max(initial=0.0))
    return 0.0 if difference < TINY else difference / max(_size(right), unit)


def _size(array: Array) -> float:
    """The largest finite magnitude."""
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0))


def _first_line(error: Exception) -> str:
    """An error in one line; Paddle's C++ errors have their reason after a trace."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = [line for line in lines if "Error:" in line] or lines[:1]
    return f"{type(error).__name__}: {reason[0] if reason else ''}"[:160]
