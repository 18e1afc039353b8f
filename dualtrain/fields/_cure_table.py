"""Words of other libraries, and where what they say belongs in a spec: data, one line each.

VALUE stands for what was written, `...` for what else the part has. torch's names, Paddle's, those
of Hugging Face's and PaddleNLP's TrainingArguments, and those that recipes and people use.
"""

from __future__ import annotations

from dualtrain.fields._trainer_words import NOT_HERE, TRAINERS

__all__ = ["KEYS", "NAMES"]

_LR = "write optimizer: {..., lr: VALUE}"
_EPOCHS = "write duration: {epochs: VALUE}"
_UPDATES = "write duration: {updates: VALUE}"
_WARMUP = "write warmup: {steps: VALUE}"
_CEILED = "write warmup: {proportion: VALUE, rounding: ceil}"
_CLIP = "write clip: {global_norm: VALUE}"
_SIZE = "write batch: {size: VALUE}"
_SIZES = f"{_SIZE}, times the number of processes"
_GROUP = "write batch: {..., accumulate: VALUE}"
_DECAY = "write weight_decay: {value: VALUE}"
_SPARED = "write weight_decay: {..., exclude: [bias, norm]}"
_LAYERS = "write layer_decay: VALUE"
_HALF = "write amp: {dtype: float16}"
_BRAIN = "write amp: {dtype: bfloat16}"
_MIN = "write schedule: {..., min_lr: VALUE}"
_SCHEDULE = "write schedule: {name: VALUE}"
_LENGTH = "write task: {..., model: {..., max_length: VALUE}}"
_CROSS_ENTROPY = (
    "leave it out: it is cross-entropy; another loss is a function of yours, dualtrain.fit(loss=)"
)

