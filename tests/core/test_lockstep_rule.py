"""The judge of half (b) on moves made by numpy: what it finds in data, reading by reading.

The honest side is SGD in numpy's float32, w - lr g, which rounds as either framework may.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dualtrain.lockstep import Move, Reading, judge_rule, probe_state
from dualtrain.lockstep._rule_parameter import SAMPLE, sampled
from dualtrain.state import Arrays, LossScaleState, RunState, TensorState
from dualtrain.trace import Decision
from tests import builders

LR = 0.1


def decision(name: str, **changes: Any) -> Decision:
    usual: dict[str, Any] = {
        "name": name,
        "roles": (),
        "rule": "default",
        "decay": 0.0,
        "lr_rule": "default",
        "lr_multiplier": 1.0,
        "freeze_rule": "default",
        "frozen": False,
    }
    return Decision(**{**usual, **changes})


DECISIONS = {"w": decision("w"), "still": decision("still", frozen=True)}


def plan_of(**changes: Any) -> Any:
    return builders.plan_of(**{"optimizer": {"name": "sgd", "lr": LR}, **changes})


def arrays(seed: int = 0, shape: tuple[int, ...] = (30, 20)) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return tuple(random.normal(size=shape).astype(np.float32) for _ in range(2))  # type: ignore[return-value]


def move_of(
    *,
    scale: float | None = None,
    clip: Callable[[Any], Any] = lambda g: g,
    norm: float | None = None,
    averages: Arrays | None = None,
    share: float = 0.0,
) -> Move:
    """An honest update of `w` beside `still`."""
    w, g = arrays()
    still = np.ones(3, np.float32)
    handed = g if scale is None else (g * np.float32(scale))
    unscaled = handed if scale is None else handed * np.float32(1.0 / scale)
    used = clip(unscaled)
    scaling = None if scale is None else LossScaleState(scale=scale, good=0, bad=0)
    before = RunState(
        backend="torch",
        rule="sgd",
        t=3,
        attempts=3,
        skipped=0,
        epoch=0,
        micro_batch=3,
        tensors=TensorState(weights={"w": w, "still": still}),
        averages=averages or {},
        averaged=3 if averages else 0,
        loss_scale=scaling,
    )
    moved = w - np.float32(LR) * used
    after = replace(
        before,
        t=4,
        attempts=4,
        micro_batch=4,
        tensors=TensorState(weights={"w": moved, "still": still}),
        averages={n: a + np.float32(share) * (moved - a) for n, a in before.averages.items()},
        averaged=before.averaged + bool(averages),
        loss_scale=None if scaling is None else replace(scaling, good=1),
    )
    return Move(
        before=before,
        handed={"w": handed},
        lr=LR,
        momentum=None,
        skipped=False,
        norm=norm,
        clipped={"w": used},
        scalars={},
        after=after,
    )


def beyond(move: Move, decisions: Any = DECISIONS, **spec: Any) -> list[Reading]:
    readings = judge_rule(move, side="a", plan=plan_of(**spec), decisions=decisions)
    assert {r.half for r in readings} == {"rule"}
    assert {r.side for r in readings} == {"a"}
    return [r for r in readings if r.outcome != "agrees"]


def with_after(move: Move, **changes: Any) -> Move:
    return replace(move, after=replace(move.after, **changes))


def with_weight(move: Move, name: str, change: Callable[[Any], Any]) -> Move:
    weights = dict(move.after.tensors.weights)
    weights[name] = change(weights[name].copy())
    return with_after(move, tensors=replace(move.after.tensors, weights=weights))


def test_an_honest_move_is_silent() -> None:
    assert beyond(move_of()) == []


def _one(array: Any, by: float) -> Any:
    array.flat[7] += by
    return array


def test_one_weight_that_is_off_is_found_with_its_name() -> None:
    (found,) = beyond(with_weight(move_of(), "w", lambda w: _one(w, 1e-5)))
    assert (found.what, found.tensor, found.outcome) == ("weight", "w", "differs")
    assert found.times > 5.0


def test_a_weight_that_is_no_number_is_beyond_any_bar() -> None:
    found = beyond(with_weight(move_of(), "w", lambda w: _one(w, np.nan)))
    assert max(r.times for r in found) == math.inf


def test_what_is_frozen_may_not_move_by_a_bit() -> None:
    (found,) = beyond(with_weight(move_of(), "still", _next))
    assert (found.what, found.tensor, found.knob) == ("weight", "still", "freeze")


def _next(w: Any) -> Any:
    return np.nextafter(w, np.float32(9.0))


@pytest.mark.parametrize(
    ("changes", "what", "knob"),
    [
        ({"t": 5}, "clock", "amp.on_skip"),
        ({"t": 3}, "clock", "amp.on_skip"),
        ({"skipped": 1}, "skipped updates", "amp.loss_scale"),
        ({"averaged": 1}, "averaged updates", "ema"),
    ],
)
def test_the_counts(changes: dict[str, Any], what: str, knob: str) -> None:
    (found,) = beyond(with_after(move_of(), **changes))
    assert (found.what, found.knob) == (what, knob)


def test_the_rate_is_the_plans_to_the_bit() -> None:
    (found,) = beyond(replace(move_of(), lr=math.nextafter(LR, 1.0)))
    assert (found.what, found.knob) == ("learning rate", "optimizer.lr, schedule")


def test_a_rate_that_is_off_in_one_tensor_is_its_multipliers() -> None:
    w, g = arrays(1)
    move = move_of()
    tensors = move.before.tensors
    before = replace(tensors, weights={**tensors.weights, "v": w})
    moved = {**move.after.tensors.weights, "v": w - np.float32(LR * 1.0005) * g}
    move = replace(
        move,
        handed={**move.handed, "v": g},
        clipped={**move.clipped, "v": g},
        before=replace(move.before, tensors=before),
        after=replace(move.after, tensors=replace(tensors, weights=moved)),
    )
    found = beyond(move, {**DECISIONS, "v": decision("v")})
    assert {(r.tensor, r.knob) for r in found if r.what in ("rate", "weight")} == {
        ("v", "lr_multipliers")
    }


def test_a_decay_too_small_for_one_weight_is_found_over_the_tensor() -> None:
    """3.4 units of a weight's rounding, in one weight as good as none: lr wd = 2e-7."""
    lazy = beyond(move_of(), {**DECISIONS, "w": decision("w", decay=2e-6)}, weight_decay=_COUPLED)
    assert ("decay", "weight_decay") in {(r.what, r.knob) for r in lazy}
    assert {r.knob for r in lazy} == {"weight_decay"}


