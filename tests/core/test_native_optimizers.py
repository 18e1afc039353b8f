"""The table of native optimizers: words to a call and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dualtrain.native import Call, Refusal, Row
from dualtrain.native.optimizers import NATIVE_OPTIMIZERS, arguments_for, driving_row, words_of
from dualtrain.optimizers import RULES, Adam, AdamW, Momentum, RMSProp, UpdateRule
from tests.oracle.optimizers import rule_of
from tests.oracle.specs import ALWAYS_DECOUPLED

SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "momentum": {"momentum": 0.75, "nesterov": True},
    "adam": {"betas": (0.75, 0.9375), "eps": 2.0**-10, "amsgrad": True},
    "adamw": {"betas": (0.75, 0.9375), "eps": 2.0**-10, "amsgrad": True},
    "adamw_transformers": {"betas": (0.75, 0.9375), "eps": 2.0**-10, "correct_bias": False},
    "lamb": {"betas": (0.75, 0.9375), "eps": 2.0**-10},
    "lars": {"momentum": 0.75, "coefficient": 2.0**-4, "eps": 2.0**-10},
    "adagrad": {"eps": 2.0**-10, "initial_accumulator": 0.25},
    "adadelta": {"rho": 0.75, "eps": 2.0**-10},
    "adamax": {"betas": (0.75, 0.9375), "eps": 2.0**-10},
    "nadam": {"betas": (0.75, 0.9375), "eps": 2.0**-10, "momentum_decay": 2.0**-4},
    "radam": {"betas": (0.75, 0.9375), "eps": 2.0**-10},
    "rmsprop": {"rho": 0.75, "eps": 2.0**-10, "momentum": 0.5, "centered": True},
    "rmsprop_torch": {"rho": 0.75, "eps": 2.0**-10, "momentum": 0.5},
    "rprop": {"etas": (0.5, 1.25), "step_sizes": (2.0**-10, 0.25)},
}
"""Nothing at a default, and numbers that float32 holds."""
SAID = [row for row in NATIVE_OPTIMIZERS.rows if row.equal != "refused"]
each_row = pytest.mark.parametrize("row", SAID, ids=lambda row: f"{row.name} {row.means}")


def rule_for(row: Row, **changes: Any) -> UpdateRule:
    name = row.means["optimizer.name"]
    rule = rule_of({"name": name, "lr": 2.0**-6, **SETTINGS[name], **changes})
    return rule.decaying("decoupled" if decouples(row) else rule.decay_kinds[0])


def decouples(row: Row) -> bool:
    """Whether it is a class that is told to."""
    told = row.fixed.get("decoupled_weight_decay")
    return told is not None and told.value


@each_row
@pytest.mark.parametrize("decay", [None, 0.25])
def test_words_come_back_from_the_call_that_says_them(row: Row, decay: float | None) -> None:
    if decay is not None and row.means["optimizer.name"] == "rprop":
        with pytest.raises(Refusal, match=r"has no argument for weight_decay\.value"):
            row.write(words_of(rule_for(row), decay))
        return
    words = words_of(rule_for(row), decay)
    assert words == row.read(row.write(words))


@each_row
def test_a_call_with_nothing_said_has_the_native_defaults(row: Row) -> None:
    """Where it needs no more than a rate; they are not the spec's."""
    try:
        words = row.read({next(iter(row.arguments)): 0.5})
    except Refusal:  # SGD(0.5) is no momentum, LARS needs one, NAdam does not decouple untold
        assert row.means["optimizer.name"] in ("momentum", "lars") or decouples(row)
        return
    assert (words["optimizer.lr"], words["optimizer.name"]) == (0.5, row.means["optimizer.name"])
    assert ("weight_decay.value" in words) == rule_for(row).decoupled


def test_what_the_frameworks_lack() -> None:
    """It is computed by its own formula."""
    names = {name: rule_of({"name": name, "lr": 0.1, **s}) for name, s in SETTINGS.items()}
    assert {type(rule) for rule in names.values()} == set(RULES)
    lacking = {
        library: [name for name, rule in names.items() if driving_row(library, rule) is None]
        for library in ("torch", "paddle")
    }
    assert lacking == {
        "torch": ["adamw_transformers", "lamb", "lars", "adamax", "rmsprop"],
        "paddle": ["adamw_transformers", "rmsprop_torch"],
    }
    both = [name for name, rule in names.items() if len(rule.decay_kinds) == 2]
    decouple = {
        library: [n for n in both if driving_row(library, names[n].decaying("decoupled"))]
        for library in ("torch", "paddle")
    }
    assert decouple == {"torch": ["nadam", "radam"], "paddle": []}
    assert sorted({*names} - {*both}) == ["adam", *ALWAYS_DECOUPLED, "rprop"]


