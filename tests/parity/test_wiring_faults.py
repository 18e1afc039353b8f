"""Mistakes in how an optimizer is wired show in what is read back from it, and in the trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import torch

import dualtrain_paddle
import dualtrain_torch.optimizers
from dualtrain import Spec, build_optimizer, fit
from dualtrain.parity import compare
from dualtrain.trace import read_trace
from dualtrain_paddle.optimizers import _ByLedger
from tests import builders

Patch = pytest.MonkeyPatch

ADAMW = {"name": "adamw", "lr": 1e-3}
ADAM = {"name": "adam", "lr": 1e-3}
LAMB = {"name": "lamb", "lr": 1e-3, "eps": 1e-6}
RMSPROP = {"name": "rmsprop", "lr": 1e-3, "rho": 0.9, "eps": 1e-6}
MOMENTUM = {"name": "momentum", "lr": 1e-3, "momentum": 0.9}


def spec_of(optimizer: dict[str, Any]) -> Spec:
    kind = "decoupled" if optimizer["name"] in ("adamw", "lamb") else "coupled"
    return builders.spec_of(
        optimizer=optimizer,
        duration={"updates": 2},
        weight_decay={"value": 0.1, "kind": kind, "exclude": ["bias"]},
        lr_multipliers=[{"pattern": "bias", "multiplier": 2.0}],
    )


def each_group(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any], Any]:
    """A class of torch's that computes by other numbers than its groups hold."""

    def wrong(native: Any) -> Any:
        class Wrong(native):
            param_groups: list[dict[str, Any]]

            def step(self, closure: Any = None) -> Any:
                groups = self.param_groups
                self.param_groups = [{**group, **change(group)} for group in groups]
                try:
                    return super().step(closure)
                finally:
                    self.param_groups = groups

        return Wrong

    return wrong


def in_torch(name: str, wrong: Callable[[Any], Any]) -> Callable[[Patch], None]:
    """name: of a class of torch.optim, or of the wing's own."""
    room: Any = torch.optim if hasattr(torch.optim, name) else dualtrain_torch.optimizers
    return lambda patch: patch.setattr(room, name, wrong(getattr(room, name)))


def ignore_decay(patch: Patch) -> None:
    patch.delattr(_ByLedger, "_create_regularization_of_grad")


def ignore_multipliers(patch: Patch) -> None:
    patch.delattr(_ByLedger, "_create_param_lr")


def halve_coupled_decay(patch: Patch) -> None:
    tell = _ByLedger.tell
    patch.setattr(
        _ByLedger,
        "tell",
        lambda self, rates, decays, decoupled: tell(
            self, rates, {n: d / 2 for n, d in decays.items()}, decoupled
        ),
    )


def forget_the_filter(*names: str) -> Callable[[Patch], None]:
    """The decay is given, but not to whom."""

    def plant(patch: Patch) -> None:
        build = dualtrain_paddle.build_optimizer

        def wrong(*given: Any, **rest: Any) -> Any:
            made = build(*given, **rest)
            for name in names:
                setattr(made, name, None)
            return made

        patch.setattr(dualtrain_paddle, "build_optimizer", wrong)

    return plant


def decay_every_weight_of_lamb(patch: Patch) -> None:
    """The kernel's own hook, in which the filter is asked, is passed by."""
    append = paddle.optimizer.Lamb._append_optimize_op

    def wrong(self: Any, block: Any, pair: Any) -> Any:
        held, self._exclude_from_weight_decay_fn = self._exclude_from_weight_decay_fn, None
        try:
            return append(self, block, pair)
        finally:
            self._exclude_from_weight_decay_fn = held

    patch.setattr(paddle.optimizer.Lamb, "_append_optimize_op", wrong)


NO_DECAY = each_group(lambda group: {"weight_decay": 0.0})
ONE_RATE = each_group(lambda group: {"lr": 1e-3})
HALF = each_group(lambda group: {"weight_decay": group["weight_decay"] / 2})
RIGHT = {"decay": (0.1, 0.0), "rate": (1.0, 2.0)}

