"""Mistakes that the ends of two runs show hardly or not at all, each as data, for either side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.mistakes import slips
from benchmarks.mistakes.mistake import Named, Slipped
from benchmarks.mistakes.nets import CNN

__all__ = ["SMALL"]

MATRIX = "bert.encoder.layer.1.output.dense.weight"

SLOW: Mapping[str, Any] = {"optimizer": {"name": "adamw", "lr": 3e-3, "betas": [0.9, 0.9999]}}
MOMENTUM: Mapping[str, Any] = {
    "optimizer": {"name": "momentum", "lr": 1e-2, "momentum": 0.9},
    "weight_decay": {"value": 0.1, "kind": "coupled", "exclude": ["bias", "norm"]},
}

SMALL = {
    "eps": Slipped(
        title="AdamW's eps 1e-6 for 1e-8",
        slip=slips.other_rule(eps=1e-6),
        named=Named(half="rule", what="weight|rate", knob="optimizer.eps"),
    ),
    "eps inside": Slipped(
        title="AdamW's eps inside the root",
        slip=slips.wrong_step(slips.eps_inside),
        named=Named(half="rule", what="weight|rate", knob="optimizer.eps"),
    ),
    "correction late": Slipped(
        title="bias correction one step late",
        slip=slips.wrong_step(slips.correct_late),
        named=Named(half="rule", what="weight|rate", knob="optimizer.lr", update=1),
    ),
    "biases decay a little": Slipped(
        title="biases decay, by 1e-4 of the rate",
        slip=slips.decay_at(1e-4, "bias"),
        named=Named(half="rule", what="weight", tensor="bias", knob="weight_decay", update=1),
    ),
    "decay after": Slipped(
        title="decay after the update for before",
        slip=slips.wrong_step(slips.decay_after),
        named=Named(half="rule", what="weight|rate", tensor="weight", knob="weight_decay"),
    ),
    "average late": Slipped(
        title="the moving average one update late",
        slip=slips.average_one_late,
        spec={"ema": {"decay": 0.999}},
        named=Named(half="rule", what="average", knob="ema"),
    ),
    "beta2": Slipped(
        title="beta2 0.999 for 0.9999",
        slip=slips.other_rule(betas=(0.9, 0.999)),
        spec=SLOW,
        named=Named(half="rule", what="second_moment", knob="optimizer.betas"),
    ),
    "multiplier": Slipped(
        title="one matrix learns 1.001 times as fast",
        slip=slips.multiply(1.001, only=MATRIX),
        named=Named(half="rule", what="rate", tensor=MATRIX, knob="lr_multipliers"),
    ),
    "rate": Slipped(
        title="all learn 1.00001 times as fast",
        slip=slips.multiply(1.00001),
        named=Named(half="rule", what="rate", knob="optimizer.lr"),
    ),
    "dampening": Slipped(
        title="momentum with a dampening of 0.1",
        slip=slips.wrong_step(slips.dampen(0.1)),
        spec=MOMENTUM,
        named=Named(half="rule", what="velocity", knob="optimizer.momentum", update=1),
    ),
    "a sample": Slipped(
        title="one sample of 32 missing from the gradient",
        slip=slips.leave_out_a_sample,
        samples=32,
        named=Named(half="gradients", what="gradient", knob="batch.normalise"),
    ),
    "smoothing": Slipped(
        title="label smoothing 1e-4 for none",
        slip=slips.smooth(1e-4),
        named=Named(half="gradients", what="gradient", knob="loss"),
    ),
    "eps of norms": Slipped(
        title="the eps of the norms 1e-6 for 1e-12",
        slip=slips.norm_eps(1e-6),
        named=Named(half="gradients", what="gradient", knob="task.model"),
    ),
    "head": Slipped(
        title="beside batch norm, a head that learns 2.1 times as fast",
        slip=slips.multiply(2.1, only="classifier"),
        net=CNN,
        named=Named(half="rule", what="rate", tensor="classifier", knob="lr_multipliers"),
    ),
    "unseen decay": Slipped(
        title="beside batch norm, a decay of 2e-6 at each update",
        slip=slips.wrong_step(slips.decay_unseen(2e-6)),
        net=CNN,
        named=Named(half="rule", what="weight|decay", knob="weight_decay"),
    ),
}