_COUPLED = {"value": 2e-6, "kind": "coupled"}


def test_a_gradient_that_was_not_used_is_found() -> None:
    found = beyond(replace(move_of(), clipped={}))
    assert ("weight", "w", "freeze") in {(r.what, r.tensor, r.knob) for r in found}


def test_who_moves_without_a_gradient_is_found() -> None:
    found = beyond(replace(move_of(), handed={}))
    assert {(r.what, r.tensor) for r in found} == {("weight", "w")}


def _joint(limit: float) -> Callable[[Any], Any]:
    def clip(g: Any) -> Any:
        return g * (np.float32(limit) / max(np.float32(np.linalg.norm(g)), np.float32(limit)))

    return clip


@pytest.mark.parametrize("limit", [0.5, 3.0, 1000.0])
def test_a_joint_clip_follows_from_the_sides_own_norm(limit: float) -> None:
    norm = float(np.linalg.norm(arrays()[1].astype(np.float64)))
    honest = move_of(clip=_joint(limit), norm=norm)
    spec = {"clip": {"global_norm": limit}}
    assert beyond(honest, **spec) == []
    found = beyond(move_of(clip=_joint(0.99999 * min(limit, norm)), norm=norm), **spec)
    assert {r.knob for r in found} == {"clip"}
    assert max(r.times for r in found) > 10.0
    (off,) = (r for r in beyond(replace(honest, norm=norm * 1.0001), **spec) if r.what == "norm")
    assert off.times > 10.0


def test_a_norm_that_adds_up_badly_is_allowed_for_a_large_tensor() -> None:
    """n u / 64, in float32's own way of adding up; what follows from it is judged by it."""
    g = arrays()[1]
    norm = float(np.linalg.norm(g.astype(np.float64))) * (1.0 + 50.0 * 2.0**-24)
    clip = np.float32(0.5) / np.float32(norm)
    assert beyond(move_of(clip=lambda g: g * clip, norm=norm), clip={"global_norm": 0.5}) == []


def test_each_clipped_by_its_own_norm() -> None:
    assert beyond(move_of(clip=_joint(0.5)), clip={"norm": 0.5}) == []
    (found,) = beyond(move_of(clip=_joint(0.5001)), clip={"norm": 0.5})
    assert (found.what, found.tensor, found.knob) == ("norm", "w", "clip")


