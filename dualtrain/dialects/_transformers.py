"""Hugging Face transformers, its Trainer: 4.57.6 (`hf4`) and 5.23.0 (`hf5`)."""

from __future__ import annotations

from dataclasses import replace

from dualtrain.dialects._dialect import Convention, Dialect
from dualtrain.dialects._native import natives_of
from dualtrain.native.schedules import HF_TYPES

__all__ = ["HF4", "HF5"]

_OTHERS = ("constant", "cosine_warmup_with_min_lr", "reduce_lr_on_plateau")
"""Types of which another is the one for the schedule, and the one that no curve shows."""
_SCHEDULES = {called: row for called, row in HF_TYPES if called not in _OTHERS}
"""The `lr_scheduler_type` of each schedule; of several meanings the last, which is the widest."""

HF4 = Dialect(
    name="hf4",
    package="transformers",
    version="4.57.6",
    part="its Trainer",
    schedules=natives_of(_SCHEDULES, drops=["inverse_sqrt"]),  # get_scheduler hands on no kwargs
    warmup_fields=Convention(
        "`warmup_steps`, or `warmup_ratio` if that is 0", "TrainingArguments.get_warmup_steps"
    ),
    warmup_rounding=Convention("ceil", "TrainingArguments.get_warmup_steps"),
    leftovers=Convention("flush", "Trainer.set_initial_training_values"),
    part_epochs=Convention("ceil", "Trainer.set_initial_training_values"),
    horizon=Convention("last update", "Trainer.create_scheduler"),
    per=Convention(("update",), "Trainer._inner_training_loop"),
    token_mean=Convention("causal, counted before the shift", "Trainer._get_num_items_in_batch"),
    clip_epsilon=Convention(1e-6, "torch.nn.utils.clip_grad_norm_"),
    clip_default=Convention(1.0, "TrainingArguments.max_grad_norm"),
    logged_lr=Convention("used", "Trainer._inner_training_loop"),
    loss_scale_init=Convention(65536.0, "torch.amp.GradScaler"),
    on_skip=Convention("hold", "Trainer._inner_training_loop"),
    undecayed=Convention(
        "parameters of a LayerNorm, and those named bias, layernorm, rmsnorm, norm or *_norm",
        "Trainer.get_decay_parameter_names",
    ),
    labels=Convention("model", "ForCausalLMLoss"),
    # Its other optimizers that the spec has take no argument but the rate.
    optimizers=Convention(("adamw", "sgd"), "Trainer.get_optimizer_cls_and_kwargs"),
    lacks=Convention(
        ("lr_multipliers", "own_betas", "layer_decay", "weight_decay.values", "freeze", "ema"),
        "TrainingArguments",
    ),
)

HF5 = replace(
    HF4,
    name="hf5",
    version="5.23.0",
    schedules=natives_of(_SCHEDULES),
    warmup_fields=Convention(
        "`warmup_steps`: below 1 a proportion, else steps (1.0 is one update, 5.5 are 5)",
        "TrainingArguments.get_warmup_steps",
    ),
    per=Convention(("update",), "Trainer._run_epoch"),
    token_mean=Convention("causal", "Trainer._get_num_items_in_batch"),
    logged_lr=Convention("used", "Trainer._run_epoch"),
    # It passes optim_args on to SGD and Adagrad.
    optimizers=Convention(
        ("adamw", "sgd", "momentum", "adagrad"), "Trainer.get_optimizer_cls_and_kwargs"
    ),
    on_skip=Convention("hold", "Trainer._run_epoch"),
)
