"""Assertions for CI: two frameworks agree on the rate, on what decays, on how each update is made.

Each raises `AssertionError` that says what differs. They run in one process, so both frameworks
must be installed in it; where that cannot be, compare traces with `dualtrain diff`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from dualtrain.backend import Backend, backend_names, backend_of, load_backend
from dualtrain.lockstep import Lockstep, judge_folder, settled, told
from dualtrain.parity import Comparison, compare_files
from dualtrain.plan import Plan
from dualtrain.spec import Spec
from dualtrain.training import Batches, LossSum, Metric, build_optimizer, fit, follow

__all__ = [
    "assert_decay_parity",
    "assert_lockstep",
    "assert_lr_parity",
    "assert_update_parity",
]

PAST_THE_END = 12
"""Updates past T at which the rate is looked at too."""


_NO_PARAMETER_RULES = {
    "weight_decay": None,
    "lr_multipliers": (),
    "layer_decay": None,
    "freeze": None,
}


def assert_lr_parity(
    spec: Spec,
    *,
    micro_batches_per_epoch: int | None = None,
    backends: Sequence[str] | None = None,
) -> None:
    """The native schedule of every backend gives `plan.lr_at(t)`, equal as float64, at every t.

    t goes from 0 past the end. micro_batches_per_epoch: what the spec says when absent, else 1.
    backends: all that are installed when absent.
    """
    count = micro_batches_per_epoch or spec.batch.micro_batches_per_epoch or 1
    plan = Plan.of(spec, micro_batches_per_epoch=count)
    expected = [plan.lr_at(t) for t in range(plan.total_updates + PAST_THE_END)]
    for name in backends or backend_names():
        used = native_rates(load_backend(name), plan, len(expected))
        for t, (right, rate) in enumerate(zip(expected, used, strict=True)):
            assert rate == right, (
                f"{name}: update {t} uses the rate {rate!r}, the plan says {right!r}"
            )


def native_rates(backend: Backend, plan: Plan, updates: int) -> list[float]:
    """The rate that a backend's live optimizer holds at t = 0 ... updates - 1."""
    spec = plan.spec.model_copy(update=_NO_PARAMETER_RULES)  # they need the real model
    optimizer = build_optimizer(spec, backend.build_linear(1, 1))
    schedule = backend.build_schedule(plan, optimizer)
    optimizer.step()  # without gradients nothing moves; torch warns if the schedule steps first
    rates = []
    for _ in range(updates):
        rates.append(backend.learning_rate(optimizer))
        schedule.step()
    return rates


def assert_decay_parity(spec: Spec, models: Sequence[Any]) -> None:
    """The optimizers of all models decay the same parameters, by canonical name, at the same rates.

    models: the same model in each framework. What is compared, weight decay and lr multipliers, is
    read back from the live optimizers, not from the spec.
    """
    names = [backend_of(model).NAME for model in models]
    first, *others = [_effective(spec, model) for model in models]
    for name, other in zip(names[1:], others, strict=True):
        for what, expected in first.items():
            actual = other[what]
            assert actual.keys() == expected.keys(), (
                f"{names[0]} and {name} do not have the same parameters; "
                f"only one has {sorted(actual.keys() ^ expected.keys())}"
            )
            differing = {n: (expected[n], actual[n]) for n in actual if actual[n] != expected[n]}
            assert not differing, f"{names[0]} and {name} differ in {what}: {differing}"


def _effective(spec: Spec, model: Any) -> dict[str, dict[str, float]]:
    backend = backend_of(model)
    optimizer = build_optimizer(spec, model)
    return {
        "weight decay": backend.effective_decay(optimizer, model),
        "lr multiplier": backend.effective_lr_multiplier(optimizer, model),
    }


def assert_lockstep(
    spec: Spec,
    models: Sequence[Any],
    batches: Batches,
    *,
    loss: LossSum | None = None,
    metric: Metric | None = None,
    every: int = 1,
) -> Lockstep:
    """Every update is made alike by two models, each judged alone, from one state.

    models: the same model in each framework; the second gets the first one's weights. The first is
    trained on `batches` as `dualtrain.fit` does, with its `loss` and `metric`. Then both make each
    update from its state: their gradients are held against each other, what each makes of the
    first one's gradients against the rule in float64. So rounding cannot add up, and no run is too
    chaotic or too long. Set their dropout to 0.

    every: judges each so many updates, the first and the last in any case.

    The error names the first update that differs, the tensor, how many times the bar, and the
    fields of the spec to look at. What cannot be judged fails, too. Both models have other weights
    afterwards.
    """
    first, second = models
    backend_of(second).load_weights(second, backend_of(first).dump_weights(first))
    casts = spec.amp is not None and spec.amp.level == "O2"  # a model that is cast begins no run
    leader = deepcopy(first) if casts else first
    names = (backend_of(first).NAME, backend_of(second).NAME)
    with tempfile.TemporaryDirectory() as folder:
        states = Path(folder) / "states"
        made = fit(spec, leader, batches, loss=loss, metric=metric, states=states, every=every)
        a, b = (follow(spec, model, batches, states=states, loss=loss) for model in models)
        lockstep = settled(judge_folder(states, a, b), len(made))
    for outcome, said in _FOUND.items():
        found = [
            (update.attempt, reading.half != "gradients", -reading.times, reading)
            for update in lockstep.updates
            for reading in update.readings
            if reading.outcome == outcome
        ]
        if found:
            update, *_, reading = min(found, key=lambda one: one[:3])
            where = f"{said} half {reading.half!r}, {told(update, reading, names)}"
            raise AssertionError(f"{where}. Look at {reading.knob or 'the models'}")
    return lockstep


def assert_update_parity(
    spec: Spec,
    models: Sequence[Any],
    batches: Batches,
    *,
    loss: LossSum | None = None,
    metric: Metric | None = None,
) -> Comparison:
    """Training moves the weights of two models alike, up to the rounding of float32.

    models: the same model in each framework; the second gets the first one's weights, then each
    is trained on `batches` as `dualtrain.fit` does, with its `loss` and `metric`. Set their
    dropout to 0. The comparison is that of `dualtrain diff`; returned for a closer look. What it
    cannot judge, such as runs that both left the finite numbers, fails too.
    """
    first, second = models
    backend_of(second).load_weights(second, backend_of(first).dump_weights(first))
    with tempfile.TemporaryDirectory() as folder:
        traces = [Path(folder) / f"{side}.trace.jsonl" for side in ("first", "second")]
        for model, trace in zip(models, traces, strict=True):
            fit(
                spec,
                model,
                batches,
                loss=loss,
                metric=metric,
                trace=trace,
                output=trace.with_suffix(""),
            )
        comparison = compare_files(*traces)
    found = comparison.first
    assert found is None, (
        f"{_FOUND[found.verdict]} the stage {found.stage!r}: {found.detail}. Look at {found.knob}"
    )
    return comparison


_FOUND = {"differs": "the first difference is in", "no proof": "no proof, by"}
"""Verdict -> how a message begins."""