def test_clipped_by_value() -> None:
    limit = np.float32(0.3)
    honest = move_of(clip=lambda g: np.clip(g, -limit, limit))
    assert beyond(honest, clip={"value": 0.3}) == []
    found = beyond(move_of(clip=lambda g: np.clip(g, -limit, limit * 2)), clip={"value": 0.3})
    assert {r.what for r in found} == {"clip"}


@pytest.mark.parametrize("scale", [8.0, 1000.0])
def test_unscaled_by_the_loss_scale(scale: float) -> None:
    amp = {"dtype": "float16", "loss_scale": {"init": scale}}
    assert beyond(move_of(scale=scale), amp=amp) == []
    twice = move_of(scale=scale, clip=lambda g: g * np.float32(1.00001))
    assert "amp.loss_scale" in {r.knob for r in beyond(twice, amp=amp)}


def test_the_loss_scale_moves_on_as_its_rule_says() -> None:
    amp = {"dtype": "float16", "loss_scale": {"init": 8.0, "growth_interval": 1}}
    (found,) = beyond(move_of(scale=8.0), amp=amp)
    assert (found.what, found.knob) == ("loss scale", "amp.loss_scale")


def test_an_update_that_had_to_be_skipped() -> None:
    amp = {"dtype": "float16", "loss_scale": {"init": 8.0}}
    move = move_of(scale=8.0)
    infinite = replace(move, handed={"w": np.full_like(move.handed["w"], np.inf)})
    assert "skip" in {r.what for r in beyond(infinite, amp=amp)}
    skipped = replace(infinite, skipped=True, clipped={})
    kept = {n: getattr(move.before, n) for n in ("t", "tensors", "averages")}
    scale = LossScaleState(scale=4.0, good=0, bad=0)
    rightly = with_after(skipped, **kept, skipped=1, loss_scale=scale)
    assert beyond(rightly, amp=amp) == []
    assert {r.tensor for r in beyond(with_weight(rightly, "w", lambda w: w * 2), amp=amp)} == {"w"}


def test_the_averages_take_the_weight_of_after_the_update() -> None:
    ema = {"ema": {"decay": 0.9}}
    average = {"w": arrays()[0] * np.float32(0.5)}
    honest = move_of(averages=average, share=0.1)
    assert beyond(honest, **ema) == []
    late = average["w"] + np.float32(0.1) * (honest.before.tensors.weights["w"] - average["w"])
    (found,) = beyond(with_after(honest, averages={"w": late}), **ema)
    assert (found.what, found.tensor, found.knob) == ("average", "w", "ema")
    assert found.times > 1000.0


def test_a_reading_of_a_state_made_up_says_so() -> None:
    move = with_weight(move_of(), "w", lambda w: w * 1.1)
    readings = judge_rule(move, side="b", plan=plan_of(), decisions=DECISIONS, probe=True)
    assert all(r.detail.startswith("from a state made up") for r in readings)


def test_a_large_tensor_is_judged_by_a_sample_of_every_part() -> None:
    large = np.arange(1_000_000, dtype=np.float32).reshape(1000, 1000)
    taken = sampled(large)
    assert taken.shape == (SAMPLE,)
    assert len(set(taken)) == SAMPLE
    assert np.diff(taken).max() < 100.0
    assert np.bincount(taken.astype(int) % 1000, minlength=1000).min() > 0
    assert sampled(large[:10]) is not None
    assert sampled(large[:10]).shape == (10, 1000)


def test_the_state_made_up() -> None:
    """A third each: weight and average 0; gradient and moments 0; as it was."""
    shape = (4, 5)
    kept = {
        "first_moment": np.ones(shape, np.float32),
        "step_size": np.ones(shape, np.float32),
        "step": np.array(7),
    }
    tensors = TensorState(
        weights={"v": np.ones(3, np.float32), "w": np.ones(shape, np.float32)},
        optimizer={"w": kept},
    )
    before = replace(move_of().before, tensors=tensors, averages={"w": np.ones(shape, np.float32)})
    state, gradients = probe_state(before, {"w": np.full(shape, 2.0, np.float32)})
    weight, made = state.tensors.weights["w"], state.tensors.optimizer["w"]
    assert weight.dtype == gradients["w"].dtype == np.float32
    assert state.tensors.weights["v"].tolist() == [1.0, 1.0, 1.0]
    of_weight, of_gradient = weight == 0.0, gradients["w"] == 0.0
    assert [int(of_weight.sum()), int(of_gradient.sum())] == [7, 7]
    assert not (of_weight & of_gradient).any()
    assert np.array_equal(state.averages["w"] == 0.0, of_weight)
    assert np.array_equal(made["first_moment"] == 0.0, of_gradient)
    assert made["step_size"].all()
    assert made["step"] == 7
