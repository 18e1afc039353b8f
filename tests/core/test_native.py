"""The table of native schedules reads what it writes, and refuses what cannot be said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from benchmarks.native_schedules.calls import UPDATES, Case, cases
from dualtrain.errors import PlanError
from dualtrain.native import Call, Refusal, flat, nested
from dualtrain.native.schedules import NATIVE_SCHEDULES
from dualtrain.plan import Plan
from dualtrain.spec import Spec
from tests.schedules import parts

LIBRARIES = ("torch", "paddle", "paddlenlp", "transformers")
TORCH = "torch.optim.lr_scheduler"


def around(case: Case) -> dict[str, Any]:
    words: dict[str, Any] = {"optimizer.name": "adamw", "optimizer.lr": case.lr}
    if case.momentum is not None:
        words |= {"optimizer.name": "momentum", "optimizer.momentum": case.momentum}
    return words | {"duration.updates": UPDATES}


def close(a: Any, b: Any) -> bool:
    """Equal, but for the rounding of a ratio."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) or isinstance(b, float):
        return bool(a == pytest.approx(b, rel=1e-12))
    return bool(a == b)


@pytest.mark.parametrize("case", cases(0.1), ids=lambda case: str(case.call))
def test_a_call_is_what_its_words_write(case: Case) -> None:
    """Call -> words -> call -> words: the same words, and the second call writes itself."""
    reading = NATIVE_SCHEDULES.read(case.call, around(case))
    row, words = reading.row, reading.words
    if row.equal == "refused":
        with pytest.raises(Refusal, match=r".+"):
            row.read(case.call.arguments, around(case))
        with pytest.raises(Refusal, match=r".+"):
            row.write(words)
        return
    Spec(**nested(words))  # is one

    written = Call(name=row.name, arguments=row.write(words))
    again = NATIVE_SCHEDULES.read(written, around(case) | {"optimizer.lr": row.rate(words)})

    assert again.row is row
    assert close(words, again.words), (words, again.words)
    assert close(row.write(again.words), written.arguments)
    given = {k: v for k, v in case.call.arguments.items() if k not in ("min_lr_rate", "min_lr")}
    kept = {k: written.arguments.get(k) for k in given if k in {**row.arguments, **row.fixed}}
    for name, value in kept.items():
        nested_calls = isinstance(value, Call | list)
        assert nested_calls or value is None or close(value, given[name]), name


@settings(max_examples=300, deadline=None)
@given(values=parts())
def test_what_a_library_can_say_it_says_back(values: dict[str, Any]) -> None:
    """For any spec and each library: a call that reads as the same words, or a reason."""
    spec = Spec(**values)
    try:
        plan = Plan.of(spec, micro_batches_per_epoch=1)
    except PlanError:
        return
    words = flat({"schedule": spec.schedule.model_dump(exclude_defaults=True)})
    words.pop("schedule.per", None)
    beside = {"optimizer.name": "adamw", "optimizer.lr": spec.optimizer.lr}
    beside["duration.updates"] = plan.total_updates
    warmup = {} if spec.warmup is None else spec.warmup.model_dump(exclude_defaults=True)
    words |= flat({"warmup": warmup}) | beside
    counts = spec.schedule.reads_horizon or "warmup.proportion" in words
    if counts and spec.horizon is not None and plan.curve.horizon != plan.total_updates:
        words["horizon"] = plan.curve.horizon
    for library in LIBRARIES:
        try:
            written = NATIVE_SCHEDULES.write(words, library)
        except Refusal as refused:
            assert str(refused)
            continue
        rate = written.row.rate(words)
        said = NATIVE_SCHEDULES.read(written.call, beside | {"optimizer.lr": rate}).words
        assert close(meant(words), meant(said)), (str(written.call), words, said)