# what is wrong -> the side, its optimizer, the fault, and what must be read back of weight and bias
FAULTS: dict[str, tuple[str, dict[str, Any], Callable[[Patch], None], dict[str, Any]]] = {
    "torch, no decay": ("torch", ADAMW, in_torch("AdamW", NO_DECAY), {"decay": (0.0, 0.0)}),
    "torch, half the decay": ("torch", ADAMW, in_torch("AdamW", HALF), {"decay": (0.05, 0.0)}),
    "torch, no coupled decay": ("torch", ADAM, in_torch("Adam", NO_DECAY), {"decay": (0.0, 0.0)}),
    "torch, half of coupled": ("torch", ADAM, in_torch("Adam", HALF), {"decay": (0.05, 0.0)}),
    "torch, no decay by rule": (
        "torch",
        LAMB,
        in_torch("ByRule", NO_DECAY),
        {"decay": (0.0, 0.0)},
    ),
    "torch, half by rule": ("torch", RMSPROP, in_torch("ByRule", HALF), {"decay": (0.05, 0.0)}),
    "torch, decay in the gradient": (
        "torch",
        ADAMW,
        in_torch("AdamW", lambda native: torch.optim.Adam),
        {"decay": (0.0, 0.0)},
    ),
    "paddle, no coupled decay": ("paddle", ADAM, ignore_decay, {"decay": (0.0, 0.0)}),
    "paddle, no decay in Momentum": ("paddle", MOMENTUM, ignore_decay, {"decay": (0.0, 0.0)}),
    "paddle, half of coupled": ("paddle", ADAM, halve_coupled_decay, {"decay": (0.05, 0.0)}),
    "paddle, no multipliers": ("paddle", ADAM, ignore_multipliers, {"rate": (1.0, 1.0)}),
    "paddle, no filter": (
        "paddle",
        ADAMW,
        forget_the_filter("_apply_decay_param_fun"),
        {"decay": (0.1, 0.1)},
    ),
    "paddle, filter not asked": (
        "paddle",
        LAMB,
        decay_every_weight_of_lamb,
        {"decay": (0.1, 0.1)},
    ),
    "paddle, no multipliers in AdamW": (
        "paddle",
        ADAMW,
        ignore_multipliers,
        {"rate": (1.0, 1.0)},
    ),
}
VERBS = {"torch": dualtrain_torch, "paddle": dualtrain_paddle}


def read_back(side: str, spec: Spec) -> dict[str, Any]:
    verbs: Any = VERBS[side]
    model = verbs.build_linear(3, 2)
    optimizer = build_optimizer(spec, model)
    decay = verbs.effective_decay(optimizer, model)
    rate = verbs.effective_lr_multiplier(optimizer, model)
    return {"decay": (decay["weight"], decay["bias"]), "rate": (rate["weight"], rate["bias"])}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_read_back(name: str, monkeypatch: Patch) -> None:
    """To 2 % where it is a number that nobody decided."""
    side, optimizer, plant, wrong = FAULTS[name]
    spec = spec_of(optimizer)
    assert read_back(side, spec) == RIGHT
    plant(monkeypatch)
    found = read_back(side, spec)
    assert found != RIGHT
    for what, expected in (RIGHT | wrong).items():
        assert found[what] == pytest.approx(expected, rel=0.02), what


def test_one_rate_for_all_groups_is_read_back(monkeypatch: Patch) -> None:
    """A class that goes by its default; the trial's own rate is another, so no number is right."""
    in_torch("AdamW", ONE_RATE)(monkeypatch)
    rates = read_back("torch", spec_of(ADAMW))["rate"]
    assert rates[0] == rates[1] != 1.0


@pytest.mark.parametrize("name", ["torch, no decay", "paddle, no multipliers"])
def test_the_trace_shows_it_and_parity_names_it(
    name: str, monkeypatch: Patch, tmp_path: Path
) -> None:
    """Before the first update, while all that was decided is the same."""
    side, optimizer, plant, _ = FAULTS[name]
    batch = {"x": np.ones((4, 3), np.float32), "labels": np.array([0, 1, 0, 1])}
    traces = []
    for run in ("right", "wrong"):
        if run == "wrong":
            plant(monkeypatch)
        model = VERBS[side].build_linear(3, 2)
        weights = {"weight": np.ones((2, 3), np.float32), "bias": np.zeros(2, np.float32)}
        VERBS[side].load_weights(model, weights)

        def loss(model: Any, tensors: Any) -> Any:
            return model(tensors["x"]).sum()

        fit(spec_of(optimizer), model, [batch], loss=loss, trace=tmp_path / run)
        traces.append(read_trace(tmp_path / run))
    assert [[e.decay for e in t.header.decisions.values()] for t in traces] == [[0.0, 0.1]] * 2
    found = compare(*traces).first
    assert found is not None
    assert (found.stage, "effective" in found.detail) == ("decay", True)
