"""Fused optimizers: the kernels that are used make the steps of the unfused ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from dualtrain import start
from tests.builders import spec_of
from tests.oracle.optimizers import Reference

UPDATES = 200
BAR = 1e-5
"""Of what the weights move: the bar of parity for one rule in two frameworks."""
LR = 1e-2
ADAM: dict[str, Any] = {"lr": LR, "betas": (0.8, 0.95), "eps": 1e-6}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, Callable[..., Any]]] = {
    "adam": ({"name": "adam", **ADAM}, None, torch.optim.Adam),
    "adam, decay": (
        {"name": "adam", **ADAM},
        {"value": 0.1, "kind": "coupled"},
        torch.optim.Adam,
    ),
    "adamw": ({"name": "adamw", **ADAM}, {"value": 0.1}, torch.optim.AdamW),
    "adamw, amsgrad": ({"name": "adamw", "amsgrad": True, **ADAM}, None, torch.optim.AdamW),
}


def gradients(smallest: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Each element of its own size up to 1, a tenth of them 0: (updates, 64, 64)."""
    random = np.random.default_rng(0)
    sizes = 10.0 ** random.uniform(np.log10(smallest), 0, (64, 64))
    drawn = random.standard_normal((UPDATES, 64, 64)) * sizes
    drawn[random.random(drawn.shape) < 0.1] = 0.0
    return drawn.astype(np.float32)


@pytest.mark.parametrize("case", CASES)
def test_its_steps_are_those_of_the_unfused_kernel_and_of_the_rule(
    case: str, device: str, record_property: Callable[[str, object], None]
) -> None:
    """Against torch's plain loop on the same device, and the formula in float64."""
    words, decay, native = CASES[case]
    spec = spec_of(
        optimizer=words, weight_decay=decay, duration={"updates": UPDATES}, device=device
    )
    torch.manual_seed(0)
    run = start(spec, torch.nn.Linear(64, 64, bias=False), micro_batches_per_epoch=1)
    assert all(group["fused"] for group in run.optimizer.param_groups)
    used = run.model.weight
    first = used.detach().double().cpu().numpy()
    plain = torch.nn.Parameter(used.detach().clone())
    own = {name: value for name, value in words.items() if name != "name"}
    value = 0.0 if decay is None else decay["value"]
    unfused = native([plain], **own, weight_decay=value, fused=False, foreach=False)
    rule = Reference(spec.optimizer.model_dump(), first, value)
    # Coupled decay of a weight near 0 decides the sign of Adam's step, unless gradients are larger.
    smallest = 1e-2 if decay is not None and "kind" in decay else 1e-8
    expected = first
    for gradient in gradients(smallest):
        plain.grad = torch.from_numpy(gradient).to(used.device)
        run.step((used * plain.grad).sum())
        unfused.step()
        expected = rule.update(gradient.astype(np.float64), LR)
    ends = [p.detach().double().cpu().numpy() for p in (used, plain)]
    moved = np.abs(expected - first).max()
    apart = [float(np.abs(ends[0] - other).max() / moved) for other in (ends[1], expected)]
    record_property(f"{case}, from the unfused", f"{apart[0]:.1e}")
    record_property(f"{case}, from the rule", f"{apart[1]:.1e}")
    assert moved > 0.1
    assert apart[0] < BAR
    assert apart[1] < BAR