def test_decay_of_the_other_kind_is_no_word_of_a_class() -> None:
    rule = Momentum(name="momentum", lr=0.1, momentum=0.9).decaying("decoupled")
    row = next(row for row in SAID if row.name == "paddle.optimizer.Momentum")
    with pytest.raises(Refusal, match=r"^has weight_decay.kind 'coupled', always$"):
        row.write(words_of(rule, 0.5))
    torchs = NATIVE_OPTIMIZERS.read(
        Call(
            name="torch.optim.NAdam",
            arguments={"lr": 0.1, "weight_decay": 0.5, "decoupled_weight_decay": True},
        )
    )
    assert torchs.words["weight_decay.kind"] == "decoupled"


def test_one_class_of_torch_means_two_rules() -> None:
    plain = NATIVE_OPTIMIZERS.read(Call(name="torch.optim.SGD", arguments={"lr": 0.1}))
    assert plain.words == {"optimizer.name": "sgd", "optimizer.lr": 0.1}
    given = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.5}
    heavy = NATIVE_OPTIMIZERS.read(Call(name="torch.optim.SGD", arguments=given))
    assert heavy.words == {
        "optimizer.name": "momentum",
        "optimizer.lr": 0.1,
        "optimizer.momentum": 0.9,
        "weight_decay.value": 0.5,
        "weight_decay.kind": "coupled",
    }
    with pytest.raises(Refusal, match="has no meaning that is known"):
        NATIVE_OPTIMIZERS.read(Call(name="torch.optim.SGD", arguments={**given, "dampening": 0.5}))


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("torch.optim.AdamW", {"lr": 0.1, "maximize": True}, "have another meaning"),
        ("torch.optim.Adam", {"decoupled_weight_decay": True}, "have another meaning"),
        ("paddle.optimizer.AdamW", {"lazy_mode": True}, "have another meaning"),
        ("paddle.optimizer.Lamb", {"always_adapt": True}, "have another meaning"),
        (
            "paddle.incubate.optimizer.LarsMomentumOptimizer",
            {"exclude_from_weight_decay": ["bn"]},
            "have another meaning",
        ),
        ("paddle.optimizer.Adam", {"use_lowprecision_moment": True}, "no word is known for"),
        ("torch.optim.ASGD", {}, "averages weights"),
        ("transformers.Adafactor", {}, "Paddle has none"),
    ],
)
def test_what_the_spec_cannot_say_is_refused(name: str, given: dict[str, Any], reason: str) -> None:
    (row,) = (row for row in NATIVE_OPTIMIZERS.rows if row.name == name)
    with pytest.raises(Refusal, match=reason):
        row.read(given)


def test_an_older_class_is_called_without_what_it_does_not_know() -> None:
    class Older:
        def __init__(self, learning_rate: float, beta1: float, beta2: float, epsilon: float):
            pass

    rule = Adam(name="adam", lr=0.1)
    row = driving_row("paddle", rule)
    assert row is not None
    given = arguments_for(Older, row, words_of(rule))
    assert given == {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    with pytest.raises(Refusal, match=r"^amsgrad$"):
        arguments_for(Older, row, words_of(rule.model_copy(update={"amsgrad": True})))


def test_what_a_rule_says_of_itself() -> None:
    """Data that other rooms ask for."""
    momentum = Momentum(name="momentum", lr=0.1, momentum=0.9)
    assert (momentum.cycled_momentum, AdamW(name="adamw", lr=0.1).cycled_momentum) == (0.9, None)
    assert [rule.__name__ for rule in RULES if rule.decay_kinds == ("decoupled",)] == [
        *("AdamW", "AdamWTransformers", "Lamb", "Lars")
    ]
    apart = momentum.decaying("decoupled")
    assert (momentum.decoupled, apart.decoupled, apart.shrinks) == (False, True, True)
    assert apart != momentum
    assert apart.decaying("coupled") == momentum
    assert [rule.__name__ for rule in RULES if rule.reads_rate_once] == ["Rprop"]
    heavy = RMSProp(name="rmsprop", lr=0.1, rho=0.9, eps=1e-6, centered=True)
    assert heavy.state_arrays == ("second_moment", "first_moment", "velocity")


def test_a_regularizer_of_paddle_is_its_number_where_decay_is_coupled() -> None:
    l2, l1 = (
        Call(name=f"paddle.regularizer.{name}", arguments={"coeff": 0.1})
        for name in ("L2Decay", "L1Decay")
    )

    def read(name: str, decay: Call) -> Mapping[str, Any]:
        arguments = {"weight_decay": decay}
        return NATIVE_OPTIMIZERS.read(
            Call(name=f"paddle.optimizer.{name}", arguments=arguments)
        ).words

    assert read("Adam", l2)["weight_decay.value"] == 0.1
    for name, decay in (("Adam", l1), ("AdamW", l2)):
        with pytest.raises(Refusal, match=r"weight_decay.value must be a plain value"):
            read(name, decay)


def test_a_rate_that_is_a_schedule_is_refused() -> None:
    schedule = Call(name="paddle.optimizer.lr.NoamDecay")
    with pytest.raises(Refusal, match=r"optimizer.lr must be a plain value. Received: NoamDecay"):
        NATIVE_OPTIMIZERS.read(
            Call(name="paddle.optimizer.Adam", arguments={"learning_rate": schedule})
        )