def test_a_schedule_behind_warmup_has_the_rate_of_the_whole() -> None:
    """torch's ConstantLR is given the second rate, 2; behind LinearLR one rate is for both."""
    words = {
        "schedule.name": "piecewise",
        "schedule.boundaries": (1,),
        "schedule.values": (1.0, 2.0),
        "optimizer.name": "adamw",
        "optimizer.lr": 1.0,
        "duration.updates": 9,
    }
    written = NATIVE_SCHEDULES.write(words, "torch")
    assert (written.call.short_name, written.row.rate(words)) == ("ConstantLR", 2.0)
    rise = {"warmup.steps": 3, "warmup.start": 0.5, "warmup.counted": "before"}
    with pytest.raises(Refusal):
        NATIVE_SCHEDULES.write(words | rise, "torch")


def meant(words: Mapping[str, Any]) -> dict[str, Any]:
    """Without what two ways of saying the same differ in."""
    left = dict(words)
    if not left.get("warmup.steps") and not left.get("warmup.proportion"):
        left = {path: value for path, value in left.items() if not path.startswith("warmup.")}
    if left["schedule.name"] == "cosine_with_min_lr" and not left["schedule.min_lr"]:
        del left["schedule.min_lr"]
        left["schedule.name"] = "cosine"
    if left["schedule.name"].startswith("cosine") and "schedule.half_waves" in left:
        end = left.pop("horizon", left["duration.updates"])
        left["period"] = end / left.pop("schedule.half_waves")
    return left