KEYS: dict[str, dict[str, str]] = {
    "": {
        **TRAINERS,
        **dict.fromkeys(("criterion", "loss_fn", "loss_function"), _CROSS_ENTROPY),
        "amp_custom_black_list": "write amp: {..., float32_operators: VALUE}",
        **dict.fromkeys(("lr", "learning_rate", "base_lr", "max_lr", "peak_lr"), _LR),
        **dict.fromkeys(("optim", "optimiser"), "write optimizer: {name: VALUE, ...}"),
        "betas": "write optimizer: {..., betas: VALUE}",
        **dict.fromkeys(("adam_beta1", "beta1"), "write optimizer: {..., betas: [VALUE, 0.999]}"),
        **dict.fromkeys(("adam_beta2", "beta2"), "write optimizer: {..., betas: [0.9, VALUE]}"),
        **dict.fromkeys(("adam_epsilon", "epsilon", "eps"), "write optimizer: {..., eps: VALUE}"),
        "momentum": "write optimizer: {name: momentum, ..., momentum: VALUE}",
        "nesterov": "write optimizer: {name: momentum, ..., nesterov: VALUE}",
        **dict.fromkeys(
            ("scheduler", "lr_scheduler", "lr_scheduler_type", "lr_schedule", "lr_decay_style"),
            _SCHEDULE,
        ),
        "lr_scheduler_kwargs": "write its fields into schedule: {name: ..., ...}",
        "milestones": "write schedule: {name: multistep, milestones: VALUE, ...}",
        "gamma": "write schedule: {..., gamma: VALUE}",
        "step_size": "write schedule: {name: step, every: VALUE, ...}",
        "power": "write schedule: {name: polynomial, power: VALUE, ...}",
        "lr_end": "write schedule: {name: polynomial, ..., end_lr: VALUE}",
        **dict.fromkeys(("min_lr", "min_learning_rate", "eta_min", "lr_min"), _MIN),
        "num_cycles": "write schedule: {name: cosine, half_waves: ...} with twice as many, or "
        "schedule: {name: cosine_with_restarts, cycles: VALUE}",
        **dict.fromkeys(
            ("warmup_steps", "num_warmup_steps", "warmup_updates", "warmup_iters"), _WARMUP
        ),
        "warmup_ratio": _CEILED,
        "warmup_proportion": "write warmup: {proportion: VALUE}",
        "warmup_epochs": "write warmup: {steps: ...} in updates, or in epochs beside "
        "schedule: {..., per: epoch}",
        **dict.fromkeys(
            ("epochs", "num_train_epochs", "num_epochs", "max_epochs", "n_epochs"), _EPOCHS
        ),
        **dict.fromkeys(
            (
                "updates",
                "steps",
                "max_steps",
                "num_training_steps",
                "total_steps",
                "train_steps",
                "max_iters",
                "iterations",
                "num_iterations",
            ),
            _UPDATES,
        ),
        **dict.fromkeys(("batch_size", "train_batch_size", "global_batch_size"), _SIZE),
        **dict.fromkeys(("per_device_train_batch_size", "per_gpu_train_batch_size"), _SIZES),
        **dict.fromkeys(
            (
                "gradient_accumulation_steps",
                "accumulate",
                "accumulation_steps",
                "accumulate_steps",
                "accumulate_grad_batches",
                "grad_accum",
                "grad_accum_steps",
            ),
            _GROUP,
        ),
        **dict.fromkeys(
            (
                "max_grad_norm",
                "max_norm",
                "clip_norm",
                "clip_grad_norm",
                "grad_clip",
                "clip_grad",
                "gradient_clip",
                "gradient_clipping",
                "gradient_clip_val",
            ),
            _CLIP,
        ),
        **dict.fromkeys(("fp16", "half", "use_amp", "mixed_precision", "use_fp16"), _HALF),
        **dict.fromkeys(("bf16", "use_bf16"), _BRAIN),
        **dict.fromkeys(("fp16_opt_level", "amp_level"), "write amp: {..., level: VALUE}"),
        **dict.fromkeys(
            ("scale_loss", "init_loss_scaling", "init_scale"),
            "write amp: {dtype: float16, loss_scale: {init: VALUE}}",
        ),
        **dict.fromkeys(
            ("label_smoothing", "label_smoothing_factor"), "write loss: {label_smoothing: VALUE}"
        ),
        **dict.fromkeys(("wd", "l2"), _DECAY),
        **dict.fromkeys(
            ("no_decay", "exclude", "exclude_from_weight_decay", "apply_decay_param_fun"), _SPARED
        ),
        **dict.fromkeys(
            ("layerwise_decay", "layerwise_lr_decay", "layer_lr_decay", "llrd", "lr_decay_rate"),
            _LAYERS,
        ),
        "ema_decay": "write ema: {decay: VALUE}",
        **dict.fromkeys(("random_seed", "data_seed"), "write seed: VALUE"),
        **dict.fromkeys(("no_cuda", "use_cpu"), "write device: cpu"),
        "model_name_or_path": "write task: {..., model: {path: VALUE, max_length: ...}}",
        **dict.fromkeys(("max_length", "max_seq_length", "max_seq_len"), _LENGTH),
        **dict.fromkeys(("train_file", "train_path"), "write task: {..., train: VALUE}"),
        **dict.fromkeys(
            ("validation_file", "dev_file", "dev_path", "eval_file"),
            "write task: {..., eval: VALUE}",
        ),
        "dataset": "write task: {..., train: ...}",
        "output_dir": "leave it out, and give dualtrain train --output VALUE",
        **dict.fromkeys(
            (
                "logging_steps",
                "save_steps",
                "eval_steps",
                "evaluation_strategy",
                "eval_strategy",
                "save_strategy",
                "per_device_eval_batch_size",
                "gradient_checkpointing",
                "do_train",
                "dataloader_num_workers",
                "do_eval",
                "report_to",
                "recompute",
                "torch_compile",
            ),
            NOT_HERE,
        ),
    },
    "optimizer": {
        **dict.fromkeys(("type", "optim"), "write name: VALUE"),
        **dict.fromkeys(("learning_rate", "base_lr", "max_lr"), "write lr: VALUE"),
        **dict.fromkeys(("beta1", "adam_beta1"), "write betas: [VALUE, 0.999]"),
        **dict.fromkeys(("beta2", "adam_beta2"), "write betas: [0.9, VALUE]"),
        **dict.fromkeys(("epsilon", "adam_epsilon"), "write eps: VALUE"),
        "use_nesterov": "write nesterov: VALUE",
        "alpha": "write rho: VALUE",
        "dampening": "leave it out: it is 0",
        **dict.fromkeys(("weight_decay", "wd"), f"{_DECAY} beside optimizer"),
        "lamb_weight_decay": f"{_DECAY} beside optimizer",
        **dict.fromkeys(("grad_clip", "max_grad_norm"), f"{_CLIP} beside optimizer"),
        **dict.fromkeys(("lr_scheduler", "scheduler"), f"{_SCHEDULE} beside optimizer"),
        **dict.fromkeys(
            ("params", "parameters", "fused", "foreach", "multi_precision", "lazy_mode"), NOT_HERE
        ),
    },
    "schedule": {
        **dict.fromkeys(("type", "lr_scheduler_type"), "write name: VALUE"),
        **dict.fromkeys(("lr", "learning_rate", "base_lr"), f"{_LR} beside schedule"),
        "max_lr": f"{_LR} beside schedule",
        "step_size": "write every: VALUE",
        **dict.fromkeys(("eta_min", "min_learning_rate", "lr_min"), "write min_lr: VALUE"),
        **dict.fromkeys(("lr_end", "end_learning_rate", "final_lr"), "write end_lr: VALUE"),
        "T_0": "write first: VALUE",
        "T_mult": "write multiplier: VALUE",
        **dict.fromkeys(
            ("T_max", "num_training_steps", "total_steps", "decay_steps", "max_steps"),
            "write horizon: VALUE beside schedule, or leave it out: it ends with the run",
        ),
        "num_cycles": "write half_waves: ... with twice as many for cosine, cycles: VALUE for "
        "cosine_with_restarts",
        **dict.fromkeys(("warmup_steps", "num_warmup_steps"), f"{_WARMUP} beside schedule"),
        "warmup_ratio": f"{_CEILED} beside schedule",
        **dict.fromkeys(("warmup", "warmup_proportion"), "write warmup: {...} beside schedule"),
        **dict.fromkeys(("pct_start", "phase_pct"), "write rise: VALUE"),
        "anneal_strategy": "write shape: cosine or shape: linear",
        "div_factor": "write start_lr: the peak divided by VALUE",
        "final_div_factor": "write end_lr: start_lr divided by VALUE",
        "step_size_up": "write up: VALUE",
        "step_size_down": "write down: VALUE",
        "num_stable_steps": "write stable: VALUE",
        "num_decay_steps": "write decay: VALUE",
        "decay_type": "write shape: VALUE",
        "scale_mode": "write scale_per: cycle or scale_per: update",
        **dict.fromkeys(("interval", "by_epoch", "unit"), "write per: update or per: epoch"),
        **dict.fromkeys(("last_epoch", "verbose"), NOT_HERE),
        "lr_lambda": "write sequential or piecewise: a spec holds no code",
    },
    "warmup": {
        **dict.fromkeys(("ratio", "warmup_ratio"), "write proportion: VALUE, rounding: ceil"),
        **dict.fromkeys(("fraction", "share", "warmup_proportion"), "write proportion: VALUE"),
        **dict.fromkeys(
            ("updates", "warmup_steps", "num_steps", "num_warmup_steps", "iters"),
            "write steps: VALUE",
        ),
        **dict.fromkeys(
            ("epochs", "warmup_epochs"),
            "write steps: ... in updates, or in epochs beside schedule: {..., per: epoch}",
        ),
        "start_factor": "write start: VALUE",
        "start_lr": "write start: start_lr divided by optimizer.lr",
        **dict.fromkeys(("type", "mode"), "write shape: VALUE"),
    },
    "weight_decay": {
        **dict.fromkeys(("weight_decay", "wd", "decay", "rate", "coeff"), "write value: VALUE"),
        **dict.fromkeys(("type", "mode"), "write kind: decoupled or kind: coupled"),
        **dict.fromkeys(("no_decay", "exclude_roles"), "write exclude: [bias, norm]"),
        "apply_decay_param_fun": "write exclude: [bias, norm]",
    },
    "lr_multipliers": {
        **dict.fromkeys(("name", "params", "parameters", "parameter"), "write pattern: VALUE"),
        **dict.fromkeys(
            ("lr", "learning_rate"), "write multiplier: that rate divided by optimizer.lr"
        ),
        **dict.fromkeys(("factor", "scale", "lr_mult", "lr_ratio"), "write multiplier: VALUE"),
    },
    "clip": {
        **dict.fromkeys(
            ("max_norm", "max_grad_norm", "clip_norm", "grad_norm"), "write global_norm: VALUE"
        ),
        **dict.fromkeys(("clip_value", "max"), "write value: VALUE"),
        "norm_type": "leave it out: it is 2",
    },
    "batch": {
        **dict.fromkeys(("batch_size", "train_batch_size"), "write size: VALUE"),
        "per_device_train_batch_size": "write size: VALUE, times the number of processes",
        **dict.fromkeys(
            ("gradient_accumulation_steps", "accumulation_steps", "accumulate_grad_batches"),
            "write accumulate: VALUE",
        ),
    },
    "duration": {
        **dict.fromkeys(("num_train_epochs", "num_epochs", "max_epochs"), "write epochs: VALUE"),
        **dict.fromkeys(
            ("steps", "max_steps", "num_training_steps", "iterations"), "write updates: VALUE"
        ),
    },
    "amp": {
        **dict.fromkeys(("type", "precision"), "write dtype: VALUE"),
        **dict.fromkeys(("opt_level", "fp16_opt_level"), "write level: VALUE"),
        **dict.fromkeys(
            ("init_scale", "init_loss_scaling", "scale_loss"), "write loss_scale: {init: VALUE}"
        ),
        "custom_black_list": "write float32_operators: VALUE",
        **dict.fromkeys(("enabled", "enable"), "leave it out; without amp it is off"),
    },
    "amp.loss_scale": {
        **dict.fromkeys(("init_scale", "init_loss_scaling"), "write init: VALUE"),
        "incr_ratio": "write growth_factor: VALUE",
        "decr_ratio": "write backoff_factor: VALUE",
        "incr_every_n_steps": "write growth_interval: VALUE",
        "decr_every_n_nan_or_inf": "write backoff_interval: VALUE",
    },
    "loss": {
        **dict.fromkeys(("name", "type"), _CROSS_ENTROPY),
        **dict.fromkeys(("smoothing", "label_smoothing_factor"), "write label_smoothing: VALUE"),
    },
    "ema": {**dict.fromkeys(("beta", "alpha", "ema_decay"), "write decay: VALUE")},
    "freeze": {**dict.fromkeys(("parameters", "layers", "names"), "write patterns: VALUE")},
    "task": {
        **dict.fromkeys(("train_file", "train_path"), "write train: VALUE"),
        **dict.fromkeys(("validation_file", "dev_file", "dev"), "write eval: VALUE"),
        "batch_size": f"{_SIZE} beside task",
    },
}
"""Part of a spec -> an unknown key there -> the way out."""

