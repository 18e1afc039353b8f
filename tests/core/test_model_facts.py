"""What a model says of its parameters: decided in the ledger, refused or told."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from dualtrain.errors import LedgerError
from dualtrain.ledger import Facts, Ledger, Parameter, decide, tell
from tests.builders import spec_of

SILENT = Facts()
RPROP = {"name": "rprop", "lr": 0.1, "etas": [0.5, 1.2], "step_sizes": [1e-6, 50]}
EPS: dict[str, dict[str, float]] = {"adamw": {}, "lamb": {"eps": 1e-6}, "lars": {"momentum": 0.9}}
COUPLED = {"value": 0.1, "kind": "coupled"}


def parameter(name: str, facts: Facts = SILENT, *, trainable: bool = True) -> Parameter:
    return Parameter(
        name=name,
        structured=name,
        native=name,
        shape=(4, 4),
        kind="other",
        trainable=trainable,
        facts=facts,
    )


def ledger(facts: Facts, *, trainable: bool = True, **changes: Any) -> Ledger:
    """Of two parameters, of which the first has these facts."""
    spec = spec_of(**{"optimizer": {"name": "sgd", "lr": 0.1}} | changes)
    return decide(
        [parameter("layer.0.weight", facts, trainable=trainable), parameter("score.z")], spec
    )


def test_the_models_multiplier_is_one_more_factor() -> None:
    """0.5 of the pattern, 0.5^1 of the one layer above, 0.25 of the model."""
    made = ledger(
        Facts(lr_multiplier=0.25),
        lr_multipliers=[{"pattern": "layer.*", "multiplier": 0.5}],
        layer_decay=0.5,
    )
    row, other = made.rows
    assert row.lr_multiplier == 0.5 * 0.5 * 0.25
    assert row.lr_rule == "pattern layer.*, layer 0 of layer, the model"
    assert "the model" not in other.lr_rule


def test_a_multiplier_of_0_holds_still_and_still_counts_as_trained() -> None:
    """As natively: its gradient is in the joint norm."""
    row = ledger(Facts(lr_multiplier=0.0)).rows[0]
    assert (row.lr_multiplier, row.lr_rule, row.trains) == (0.0, "the model", True)


@pytest.mark.parametrize("own", [0.0, 0.3])
@pytest.mark.parametrize("decay", [None, COUPLED, COUPLED | {"exclude_patterns": ["layer.*"]}])
def test_the_models_coupled_decay_wins(own: float, decay: dict[str, Any] | None) -> None:
    """Over the spec's value and over its exclusions."""
    row, other = ledger(Facts(decay=own), weight_decay=decay).rows
    assert (row.decay, row.rule) == (own, "the model")
    assert (other.decay, other.rule) == (decay["value"] if decay else 0.0, "default")


@pytest.mark.parametrize("name", ["adamw", "lamb", "lars"])
def test_no_decay_of_the_models_own_under_decoupled_decay_is_nothing(name: str) -> None:
    made = ledger(
        Facts(decay=0.0),
        optimizer={"name": name, "lr": 0.1} | EPS[name],
        weight_decay={"value": 0.1},
    )
    assert [(row.decay, row.rule) for row in made.rows] == [(0.1, "default")] * 2


REFUSED: dict[str, tuple[Facts, dict[str, Any], str]] = {
    "a second decay": (
        Facts(decay=0.3),
        {"optimizer": {"name": "adamw", "lr": 0.1}},
        r"with adamw .* set parameter\.regularizer = None\. Received: L2Decay\(0\.3\)",
    ),
    "a second decay, in lamb": (
        Facts(decay=0.3),
        {"optimizer": {"name": "lamb", "lr": 0.1, "eps": 1e-6}},
        r"with lamb .* Received: L2Decay\(0\.3\)",
    ),
    "a rate in rprop": (
        Facts(lr_multiplier=0.0),
        {"optimizer": RPROP},
        r"with rprop neither .* Received: rate x 0, L2Decay\(0\)",
    ),
    "a decay in rprop": (
        Facts(decay=0.3),
        {"optimizer": RPROP},
        r"with rprop neither .* Received: rate x 1, L2Decay\(0\.3\)",
    ),
    "no clip": (
        Facts(clipped=False),
        {"clip": {"global_norm": 1.0}},
        r"clip reaches .* set parameter\.need_clip = True\. Received: need_clip False",
    ),
    "no average": (
        Facts(averaged=False),
        {"ema": {"decay": 0.9}},
        r"ema averages .* Received: do_model_average False",
    ),
    "what the backend refuses": (Facts(refused=("rule. Received: x",)), {}, r"rule\. Received: x"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_run_does_is_refused(case: str) -> None:
    """By name, and only for what trains: freezing is a way out."""
    facts, changes, text = REFUSED[case]
    with pytest.raises(LedgerError, match=rf"^layer\.0\.weight: {text}$"):
        ledger(facts, **changes)
    assert not ledger(facts, trainable=False, **changes).rows[0].trains
    frozen = ledger(facts, freeze={"patterns": ["layer.*"]}, **changes)
    assert not frozen.rows[0].trains


def test_wishes_that_the_spec_does_not_touch_are_no_problem() -> None:
    assert ledger(Facts(clipped=False, averaged=False)).rows[0].trains


def test_nothing_is_told_of_a_silent_model() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell(ledger(Facts(), weight_decay=COUPLED))
        tell(ledger(Facts(lr_multiplier=0.1), trainable=False))
        tell(ledger(Facts(undecayed=True)))


TOLD: dict[str, tuple[Facts, dict[str, Any], str]] = {
    "both": (
        Facts(lr_multiplier=0.1, decay=0.0),
        {"weight_decay": COUPLED},
        r"layer\.0\.weight \(rate x 0\.1, weight decay 0\)\. It stays so.*regularizer = None$",
    ),
    "a rate": (Facts(lr_multiplier=3.0), {}, r"layer\.0\.weight \(rate x 3\)\. It stays so"),
    "a mark": (
        Facts(undecayed=True),
        {"weight_decay": COUPLED},
        r"without weight decay, .*these decay: layer\.0\.weight\. .*\.exclude_patterns$",
    ),
    "L2Decay(0.0) under AdamW": (
        Facts(decay=0.0),
        {"optimizer": {"name": "adamw", "lr": 0.1}, "weight_decay": {"value": 0.1}},
        r"without weight decay, .*these decay: layer\.0\.weight\.",
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_a_caller_may_not_expect_is_told(case: str) -> None:
    facts, changes, text = TOLD[case]
    with pytest.warns(UserWarning, match=text):
        tell(ledger(facts, **changes))


def test_three_names_are_enough() -> None:
    many = decide([parameter(f"p{i}", Facts(lr_multiplier=2.0)) for i in range(5)], spec_of())
    with pytest.warns(UserWarning, match=r"p0 \(rate x 2\), p1 .*, p2 .*, and 2 more\. It stays"):
        tell(many)
