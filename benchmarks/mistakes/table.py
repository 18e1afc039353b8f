"""Typical porting mistakes, each as data: how it is made, and what parity must say.

A mistake is made on one side, by a patch of its run or by another spec; the other side is right.
`docs/parity.md` has what each costs, `docs/make_mistake_table.py` measures it. `small.py` has those
that two free runs do not show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import paddle
import pytest

import dualtrain_paddle
from benchmarks.mistakes import slips
from benchmarks.mistakes.mistake import Mistake, Named

__all__ = ["MISTAKES"]


def _decay(patch: pytest.MonkeyPatch, chosen: Callable[[Any], Callable[[str], bool]]) -> None:
    """Replace the live optimizer's filter by chosen(model), a function of `p.name`."""
    build = dualtrain_paddle.build_optimizer

    def wrong(rule: Any, ledger: Any, model: Any, **settings: Any) -> Any:
        optimizer = build(rule, ledger, model, **settings)
        optimizer._apply_decay_param_fun = chosen(model)
        return optimizer

    patch.setattr(dualtrain_paddle, "build_optimizer", wrong)


def _decays(name: str) -> bool:
    """The recipe's own words."""
    return not any(part in name for part in ("bias", "norm"))


def filter_native_names(patch: pytest.MonkeyPatch, side: str) -> None:
    """A bias of Linear is called `linear_0.b_0`, which has no "bias" in it."""
    _decay(patch, lambda model: _decays)


def pass_structured_names(patch: pytest.MonkeyPatch, side: str) -> None:
    """`apply_decay_param_fun` is asked about `linear_0.w_0` and finds no such name."""
    _decay(patch, lambda model: {n for n, _ in model.named_parameters() if _decays(n)}.__contains__)


def use_the_built_in_mean(patch: pytest.MonkeyPatch, side: str) -> None:
    """Paddle 3 divides it by all labels, -100 or not."""

    def summed(logits: Any, labels: Any, **settings: Any) -> Any:
        classes = logits.shape[-1]
        mean = paddle.nn.functional.cross_entropy(
            logits.reshape([-1, classes]), labels.reshape([-1]), ignore_index=-100
        )
        return mean * (labels != -100).astype("float32").sum()

    patch.setattr(dualtrain_paddle, "cross_entropy_sum", summed)


RMSPROP: Mapping[str, Any] = {
    "optimizer": {"name": "rmsprop", "lr": 1e-3, "rho": 0.95, "eps": 1e-6},
    "weight_decay": {"value": 0.1, "kind": "coupled", "exclude": ["bias", "norm"]},
}
COSINE: Mapping[str, Any] = {"schedule": {"name": "cosine", "half_waves": 1}}

MISTAKES = {
    "biases decay": Mistake(
        title="the decay filter is given Paddle's own names: biases decay",
        stage="decay",
        told=r"dense\.bias: effective decay 0\.0 against 0\.1",
        knob="weight_decay",
        slip=slips.by_side(paddle=filter_native_names, torch=slips.decay_at(0.1, "bias")),
        in_losses=False,
        named=Named(half="rule", what="weight|decay", tensor="bias", knob="weight_decay", update=1),
    ),
    "nothing decays": Mistake(
        title="`apply_decay_param_fun` is given structured names: nothing decays",
        stage="decay",
        told=r"word_embeddings\.weight: effective decay 0\.1 against 0\.0",
        knob="weight_decay",
        slip=slips.by_side(paddle=pass_structured_names, torch=slips.decay_at(0.0)),
        in_losses=False,
        named=Named(half="rule", what="decay|weight", tensor="weight", knob="weight_decay"),
    ),
    "everything decays": Mistake(
        title="no filter: everything decays",
        stage="decay",
        told=r"LayerNorm\.weight: effective decay 0\.0 against 0\.1",
        knob="weight_decay",
        slip=slips.decay_at(0.1),
        in_losses=False,
        named=Named(half="rule", what="weight|decay", tensor="", knob="weight_decay"),
    ),
    "norms decay": Mistake(
        title='"norm" is sought in Hugging Face names: every `LayerNorm.weight` decays',
        stage="decay",
        told=r"LayerNorm\.weight: decay 0\.1 against 0\.0",
        knob="weight_decay.exclude",
        side="torch",
        # What it comes to; in `exclude_substrings` "norm" is refused, for it matches nothing.
        wrong={"weight_decay": {"value": 0.1, "exclude": ["bias"]}},
        in_losses=False,
        named=Named(half="rule", what="weight|decay", tensor="[Nn]orm", knob="weight_decay"),
    ),
    "clipped by group": Mistake(
        title="two parameter groups in Paddle: the norm is clipped per group",
        stage="clip",
        told=r"update 0, norm after clipping: 0\.5 against 0\.5\d",
        knob="clip",
        first_update=0,
        slip=slips.clip_by_rank,
        in_losses=False,
        named=Named(half="rule", what="clip", knob="clip"),
    ),
    "warmup rounded up": Mistake(
        title="12 against 13 warmup updates (floor, ceil)",
        stage="plan",
        told=r"warmup_updates 12 against 13",
        knob="warmup.rounding",
        wrong={"warmup": {"proportion": 0.104, "rounding": "ceil"}},
        named=Named(half="rule", what="learning rate", knob="schedule"),
    ),
    "whole cosine wave": Mistake(
        title="`CosineDecayWithWarmup` against `get_cosine_schedule_with_warmup`, both at defaults",
        stage="learning rate",
        told=r"update 13, lr: ",
        knob="schedule.half_waves",
        first_update=13,
        spec=COSINE,
        wrong={"schedule": {"name": "cosine", "half_waves": 2}},
        named=Named(half="rule", what="learning rate", knob="schedule", update=1),
    ),
    "schedule first": Mistake(
        title="the schedule is stepped once before the first update",
        stage="learning rate",
        told=r"update 0, lr: 0\.0 against 0\.00025",
        knob="schedule",
        first_update=0,
        slip=slips.step_schedule_first,
        named=Named(half="rule", what="learning rate", knob="schedule"),
    ),
    "no clip": Mistake(
        title="clipping is forgotten",
        stage="clip",
        told=r"update 0, norm after clipping: 0\.5 against 0\.97",
        knob="clip",
        first_update=0,
        slip=slips.forget_clip,
        named=Named(half="rule", what="clip", knob="clip"),
    ),
    "eps outside": Mistake(
        title="torch's RMSprop, eps outside the root, against Paddle's, inside",
        stage="update",
        told=r"by update \d+: its gradient agrees, the next loss does not",
        knob="optimizer",
        first_update=1,  # update 0 has the rate 0
        side="torch",
        slip=slips.wrong_step(slips.eps_outside),
        spec=RMSPROP,
        named=Named(half="rule", what="rate|weight|velocity", knob="optimizer.eps"),
    ),
    "built-in mean": Mistake(
        title="Paddle's built-in mean over labels of which some are -100",
        stage="loss",
        told=r"update 0, micro-batch 0, loss: ",
        knob="loss",
        first_update=0,
        slip=slips.by_side(paddle=use_the_built_in_mean, torch=slips.wrong_mean),
        at_once=True,
        named=Named(half="gradients", what="loss|gradient", knob="loss"),
    ),
    "not transposed": Mistake(
        title="square Linear weights copied without transposing them",
        stage="initial output",
        told=r"sample \d+, class \d: ",
        knob="task.model",
        slip=slips.transpose_squares,
        in_losses=False,
        at_once=True,
        named=Named(half="gradients", what="gradient", knob="task.model"),
    ),
}
