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
from dualtrain.errors import BackendError
from dualtrain.lockstep import Lockstep, carry_states, check_rule, judge_folder, settled, told
from dualtrain.parity import Comparison, compare_files
from dualtrain.plan import Plan
from dualtrain.spec import Spec
from dualtrain.training import Batches, LossSum, Metric, build_optimizer, fit, follow, nudge
from dualtrain.twins import Given, Twins, copy_weights, twins_of

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
    "own_betas": (),
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


def assert_decay_parity(
    spec: Spec, models: Sequence[Any], *, twins: Given | Twins | None = None
) -> None:
    """The optimizers of all models decay the same parameters, by canonical name, at the same rates.

    models: the same model in each framework. What is compared, weight decay and lr multipliers, is
    read back from the live optimizers, not from the spec. twins: how each goes with the first,
    where their names or their tensors are others (`dualtrain.copy_weights`).
    """
    names = [backend_of(model).NAME for model in models]
    first, *others = [_effective(spec, model) for model in models]
    for name, model, other in zip(names[1:], models[1:], others, strict=True):
        paired = None if twins is None else twins_of(models[0], model, twins)
        for what, expected in first.items():
            actual = other[what]
            if paired is not None:
                expected = paired.values_apart(expected, "source")
                actual = paired.values_apart(actual, "target")
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
    twins: Given | Twins | None = None,
) -> Lockstep:
    """Every update is made alike by two models, each judged alone, from one state.

    models: the same model in each framework; the second gets the first one's weights. The first is
    trained on `batches` as `dualtrain.fit` does, with its `loss` and `metric`. Then both make each
    update from its state: their gradients are held against each other, what each makes of the
    first one's gradients against the rule in float64. So rounding cannot add up, and no run is too
    chaotic or too long. Set their dropout to 0.

    every: judges each so many updates, the first and the last in any case. twins: how the second
    goes with the first, where their names or their tensors are others (`dualtrain.copy_weights`).

    The error names the first update that differs, the tensor, how many times the bar, and the
    fields of the spec to look at. What cannot be judged fails, too. Both models have other weights
    afterwards.

    Raises `TwinsError` where the two are no twins, or the spec's rule cannot be the same for both.
    """
    first, second = models
    paired = twins_of(first, second, twins)
    check_rule(spec, paired)
    copy_weights(first, second, paired)
    casts = spec.amp is not None and spec.amp.level == "O2"  # a model that is cast begins no run
    leader = deepcopy(first) if casts else first
    names = (backend_of(first).NAME, backend_of(second).NAME)
    with tempfile.TemporaryDirectory() as folder:
        states = Path(folder) / "states"
        made = fit(spec, leader, batches, loss=loss, metric=metric, states=states, every=every)
        theirs = states if twins is None else Path(folder) / "carried"
        if twins is not None:
            carry_states(states, theirs, paired)
        a = follow(spec, first, batches, states=states, loss=loss)
        b = follow(spec, second, batches, states=theirs, loss=loss)
        judged = judge_folder(states, a, b, twins=None if twins is None else paired)
        lockstep = settled(judged, len(made))
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
    nudges: int = 3,
    twins: Given | Twins | None = None,
) -> Comparison:
    """Training moves the weights of two models alike, up to the rounding of float32.

    models: the same model in each framework; the second gets the first one's weights, then each
    is trained on `batches` as `dualtrain.fit` does, with its `loss` and `metric`. Set their
    dropout to 0. nudges: how many copies of the first are trained before, each with its weights
    moved by 1 ULP, to measure how far the run magnifies rounding. The comparison is that of
    `dualtrain diff`; returned for a closer look. What it cannot judge, such as runs that both left
    the finite numbers, fails too. twins: how the second goes with the first, where their names or
    their tensors are others (`dualtrain.copy_weights`).

    Raises `BackendError` for a first model that cannot be copied, `TwinsError` where the two are no
    twins, or the spec's rule cannot be the same for both.
    """
    first, second = models
    verbs = backend_of(first)
    paired = twins_of(first, second, twins)
    check_rule(spec, paired)
    copy_weights(first, second, paired)

    def trained(model: Any, trace: Path) -> Path:
        output = trace.with_suffix("")
        fit(spec, model, batches, loss=loss, metric=metric, trace=trace, output=output)
        return trace

    with tempfile.TemporaryDirectory() as name:
        folder, floors = Path(name), []
        for number in range(1, nudges + 1):
            again = _copied(first)
            nudge(again, verbs, spec, seed=number)
            floors.append(trained(again, folder / f"nudged-{number}.trace.jsonl"))
        a = trained(first, folder / "first.trace.jsonl")
        b = trained(second, folder / "second.trace.jsonl")
        comparison = compare_files(a, b, floors=floors, twins=None if twins is None else paired)
    found = comparison.first
    if found is not None:
        look = f". Look at {found.knob}" if found.knob else ""
        raise AssertionError(
            f"{_FOUND[found.verdict]} the stage {found.stage!r}: {found.detail}{look}\n{comparison}"
        )
    return comparison


def _copied(model: Any) -> Any:
    try:
        return deepcopy(model)
    except Exception as error:
        raise BackendError(
            "a chaos floor trains a copy of the first model, as copy.deepcopy makes it; nudges=0 "
            f"leaves it out. Received: {error}"
        ) from error


_FOUND = {"differs": "the first difference is in", "no proof": "no proof, by"}
"""Verdict -> how a message begins."""
