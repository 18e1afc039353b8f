"""What a user reads when a parameter rule of a spec is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain.errors import SpecError
from dualtrain.spec import load_spec

GOOD = "optimizer: {name: adamw, lr: 5e-5}\nschedule: {name: linear}\nduration: {updates: 9}\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "weight_decay: {value: 0.1, kind: l2}",
            "weight_decay.kind: must be one of 'decoupled', 'coupled'; did you mean 'coupled'? "
            "Received: 'l2'",
        ),
        (
            "weight_decay: {value: 0.1, kind: coupled}",
            "weight_decay.kind: must be 'decoupled' with adamw. Received: 'coupled'",
        ),
        (
            "weight_decay: {value: 0.1, exclude_below_ndim: 0}",
            "weight_decay.exclude_below_ndim: must be >= 1. Received: 0",
        ),
        (
            "lr_multipliers: {pattern: a, multiplier: 2}",
            "lr_multipliers: must be a list; write a list of one, "
            "[{pattern: ..., multiplier: ...}]. Received: {'pattern': 'a', 'multiplier': 2}",
        ),
        (
            "lr_multipliers: [{pattern: a, multiplier: 0}]",
            "lr_multipliers[0].multiplier: must be > 0. Received: 0",
        ),
        (
            "lr_multipliers: [{pattern: a, lr: 5e-5, multiplier: 2}]",
            "lr_multipliers[0]: give either multiplier or lr. Received: {'pattern': 'a', 'lr': "
            "5e-05, 'multiplier': 2}",
        ),
        (
            "lr_multipliers: [{pattern: a, lr: 5e-5, betas: [0.9, 0.99]}]",
            "lr_multipliers[0]: unknown key 'betas'; write own_betas: [{pattern: ..., betas: "
            "[0.9, 0.99]}] beside it",
        ),
        (
            "lr_multipliers: [{pattern: a, lr: 5e-5, eps: 1e-6}]",
            "lr_multipliers[0]: unknown key 'eps'; leave it out: it is the whole optimizer's, "
            "one for all parameters",
        ),
        (
            "own_betas: [{pattern: a, betas: [0.9, 1.0]}]",
            "own_betas[0].betas[1]: must be < 1. Received: 1.0",
        ),
        (
            "own_betas: [{pattern: a, betas: [0.9, 0.9]}, {pattern: a, betas: [0.5, 0.9]}]",
            "own_betas: must not repeat 'a'. Received: ['a', 'a']",
        ),
        (
            "lr_multipliers: [{pattern: a, learning_rate: 5e-5}]",
            "lr_multipliers[0]: unknown key 'learning_rate'; write lr: 5e-05",
        ),
        (
            "weight_decay: {value: 0.1, exclude_regex: ['(a']}",
            "weight_decay.exclude_regex[0]: must be a regular expression of Python's: missing ), "
            "unterminated subpattern at position 0. Received: '(a'",
        ),
        (
            "weight_decay: {value: 0.1, values: [{value: 0.2}]}",
            "weight_decay.values[0]: give either role or pattern. Received: {'value': 0.2}",
        ),
        (
            "weight_decay: {value: 0.1, norm_decay: 0.0}",
            "weight_decay: unknown key 'norm_decay'; write values: [{role: norm, value: 0.0}]",
        ),
        (
            "weight_decay: {value: 0.1, exclude: [norm], values: [{role: norm, value: 0.2}]}",
            "weight_decay.values: must not name what is excluded: leave norm out of one of the "
            "two. Received: {'value': 0.1, 'exclude': ['norm'], 'values': [{'role': 'norm', "
            "'value': 0.2}]}",
        ),
        (
            "weight_decay: {value: 0.1, values: [{pattern: a, value: 0}, {pattern: a, value: 1}]}",
            "weight_decay.values: must not repeat 'a'. Received: ['a', 'a']",
        ),
        (
            "lr_multipliers: [{pattern: a, multiplier: 2}, {pattern: a, multiplier: 3}]",
            "lr_multipliers: must not repeat 'a'. Received: ['a', 'a']",
        ),
        ("layer_decay: 0", "layer_decay.rate: must be > 0. Received: 0"),
        ("layer_decay: 1.5", "layer_decay.rate: must be <= 1. Received: 1.5"),
        ("layer_decay: true", "layer_decay: must be a mapping of keys to values. Received: True"),
        ("layer_decay: {below: [a]}", "layer_decay.rate: is required. Received: nothing"),
        (
            "layer_decay: {rate: 0.5, under: [a]}",
            "layer_decay: unknown key 'under'; valid keys: 'rate', 'below', 'above'",
        ),
        (
            "layer_decay: {rate: 0.5, below: [a, a]}",
            "layer_decay.below: must not repeat 'a'. Received: ['a', 'a']",
        ),
        (
            "freeze: [a]",
            "freeze: must be a mapping of keys to values; write freeze: {patterns: [a]}. "
            "Received: ['a']",
        ),
        ("freeze: {batch_stats: keep}", "freeze.patterns: is required. Received: nothing"),
        (
            "freeze: {patterns: []}",
            "freeze.patterns: must name at least one pattern. Received: []",
        ),
        (
            "freeze: {patterns: [a], batch_stats: freeze}",
            "freeze.batch_stats: must be one of 'keep', 'train'. Received: 'freeze'",
        ),
    ],
)
def test_one_bad_rule(
    line: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text(f"{GOOD}{line}\n")
    with pytest.raises(SpecError) as caught:
        load_spec("spec.yaml")

    assert f"spec.yaml:4: {message}" == str(caught.value)
