"""The kernels that the product relies on, against numpy, on every backend: the probe in short.

`python -m benchmarks.kernels` asks more: every family, every kind of input, the low types.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import cast

import numpy as np
import pytest

from benchmarks.kernels._case import Case
from benchmarks.kernels.families import FAMILIES
from benchmarks.kernels.run import Framework, probe
from dualtrain.backend import Backend

CASES = {case.name: case for cases in FAMILIES.values() for case in cases}
OURS = (
    "LayerNorm, dualtrain",
    "BatchNorm, dualtrain",
    "BatchNorm in eval, dualtrain",
    "batch_norm, running statistics",
    "LSTM, dualtrain",
    "cross_entropy_sum",
    "cross_entropy_sum, ignored",
    "cross_entropy_sum, ignored and smoothed",
    "cross_entropy_sum, soft",
    "cross_entropy_sum, soft and smoothed",
    "global_norm",
    "lerp",
)
"""The product's own, and the framework's with what the product does about its faults."""
THEIRS = (
    "linear",
    "embedding",
    "gelu",
    "gelu, tanh form",
    "tanh",
    "softmax",
    "attention, operator by operator, masked",
    "rms_norm, operator by operator",
    "conv2d",
    "max_pool2d",
    "mean",
)
"""What the models of the zoo and of the tasks are made of."""


@pytest.fixture(scope="module")
def framework(backend: Backend) -> Framework:
    calls = f"benchmarks.kernels.in_{backend.NAME}"
    if find_spec(calls) is None:
        pytest.skip("the probe has no calls for a framework from outside")
    return cast(Framework, import_module(calls))


def of_small_inputs(case: Case) -> Case:
    """The case without the kinds of input that take long."""
    sizes = {
        kind: sum(array.size for array in build(np.random.default_rng(0)).values())
        for kind, build in case.inputs.items()
    }
    few = {kind: build for kind, build in case.inputs.items() if sizes[kind] <= 700}
    return replace(case, inputs=few)


@pytest.mark.parametrize("name", [*OURS, *THEIRS])
def test_forward_and_backward_are_the_formulas(framework: Framework, name: str) -> None:
    """Whatever stands still, and for the extreme inputs too."""
    case = of_small_inputs(CASES[name])
    (result,) = probe(case, framework, ["float32"])
    assert result.refusals == []
    assert [d for d in result.deviations if d.off] == []
    assert {d.inputs for d in result.deviations} == set(case.inputs)


def test_a_norm_of_a_million_elements_loses_nothing(framework: Framework) -> None:
    """Added up one by one, squares lose 2e-4 of them; of a table of words percents."""
    case = CASES["global_norm"]
    many = replace(case, inputs={"a million": case.inputs["a million"]})
    (result,) = probe(many, framework, ["float32"])
    assert result.worst.error < 1e-6


def test_every_case_is_called_for_and_every_call_is_a_cases(framework: Framework) -> None:
    assert {case.call for case in CASES.values()} == set(framework.CALLS)