NAMES = {
    # optimizers
    **dict.fromkeys(("adamwtorch", "adamwtorchfused", "adamwhf", "adamwapexfused"), "adamw"),
    **dict.fromkeys(("sgdm", "sgdmomentum"), "momentum"),
    # schedules
    **dict.fromkeys(
        ("lineardecaywithwarmup", "getlinearschedulewithwarmup", "lineardecay", "linearwarmup"),
        "linear",
    ),
    **dict.fromkeys(
        ("constantwithwarmup", "getconstantschedulewithwarmup", "constschedulewithwarmup", "none"),
        "constant",
    ),
    **dict.fromkeys(("cosinedecaywithwarmup", "getcosineschedulewithwarmup"), "cosine"),
    **dict.fromkeys(("cosineannealingdecay", "cosineannealinglr"), "cosine_annealing"),
    **dict.fromkeys(("cosinewithhardrestarts",), "cosine_with_restarts"),
    **dict.fromkeys(("steplr", "stepdecay"), "step"),
    **dict.fromkeys(("multisteplr", "multistepdecay"), "multistep"),
    **dict.fromkeys(("piecewisedecay", "piecewiseconstant"), "piecewise"),
    **dict.fromkeys(("exponentiallr", "exponentialdecay"), "exponential"),
    **dict.fromkeys(("naturalexpdecay",), "natural_exp"),
    **dict.fromkeys(("inversetimedecay",), "inverse_time"),
    **dict.fromkeys(("noamdecay",), "noam"),
    **dict.fromkeys(
        ("polynomialdecay", "polynomiallr", "polydecaywithwarmup", "poly"), "polynomial"
    ),
    **dict.fromkeys(("onecyclelr",), "one_cycle"),
    **dict.fromkeys(("cycliclr",), "cyclic"),
    **dict.fromkeys(("reducelronplateau", "plateau"), "reduce_on_plateau"),
    **dict.fromkeys(("wsd",), "warmup_stable_decay"),
    **dict.fromkeys(("sequentiallr",), "sequential"),
    # mixed precision
    **dict.fromkeys(("fp16", "half", "f16", "16"), "float16"),
    **dict.fromkeys(("bf16", "brain"), "bfloat16"),
    # roles, kinds, units
    **dict.fromkeys(("layernorm", "norms", "ln", "batchnorm", "layernormweight"), "norm"),
    **dict.fromkeys(("biases",), "bias"),
    **dict.fromkeys(("l2",), "coupled"),
    **dict.fromkeys(("token", "tokens"), "token_mean"),
    **dict.fromkeys(("micro", "microbatch"), "micro_mean"),
    **dict.fromkeys(("step", "steps", "iteration", "batch"), "update"),
    **dict.fromkeys(("up",), "ceil"),
    **dict.fromkeys(("down",), "floor"),
    **dict.fromkeys(("1sqrt",), "one_minus_sqrt"),
    **dict.fromkeys(("cos",), "cosine"),
}
"""A name in small letters and digits -> the word of a spec; it counts where that is a choice."""
