"""Distances, and how final weights are judged."""

from __future__ import annotations

import json
import math
import os
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualtrain.errors import TraceError
from dualtrain.parity import Finding, WeightSet, compare, compare_files
from dualtrain.parity._finding import classify
from dualtrain.parity._numbers import distance, relative, ulps
from dualtrain.trace import Evaluation, Trace
from tests.traces import (
    make_trace,
    make_weights,
    weight_set,
    with_losses,
    with_parameter,
    with_update,
    write_run,
    write_trace,
)

numbers = st.none() | st.floats()


@given(numbers, numbers)
def test_distances_are_symmetric_and_zero_for_the_same(a: float | None, b: float | None) -> None:
    assert distance(a, b) == distance(b, a)
    assert relative(a, b, floor=1e-3) == relative(b, a, floor=1e-3)
    assert 0.0 == distance(a, a) == relative(a, a, floor=1e-3)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_next_float_is_one_ulp_away(a: float) -> None:
    following = math.nextafter(a, math.inf)
    expected = 1.0 if math.isfinite(following) else math.inf
    assert (expected, expected, 0.0) == (ulps(a, following), ulps(following, a), ulps(a, a))


def test_ulps_count_across_zero() -> None:
    assert ulps(math.nextafter(0, -1), math.nextafter(0, 1)) == 2.0
    assert ulps(0.0, -0.0) == 0.0


def test_a_number_against_none_is_infinitely_far() -> None:
    assert (math.inf, math.inf) == (distance(None, 0.0), relative(None, 0.0, floor=1.0))


def test_a_difference_that_is_no_number_is_beyond_any_bar() -> None:
    assert [classify(value, 1.0) for value in (math.nan, math.inf)] == ["different"] * 2


def test_near_zero_the_floor_is_the_measure() -> None:
    assert relative(0.0, 1e-6, floor=1e-3) == 1e-3


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 2)), max_size=4), st.floats(-4e-5, 4e-5))
def test_the_verdict_is_symmetric(changes: list[tuple[int, float]], noise: float) -> None:
    a = b = make_trace()
    for t, value in changes:
        b = with_update(b, t, grad_norm=value, micro_losses=(value,))
    x, y = make_weights(), make_weights(noise)
    forth, back = compare(a, b, weights=(x, y)), compare(b, a, weights=(y, x))
    assert [(f.stage, f.parity, f.largest) for f in forth.findings] == [
        (f.stage, f.parity, f.largest) for f in back.findings
    ]
    assert forth.verdict == back.verdict


def judge(a: WeightSet, b: WeightSet, *, decay: float = 0.0, trace: Trace | None = None) -> Finding:
    """The finding of the weights alone."""
    trace = trace or make_trace()
    for parameter in trace.header.parameters:
        trace = with_parameter(trace, parameter.name, effective_decay=decay)
    comparison = compare(trace, trace, weights=(a, b))
    (finding,) = (f for f in comparison.findings if f.stage == "update")
    return finding


def test_the_difference_is_relative_to_the_movement() -> None:
    a = weight_set(w=([100.0, 0.0], [101.0, 0.0]))
    b = weight_set(w=([100.0, 0.0], [101.0, 2.0**-10]))
    finding = judge(a, b)
    assert finding.largest == pytest.approx(2.0**-10)
    assert (finding.unit, finding.parity) == ("relative", "different")


@pytest.mark.parametrize(
    ("noise", "parity"), [(0.0, "exact"), (5e-6, "rounding"), (2e-5, "different")]
)
def test_the_bar_stands_at_1e_5(noise: float, parity: str) -> None:
    a = weight_set(w=([0.0], [1.0]))
    b = weight_set(w=([0.0], [1.0 + noise]))
    assert parity == judge(a, b).parity


@pytest.mark.parametrize(("apart", "agrees"), [(0.9e-3, True), (1.1e-3, False)])
@pytest.mark.parametrize("norm", ["grad_norm", "clipped_norm"])
def test_the_bar_of_norms_stands_at_1e_3(norm: str, apart: float, agrees: bool) -> None:
    a = make_trace()
    assert agrees == compare(a, with_update(a, 1, **{norm: 1.0 - apart})).agrees


@pytest.mark.parametrize(("apart", "agrees"), [(0.9e-5, True), (1.1e-5, False)])
def test_the_bar_of_losses_stands_at_1e_5(apart: float, agrees: bool) -> None:
    a = make_trace()
    assert agrees == compare(a, with_losses(a, {1: apart})).agrees


