"""What a user reads when an optimizer, or what goes with it, is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.errors import SpecError
from tests.builders import spec_of

DECAY = {"weight_decay": {"value": 0.1}}
RPROP = {"name": "rprop", "lr": 0.1, "step_sizes": [1e-6, 50]}

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "what differs between the frameworks must be said": (
        {"optimizer": {"name": "rmsprop", "lr": 0.1}},
        "optimizer.rho: is required. Received: nothing\n"
        "optimizer.eps: is required. Received: nothing",
    ),
    "a field of another optimizer": (
        {"optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9}},
        "optimizer: unknown key 'momentum'; write optimizer: {name: momentum, ..., momentum: 0.9}",
    ),
    "momentum of 0": (
        {"optimizer": {"name": "momentum", "lr": 0.1, "momentum": 0}},
        "optimizer.momentum: must be > 0. Received: 0",
    ),
    "a flag as a number": (
        {"optimizer": {"name": "adam", "lr": 0.1, "amsgrad": 1}},
        "optimizer.amsgrad: must be true or false; write true. Received: 1",
    ),
    "asgd": (
        {"optimizer": {"name": "asgd", "lr": 0.1}},
        "optimizer: asgd is not one algorithm: torch averages weights (Polyak), Paddle averages "
        "gradients over batches. Paddle's with batch_num 1 is sgd. Received: 'asgd'",
    ),
    "etas on one side of 1": (
        {"optimizer": RPROP | {"etas": [1.2, 0.5]}},
        "optimizer.etas: must be a number below 1, then one above. Received: [1.2, 0.5]",
    ),
    "step sizes that fall": (
        {"optimizer": RPROP | {"step_sizes": [50, 1e-6]}},
        "optimizer.step_sizes: must be the smallest, then the largest. Received: [50.0, 1e-06]",
    ),
    "step sizes without the rate": (
        {"optimizer": RPROP | {"step_sizes": [1, 50]}},
        "optimizer.step_sizes: must have lr between them. Received: step_sizes [1.0, 50.0], lr 0.1",
    ),
    "rprop with a schedule": (
        {"optimizer": RPROP, "schedule": {"name": "linear"}},
        "schedule: rprop takes only the first step sizes from the rate: must be constant. "
        "Received: 'linear'",
    ),
    "rprop with what it cannot have": (
        {"optimizer": RPROP, "warmup": {"steps": 1}, "layer_decay": 0.5} | DECAY,
        "\n".join(
            f"{field}: rprop takes only the first step sizes from the rate, and no framework "
            f"gives it decay: leave {field} out. Received: {value}"
            for field, value in [
                ("warmup", "{'steps': 1}"),
                ("weight_decay", "{'value': 0.1}"),
                ("layer_decay", "0.5"),
            ]
        ),
    ),
    "betas of their own where there are none": (
        {"optimizer": {"name": "sgd", "lr": 0.1}}
        | {"own_betas": [{"pattern": "a", "betas": [0.9, 0.99]}]},
        "own_betas: sgd has no betas: leave own_betas out. "
        "Received: [{'pattern': 'a', 'betas': [0.9, 0.99]}]",
    ),
    "decoupled decay where there is none": (
        {"optimizer": {"name": "adam", "lr": 0.1}} | DECAY,
        "weight_decay: kind must be 'coupled' with adam: with decoupled decay it is adamw. "
        "Received: none, which is 'decoupled'",
    ),
    "a kind of decay that is not said": (
        {"optimizer": {"name": "nadam", "lr": 0.1}} | DECAY,
        "weight_decay: kind must be said with nadam: 'coupled', as both frameworks' own classes "
        "decay, or 'decoupled', as AdamW does. Received: none",
    ),
    "coupled decay where the rule itself decays": (
        {"optimizer": {"name": "lamb", "lr": 0.1, "eps": 1e-6}}
        | {"weight_decay": {"value": 0.1, "kind": "coupled"}},
        "weight_decay.kind: must be 'decoupled' with lamb. Received: 'coupled'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_optimizer(case: str) -> None:
    """The whole message: where, the rule, what was received."""
    changes, expected = CASES[case]
    with pytest.raises(SpecError) as caught:
        spec_of(**{"optimizer": None} | changes)

    assert expected == str(caught.value)
