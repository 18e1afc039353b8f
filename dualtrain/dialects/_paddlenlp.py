"""PaddleNLP 2.8.1: its schedule classes in a loop of your own, and its Trainer."""

from __future__ import annotations

from dualtrain.dialects._dialect import Convention, Dialect
from dualtrain.dialects._native import ENDS, Limit, native_of, natives_of
from dualtrain.native.schedules import NATIVE_SCHEDULES, PADDLENLP_TYPES

__all__ = ["PADDLENLP", "PADDLENLP_TRAINER"]

_WHOLE_WAVES = Limit(
    rule="half_waves must be even: num_cycles must be an int, or the class raises AssertionError",
    holds=lambda half_waves: half_waves % 2 == 0,
)
_LIMITS = {"polynomial": {"cycle": ENDS}, "cosine": {"half_waves": _WHOLE_WAVES}}
_CLASSES = {
    row.means["schedule.name"]: row
    for row in NATIVE_SCHEDULES.rows
    if row.name.startswith("paddlenlp.transformers.optimization.")
}
_TYPES = {called: row for called, row in PADDLENLP_TYPES.items() if called != "constant"}
"""The `lr_scheduler_type` of each schedule."""

PADDLENLP = Dialect(
    name="paddlenlp",
    package="paddlenlp",
    version="2.8.1",
    part="its schedule classes in a loop of your own",
    schedules={name: native_of(row, limits=_LIMITS.get(name)) for name, row in _CLASSES.items()},
    warmup_fields=Convention(
        "`warmup`: an int is steps, all else a proportion (1 is one update, 1.0 the whole run)",
        "LinearDecayWithWarmup",
    ),
    warmup_rounding=Convention("floor", "LinearDecayWithWarmup"),
    leftovers=None,
    part_epochs=None,
    horizon=Convention("any", "LinearDecayWithWarmup(total_steps)"),
    per=Convention(("update", "epoch"), "LRScheduler.step"),
    token_mean=None,
    clip_epsilon=Convention(0.0, "paddle.nn.ClipGradByGlobalNorm"),
    clip_default=None,
    logged_lr=None,
    loss_scale_init=Convention(65536.0, "paddle.amp.GradScaler"),
    on_skip=None,
    undecayed=None,
    labels=Convention("data", "LlamaPretrainingCriterion"),
    optimizers=None,
    lacks=None,
)

PADDLENLP_TRAINER = Dialect(
    name="paddlenlp-trainer",
    package="paddlenlp",
    version="2.8.1",
    part="its Trainer",
    schedules=natives_of(_TYPES),
    warmup_fields=Convention(
        "`warmup_steps`, or `warmup_ratio` if that is 0", "Trainer.create_scheduler"
    ),
    # TrainingArguments.get_warmup_steps takes the ceiling; the Trainer does not call it.
    warmup_rounding=Convention("floor", "Trainer.create_scheduler"),
    leftovers=Convention("leak", "Trainer._inner_training_loop"),
    part_epochs=Convention("floor", "Trainer.train"),
    horizon=Convention("last update", "Trainer.create_scheduler"),
    per=Convention(("update",), "Trainer._inner_training_loop"),
    token_mean=Convention("never", "Trainer.training_step"),
    clip_epsilon=Convention(0.0, "Trainer.create_optimizer"),
    clip_default=Convention(1.0, "TrainingArguments.max_grad_norm"),
    logged_lr=Convention("next", "Trainer._maybe_log_save_evaluate"),
    loss_scale_init=Convention(32768.0, "TrainingArguments.scale_loss"),
    on_skip=Convention("hold", "Trainer._inner_training_loop"),
    undecayed=Convention(
        "parameters with 'bias' or 'norm' in their structured name", "Trainer.create_optimizer"
    ),
    labels=Convention("data", "LlamaPretrainingCriterion"),
    optimizers=Convention(("adamw",), "Trainer.get_optimizer_cls_and_kwargs"),
    lacks=Convention(
        (
            "lr_multipliers",
            "own_betas",
            "layer_decay",
            "weight_decay.values",
            "freeze",
            "ema",
            "loss.label_smoothing",
        ),
        "TrainingArguments",
    ),
)