@pytest.mark.parametrize(("apart", "agrees"), [(0.09, True), (0.11, False)])
def test_the_bar_of_large_losses_is_relative(apart: float, agrees: bool) -> None:
    """A squared error of 10,000 is right to some ULP of 10,000, not of 1."""

    def trace(loss: float) -> Trace:
        made = with_update(make_trace(), 1, loss=loss, micro_losses=(loss, loss))
        return replace(made, evaluations=(Evaluation(t=6, examples=80, correct=61, loss=loss),))

    found = {f.stage: f.agrees for f in compare(trace(1e4), trace(1e4 + apart)).findings}
    assert (found["loss"], found["evaluation"]) == (agrees, agrees)


def test_a_weight_is_allowed_the_rounding_of_its_storage() -> None:
    # sqrt(6 updates) x 2^-24 x |w| 1000 = 1.46e-4 more, relative to a movement of 1
    a = weight_set(w=([999.0], [1000.0]))
    near = weight_set(w=([999.0], [1000.00012]))  # float32: 1.22e-4 more
    far = weight_set(w=([999.0], [1000.00018]))  # float32: 1.83e-4 more
    assert (judge(a, near).parity, judge(a, far).parity) == ("rounding", "different")


def test_a_decaying_tensor_is_allowed_its_rounding_too() -> None:
    # six updates x 3e-8 x |w| 1000 = 1.8e-4 on top
    a = weight_set(**{"dense.weight": ([999.0], [1000.0])})
    b = weight_set(**{"dense.weight": ([999.0], [1000.00018])})
    assert (judge(a, b).parity, judge(a, b, decay=0.01).parity) == ("different", "rounding")


def test_a_frozen_tensor_is_allowed_nothing() -> None:
    a = weight_set(**{"dense.weight": ([1.0], [1.0])})
    b = weight_set(**{"dense.weight": ([1.0 + 2e-7], [1.0 + 2e-7])})
    assert judge(a, b, decay=0.01).parity == "different"


def test_a_tensor_moved_by_rounding_alone_is_named_and_not_judged() -> None:
    a = weight_set(w=([0.0], [0.1]), key=([0.0, 0.0], [5e-6, -5e-6]))
    b = weight_set(w=([0.0], [0.1]), key=([0.0, 0.0], [-5e-6, 5e-6]))
    comparison = compare(make_trace(), make_trace(), weights=(a, b))
    assert comparison.agrees
    assert comparison.weights is not None
    (key,) = comparison.weights.by_rounding
    assert key.name == "key"
    assert [key.difference, key.movement] == pytest.approx([2.0, 5e-6])


@pytest.mark.parametrize(
    "name",
    [
        "h.0.attn.c_attn.bias",
        "in_proj_bias",
        "blocks.0.attn.qkv.bias",
        "layers.0.Wqkv.bias",
        "layers.0.self_attn.qkv_proj.bias",
    ],
)
def test_a_fused_bias_is_judged_in_its_three_parts(name: str) -> None:
    """The keys' third moved by rounding alone; in one tensor with the others it would differ."""
    initial = {name: np.zeros(3, np.float32)}
    a, b = (
        WeightSet(initial, {name: np.array([0.1, key, value], np.float32)})
        for key, value in ((1e-3, 0.2), (-1e-3, 0.2 * (1 + 1e-3)))
    )
    finding = judge(a, b)
    assert not finding.agrees
    assert finding.detail.startswith(f"{name} (value)")
    comparison = compare(make_trace(), make_trace(), weights=(a, b))
    assert comparison.weights is not None
    assert [f"{name} (key)"] == [tensor.name for tensor in comparison.weights.by_rounding]


def test_a_tensor_that_stood_still_on_one_side_only_is_judged() -> None:
    a = weight_set(w=([0.0], [0.1]), key=([0.0], [5e-6]))
    b = weight_set(w=([0.0], [0.1]), key=([0.0], [1e-2]))
    for finding in (judge(a, b), judge(b, a)):
        assert (finding.parity, finding.detail) == ("different", "key (moved 1.0e-02)")


def test_frozen_tensors_agree_if_they_are_equal() -> None:
    a = weight_set(w=([0.0], [0.1]), frozen=([1.0], [1.0]))
    b = weight_set(w=([0.0], [0.1]), frozen=([2.0], [2.0]))
    assert (judge(a, a).parity, judge(a, b).parity) == ("exact", "different")
    assert math.inf == judge(a, b).largest


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_differ(value: float) -> None:
    a = weight_set(w=([0.0, 0.0], [0.1, 0.2]))
    b = weight_set(w=([0.0, 0.0], [0.1, value]))
    for finding in (judge(a, b), judge(b, a)):
        assert finding.parity == "different"


