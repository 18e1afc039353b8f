"""The probe of the kernels objects to a wrong one, and derives what is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.kernels import in_torch
from benchmarks.kernels.families import FAMILIES
from benchmarks.kernels.oracle import derivatives, rounded
from benchmarks.kernels.run import probe

CASES = {case.name: case for cases in FAMILIES.values() for case in cases}


def blind_to_a_frozen_weight(x: Any, weight: Any, bias: Any, epsilon: float) -> Any:
    """Right but for the input's gradient, and that only where the weight stands still."""
    right = in_torch.CALLS["layer_norm"](x, weight, bias, epsilon)
    if weight.requires_grad:
        return right
    plain = in_torch.CALLS["layer_norm without weight and bias"](x, epsilon)
    return plain + bias + (right - plain - bias).detach()


def without_the_other(x: Any, weight: Any, bias: Any, epsilon: float) -> Any:
    """No gradient for the bias where the weight stands still."""
    bias = bias if weight.requires_grad else bias * 1.0 - bias + bias.detach()
    return in_torch.CALLS["batch_norm"](x, weight, bias, epsilon)


def cut_at_64(x: Any) -> Any:
    right = torch.log_softmax(x, -1)
    return right + (right.clamp(min=-64.0) - right).detach()


def hasty(x: Any) -> Any:
    return torch.softmax(x, -1) * (1 + 1e-5)


def raw_exponentials(x: Any) -> Any:
    e = torch.exp(x)
    return e / e.sum(-1, keepdim=True)


def nowhere(ids: Any, weight: Any) -> Any:
    """Of an id that is met again only the last gradient is kept."""
    once = torch.zeros(ids.numel(), dtype=torch.bool)
    for row in ids.unique():
        once[(ids.ravel() == row).nonzero()[-1]] = True
    taken = weight[ids]
    return torch.where(once.reshape(*ids.shape, 1), taken, taken.detach())


@pytest.mark.parametrize(
    ("name", "wrong", "still", "part"),
    [
        ("layer_norm", blind_to_a_frozen_weight, "weight", "gradient of x"),
        ("batch_norm", without_the_other, "weight", "gradient of bias"),
        ("log_softmax", cut_at_64, "", "output"),
        ("softmax", hasty, "", "output"),
        ("softmax", raw_exponentials, "", "output"),
        ("embedding", nowhere, "", "gradient of weight"),
    ],
)
def test_a_wrong_kernel_is_off(name: str, wrong: Callable[..., Any], still: str, part: str) -> None:
    kinds = {k: b for k, b in CASES[name].inputs.items() if k in KINDS}
    case = replace(CASES[name], inputs=kinds, kernel=name)
    right: Any = SimpleNamespace(**vars(in_torch))
    planted: Any = SimpleNamespace(**{**vars(in_torch), "CALLS": {name: wrong}})
    (before,) = probe(case, right, ["float32"])
    (after,) = probe(case, planted, ["float32"])

    assert (before.verdict, after.verdict) == ("right", "off")
    assert (still, part) in {(d.still, d.part) for d in after.deviations if d.off}


KINDS = {"4 x 6", "5 x 4", "0, 100, 1", "N(0, 1)", "1e4", "repeated"}


def test_what_raises_is_refused() -> None:
    def call(x: Any) -> Any:
        raise RuntimeError("(NotFound) no such kernel")

    planted: Any = SimpleNamespace(**{**vars(in_torch), "CALLS": {"tanh": call}})
    (result,) = probe(CASES["tanh"], planted, ["float32"])
    assert result.verdict == "refused"
    assert result.refusals[0].said == "RuntimeError: (NotFound) no such kernel"


def test_the_oracles_derivative_is_that_of_a_known_function() -> None:
    """d/dx sum(u x^3) = 3 u x^2, to the last bits."""
    x = np.array([-2.0, 1e-30, 0.5, 1e4])
    u = np.array([1.0, 2.0, -3.0, 0.25])
    (found,) = derivatives(lambda x: x * x * x, {"x": x}, {}, ["x"], [u], 9).values()
    np.testing.assert_allclose(found.values, (3 * u * x * x)[found.where], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_rounding_is_the_frameworks(dtype: str) -> None:
    numbers = np.random.default_rng(0).standard_normal(1000) * 10.0 ** np.arange(-4, 4).repeat(125)
    native = torch.from_numpy(numbers).to(torch.float32).to(getattr(torch, dtype)).double()
    np.testing.assert_array_equal(rounded(rounded(numbers, "float32"), dtype), native.numpy())
