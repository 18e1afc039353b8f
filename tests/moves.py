"""Updates of a run from given states, as a judge of the rule is shown them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain import Spec
from dualtrain.backend import Backend
from dualtrain.lockstep import Move, Reading, judge_rule, probe_state
from dualtrain.optimizers import UpdateRule
from dualtrain.state import Arrays, LossScaleState, RunState, TensorState
from dualtrain.trace import Decision
from dualtrain.training import Run, start
from dualtrain.training.run._header import decisions_of

__all__ = ["beyond", "decisions_of_run", "judged", "moved", "run_on", "state_at"]


def run_on(backend: Backend, spec: Spec, shape: tuple[int, int], wide: bool = False) -> Run:
    """A run on a Linear: a weight of this shape, and a bias."""
    model = backend.build_linear(shape[1], shape[0])
    run = start(
        spec,
        backend.widened(model) if wide else model,
        micro_batches_per_epoch=20_000,
        measure=True,
    )
    assert run.clip is not None
    run.clip.keeps = True
    return run


def state_at(
    rule: UpdateRule,
    k: int,
    weights: Arrays,
    sizes: Arrays,
    *,
    scale: float | None = None,
    averages: Arrays | None = None,
    seed: int = 0,
) -> RunState:
    """A state before update k, counted from 1: moments of gradients of about the given sizes."""
    random = np.random.default_rng(seed)
    kept = {}
    if k > 1:
        kept = {name: _kept(rule, k, size, random) for name, size in sizes.items()}
    return RunState(
        backend="another",
        rule=", ".join([str(dict(rule)["name"]), *(n for n, value in rule if value is True)]),
        t=k - 1,
        attempts=k - 1,
        skipped=0,
        epoch=0,
        micro_batch=k - 1,
        tensors=TensorState(weights=weights, optimizer=kept),
        averages=averages or {},
        averaged=k - 1 if averages else 0,
        loss_scale=None if scale is None else LossScaleState(scale=scale, good=0, bad=0),
    )


def _kept(
    rule: UpdateRule, k: int, size: NDArray[Any], random: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """What an optimizer may keep of a parameter whose gradients are of a size."""
    dtype = size.dtype
    size = np.abs(size).astype(np.float64) * 10.0 ** random.uniform(-1.0, 1.0, size.shape)
    kept: dict[str, NDArray[Any]] = {}
    for name in rule.state_arrays:
        if name in ("first_moment", "velocity", "last_gradient"):
            kept[name] = size * random.normal(size=size.shape) * 0.3
        elif name == "second_moment_of_updates":
            kept[name] = 10.0 ** random.uniform(-8.0, -4.0, size.shape)
        elif name == "step_size":
            low, high = np.log10(dict(rule)["step_sizes"])
            kept[name] = 10.0 ** random.uniform(low, high, size.shape)
        else:
            kept[name] = size if name == "largest_gradient" else size**2
    kept = {name: array.astype(dtype) for name, array in kept.items()}
    if "betas" in type(rule).model_fields:
        kept["step"] = np.array(k - 1)
    if "momentum_product" in rule.state_numbers:
        b1, falls = dict(rule)["betas"][0], dict(rule)["momentum_decay"]
        factors = b1 * (1.0 - 0.5 * 0.96 ** (np.arange(1, k) * falls))
        kept["momentum_product"] = np.array(np.prod(factors), dtype)
    return kept


def moved(run: Run, state: RunState, gradients: Arrays) -> Move:
    """What the run makes of a state by given gradients."""
    run.restore(state)
    before = run.state()
    applied = run.move(gradients)
    after = run.state()
    norm = applied.grad_norm
    assert run.clip is not None
    return Move(
        before=before,
        handed=gradients,
        lr=applied.lr,
        momentum=applied.momentum,
        skipped=applied.skipped,
        norm=None if norm is None else run.backend.numbers([norm])[0],
        clipped={} if applied.skipped else run.backend.clipped_gradients(run.model, run.clip),
        scalars=run.backend.scalars(run.optimizer, before.tensors, after.tensors),
        after=after,
    )


def decisions_of_run(run: Run) -> Mapping[str, Decision]:
    """Canonical name -> what was decided for a parameter."""
    assert run.plan.ledger is not None
    return {decision.name: decision for decision in decisions_of(run.plan.ledger)}


def judged(
    run: Run, state: RunState, gradients: Arrays, leader: Run | None = None
) -> list[Reading]:
    """Readings of the update, and of the one from the state made up of it; leader: whose rule."""
    by = leader or run
    given: dict[str, Any] = {"side": "a", "plan": by.plan, "decisions": decisions_of_run(by)}
    readings = judge_rule(moved(run, state, gradients), **given)
    return readings + judge_rule(moved(run, *probe_state(state, gradients)), **given, probe=True)


def beyond(readings: list[Reading]) -> list[tuple[str, str, float, str, str]]:
    """What does not agree, the gravest first."""
    found = [r for r in readings if r.outcome != "agrees"]
    found.sort(key=lambda r: -r.times)
    return [(r.what, r.tensor, r.times, r.detail, r.knob) for r in found]