def test_what_each_library_has() -> None:
    """Some that must be written, so that refusing everything is no way to pass."""

    def names(library: str) -> list[str]:
        words = {"schedule.name": "cosine", "schedule.half_waves": 1.0, "optimizer.lr": 0.1}
        words |= {"horizon": 100}
        warm = {**words, "warmup.steps": 10, "warmup.counted": "before"}
        return [str(NATIVE_SCHEDULES.write(said, library).call) for said in (words, warm)]

    assert names("torch") == [
        "CosineAnnealingLR(T_max=100, eta_min=0)",
        "SequentialLR(milestones=[10], schedulers=[LinearLR(start_factor=0, total_iters=10, "
        "end_factor=1), CosineAnnealingLR(T_max=100, eta_min=0)])",
    ]
    assert names("paddle") == [
        "CosineAnnealingDecay(learning_rate=0.1, T_max=100, eta_min=0)",
        "LinearWarmup(warmup_steps=10, learning_rate=CosineAnnealingDecay(learning_rate=0.1, "
        "T_max=100, eta_min=0), start_lr=0, end_lr=0.1)",
    ]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (Call(name=f"{TORCH}.StepLR"), "needs step_size"),
        (
            Call(name=f"{TORCH}.StepLR", arguments={"step_size": 3, "gama": 0.1}),
            "no word is known for gama",
        ),
        (Call(name=f"{TORCH}.NoneLR"), f"{TORCH}.NoneLR: unknown"),
        (
            Call(
                name="paddle.optimizer.lr.LinearWarmup",
                arguments={"learning_rate": 0.1, "warmup_steps": 3, "start_lr": 0, "end_lr": 0.2},
            ),
            "rises to another rate than the one after it: 0.2, 0.1",
        ),
        (
            Call(
                name="paddlenlp.transformers.optimization.CosineDecayWithWarmup",
                arguments={
                    "learning_rate": 0.1,
                    "total_steps": 9,
                    "warmup": 0,
                    "num_cycles": 0.5,
                },
            ),
            "num_cycles must be an int, or the class raises AssertionError",
        ),
        (
            Call(
                name=f"{TORCH}.SequentialLR",
                arguments={
                    "schedulers": [
                        Call(name=f"{TORCH}.ConstantLR"),
                        Call(name=f"{TORCH}.StepLR", arguments={"step_size": 3}),
                    ],
                    "milestones": [5],
                },
            ),
            "ConstantLR() gives the optimizer another rate",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, Call) else "",
)
def test_a_call_without_a_meaning(call: Call, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        NATIVE_SCHEDULES.read(call, {"optimizer.lr": 0.1})
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    ("words", "library", "reason"),
    [
        (
            {"schedule.name": "polynomial", "schedule.power": 2.0, "schedule.end_lr": 0.01},
            "torch",
            "LinearLR has schedule.power 1.0, always; PolynomialLR has schedule.end_lr 0.0, always",
        ),
        (
            {"schedule.name": "linear", "warmup.steps": 3, "warmup.start": 0.5, "horizon": 9},
            "transformers",
            "has no argument for warmup.start",
        ),
        (
            {"schedule.name": "cosine", "schedule.half_waves": 1.0, "warmup.steps": 3},
            "transformers",
            "needs horizon",
        ),
        (
            {"schedule.name": "cosine", "schedule.half_waves": 2.0, "horizon": 9},
            "torch",
            "CosineAnnealingLR half a wave must be whole updates: horizon 9, half_waves 2",
        ),
        ({"schedule.name": "noam"}, "torch", "torch has nothing that says it"),
    ],
)
def test_words_without_a_call(words: dict[str, Any], library: str, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        NATIVE_SCHEDULES.write({**words, "optimizer.lr": 0.1}, library)
    assert reason in str(refused.value)


READ = {
    "numpy's whole numbers": (
        Call(name=f"{TORCH}.StepLR", arguments={"step_size": np.int64(30)}),
        {"schedule.name": "step", "schedule.every": 30, "schedule.gamma": 0.1},
    ),
    "numpy's arrays": (
        Call(name=f"{TORCH}.MultiStepLR", arguments={"milestones": np.array([3, 5])}),
        {"schedule.name": "multistep", "schedule.milestones": [3, 5], "schedule.gamma": 0.1},
    ),
    "the name that scripts import": (
        Call(
            name="transformers.get_constant_schedule_with_warmup", arguments={"num_warmup_steps": 9}
        ),
        {"schedule.name": "constant", "warmup.steps": 9},
    ),
}


@pytest.mark.parametrize("case", READ.values(), ids=READ)
def test_calls_as_scripts_write_them(case: tuple[Call, dict[str, Any]]) -> None:
    call, words = case
    read = NATIVE_SCHEDULES.read(call).words
    assert read == words
    assert {type(value) for value in read.values()} <= {str, int, float, list}


NOT_READ = {
    "no steps": (f"{TORCH}.CosineAnnealingLR", {"T_max": 0}, "kind or size"),
    "a text": (f"{TORCH}.CosineAnnealingLR", {"T_max": "a"}, "kind or size"),
    "a number for a list": (f"{TORCH}.MultiStepLR", {"milestones": 5}, "kind or size"),
    "nothing for a list": (
        f"{TORCH}.SequentialLR",
        {"schedulers": [], "milestones": []},
        "kind or size",
    ),
    "its middle": (f"{TORCH}.StepLR", {"step_size": 3, "last_epoch": 5}, "last_epoch 5 begins in"),
    "a sequence in another": (
        f"{TORCH}.SequentialLR",
        {
            "schedulers": [
                Call(name=f"{TORCH}.ExponentialLR", arguments={"gamma": 0.9}),
                Call(name=f"{TORCH}.SequentialLR"),
            ],
            "milestones": [5],
        },
        "SequentialLR is unknown within another",
    ),
    "another module": ("paddle.fluid.dygraph.StepDecay", {}, "unknown"),
}


@pytest.mark.parametrize("case", NOT_READ.values(), ids=NOT_READ)
def test_what_cannot_be_read_is_refused(case: tuple[str, dict[str, Any], str]) -> None:
    name, arguments, reason = case
    around = {"optimizer.lr": 0.1, "duration.updates": 9}
    with pytest.raises(Refusal, match=reason):
        NATIVE_SCHEDULES.read(Call(name=name, arguments=arguments), around)