def test_another_shape_differs() -> None:
    a = weight_set(w=([0.0, 0.0], [0.1, 0.2]))
    b = weight_set(w=([0.0], [0.1]))
    assert (math.inf, "different") == (judge(a, b).largest, judge(a, b).parity)


def test_a_name_on_one_side_only_differs() -> None:
    a = weight_set(w=([0.0], [0.1]))
    b = weight_set(w=([0.0], [0.1]), extra=([0.0], [0.1]))
    for finding in (judge(a, b), judge(b, a)):
        assert (
            finding.largest,
            finding.unit,
            finding.detail,
        ) == (1, "names", "on one side only: extra")


@pytest.mark.parametrize(("dtype", "ulp"), [("float16", 2.0**-10), ("bfloat16", 2.0**-7)])
def test_mixed_precision_is_allowed_ulps_of_its_type(dtype: str, ulp: float) -> None:
    a = make_trace(amp={"dtype": dtype})
    for share, agrees in ((3.9, True), (4.1, False)):
        losses = tuple(loss + share * ulp for loss in a.updates[1].micro_losses)
        assert agrees == compare(a, with_update(a, 1, micro_losses=losses)).agrees


def test_the_coarser_type_of_both_decides() -> None:
    a, b = make_trace(amp={"dtype": "bfloat16"}), make_trace()
    b = with_update(b, 1, micro_losses=tuple(x + 0.03 for x in b.updates[1].micro_losses))
    for comparison in (compare(a, b), compare(b, a)):
        differing = [finding.stage for finding in comparison.findings if not finding.agrees]
        assert differing == ["computation", "spec"]


def test_in_mixed_precision_all_parameters_are_judged_as_one() -> None:
    trace = make_trace(amp={"dtype": "bfloat16"})
    a = weight_set(w=([0.0, 0.0], [3.0, 4.0]), key=([0.0], [0.1]))
    b = weight_set(w=([0.0, 0.0], [3.0, 4.0]), key=([0.0], [-0.1]))
    finding = judge(a, b, trace=trace)
    assert finding.largest == pytest.approx(0.2 / 5.001)
    assert finding.parity == "rounding"
    far = weight_set(w=([0.0, 0.0], [3.0, 5.0]), key=([0.0], [0.1]))
    assert judge(a, far, trace=trace).parity == "different"
    weights = compare(trace, trace, weights=(a, a), floors=[(trace, b)]).weights
    assert weights is not None
    assert weights.floor == pytest.approx(0.2 / 5.001)


def test_the_bar_of_small_losses_is_relative() -> None:
    """A regression on thousandths: losses near 1e-6, which a bar of 1e-5 would never meet."""

    def trace(loss: float, norm: float) -> Trace:
        made = replace(
            make_trace(),
            updates=tuple(
                replace(u, loss=loss, micro_losses=(loss,), grad_norm=norm, clipped_norm=norm)
                for u in make_trace().updates
            ),
        )
        return replace(made, evaluations=(Evaluation(t=6, examples=80, correct=61, loss=loss),))

    right = trace(1e-6, 1e-6)
    for loss, norm, differing in (
        (1.0005e-6, 1e-6, set()),
        (1.0009e-6, 1e-6, set()),
        (1.002e-6, 1e-6, {"loss", "accumulation", "evaluation"}),
        (1e-6, 1.1e-6, {"accumulation", "clip"}),
    ):
        found = compare(right, trace(loss, norm)).findings
        assert differing == {f.stage for f in found if not f.agrees}


def test_a_framework_may_hold_its_betas_in_float32() -> None:
    """numpy: float32(1) - float32(0.9999) is 1.7e-4 off; of one framework's two runs nothing is."""
    for beta, backends, apart, agrees in (
        (0.999, ("torch", "paddle"), 2e-5, True),
        (0.999, ("torch", "paddle"), 3e-5, False),
        (0.9999, ("torch", "paddle"), 1.6e-4, True),
        (0.9999, ("torch", "paddle"), 2e-4, False),
        (0.9999, ("torch", "torch"), 2e-5, False),
    ):
        optimizer = {"name": "adamw", "lr": 0.1, "betas": (0.9, beta)}
        a, b = (make_trace(name, optimizer=optimizer) for name in backends)
        x, y = weight_set(w=([0.0], [1.0])), weight_set(w=([0.0], [1.0 + apart]))
        assert compare(a, b, weights=(x, y)).agrees == agrees, (beta, apart)


def test_weights_in_a_low_type_are_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a.jsonl", make_trace(), make_weights())
    header = {"w": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}
    text = json.dumps(header).encode()
    weights = tmp_path / "a.final.safetensors"
    weights.write_bytes(struct.pack("<Q", len(text)) + text + bytes(2))
    with pytest.raises(TraceError, match=r"in float32 \(F32\).*Received: 'w' in BF16"):
        compare_files(path, path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a.jsonl", make_trace(), make_weights())
    pipe = tmp_path / "a.final.safetensors"
    pipe.unlink()
    os.mkfifo(pipe)
    for files in ((path, path), (pipe, path)):
        with pytest.raises(TraceError, match="Received: a named pipe"):
            compare_files(*files)


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a.jsonl", make_trace(), make_weights())
    (tmp_path / "a.final.safetensors").unlink()
    with pytest.raises(TraceError, match=r"a\.final\.safetensors: weights are a safetensors file"):
        compare_files(path, path)


@pytest.mark.parametrize(
    ("file", "verb"), [("initial", "began"), ("final", "ended"), ("ema", "ended")]
)
def test_weights_that_another_run_has_replaced_are_refused(
    tmp_path: Path, file: str, verb: str
) -> None:
    """Two runs with one output folder would else be compared by the weights of the later one."""
    a = write_run(tmp_path / "a.jsonl", make_trace(), make_weights(averages=0.0))
    later = WeightSet(*(make_weights(noise).final for noise in (0.0, 0.5, 0.7)))
    b = write_run(tmp_path / "b.jsonl", make_trace(), later)
    shutil.copy(tmp_path / f"b.{file}.safetensors", tmp_path / f"a.{file}.safetensors")
    with pytest.raises(TraceError) as error:
        compare_files(a, b)
    assert str(error.value) == (
        f"{a}: a.{file}.safetensors must hold the weights that this run {verb} with. "
        "Received: those of another run"
    )


def test_weights_that_are_no_safetensors_are_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a.jsonl", make_trace(), make_weights())
    (tmp_path / "a.initial.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(TraceError, match=r"a\.initial\.safetensors: weights are a safetensors"):
        compare_files(path, path)


def test_initial_and_final_weights_must_be_of_one_model(tmp_path: Path) -> None:
    mixed = WeightSet(make_weights().initial, weight_set(w=([0.0], [1.0])).final)
    path = write_run(tmp_path / "a.jsonl", make_trace(), mixed)
    with pytest.raises(TraceError, match=r"names\. Received: one without 'dense.bias', without"):
        compare_files(path, path)


def held(trace: Trace, *skipped: int) -> Trace:
    """The trace with these updates skipped, by their number; each holds the clock."""
    updates, t = [], 0
    for n, update in enumerate(trace.updates):
        updates.append(replace(update, t=t, attempt=n, skipped=n in skipped))
        t += n not in skipped
    return replace(trace, updates=tuple(updates))


def test_after_a_skip_an_update_is_named_by_its_number(tmp_path: Path) -> None:
    """Updates 1 and 2 have the same t, and so have the sides: the n-th stands beside the n-th."""
    a = held(make_trace(amp={"dtype": "float16"}), 1)
    b = replace(a, updates=(*a.updates[:4], replace(a.updates[4], lr=0.5), a.updates[5]))
    found = compare(a, b).first
    assert found is not None
    assert (found.stage, found.first_update) == ("learning rate", 4)
    assert found.detail.startswith("update 4 (t = 3), lr: ")


def test_a_skip_on_one_side_only_is_where_the_sides_part() -> None:
    """Not at the next one, where their clocks and so their rates are apart."""
    whole = make_trace(amp={"dtype": "float16"})
    found = compare(held(whole, 2), held(whole)).first
    assert found is not None
    assert (found.stage, found.first_update) == ("loss scale", 2)


def test_an_attempt_that_is_out_of_order_is_refused(tmp_path: Path) -> None:
    trace = held(make_trace(), 1)
    wrong = with_update(trace, 2, attempt=2)
    with pytest.raises(TraceError, match=r":5: updates are in order: attempt is 3 here"):
        compare_files(*[write_trace(tmp_path / "a.jsonl", wrong)] * 2)


@pytest.mark.parametrize("some", [False, True])
def test_only_a_run_without_any_update_is_no_proof(some: bool) -> None:
    whole = make_trace(amp={"dtype": "float16"})
    trace = held(whole, *(n for n in range(6) if not (some and n == 5)))
    comparison = compare(trace, trace)
    assert comparison.agrees == some
    if comparison.first is not None:
        assert (comparison.first.stage, comparison.first.largest) == ("updates made", 6)
