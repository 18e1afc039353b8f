"""Words of other libraries, and where what they say belongs in a spec: data.

VALUE stands for what was written, `...` for what else the part has. torch's names, Paddle's, those
of Hugging Face's and PaddleNLP's TrainingArguments, and those that recipes and people use. What a
part does not have is looked up at the top, "", and is written beside the part.
"""

from __future__ import annotations

from dualtrain.fields._beyond import BEYOND
from dualtrain.fields._by_name import by_name
from dualtrain.fields._trainer_words import NOT_HERE, TRAINERS

__all__ = ["KEYS", "NAMES"]

_SIZE = "write batch: {size: VALUE}"
_SIZES = f"{_SIZE}, times the number of processes"
_DECAY = "write weight_decay: {value: VALUE}"
_CROSS_ENTROPY = (
    "leave it out: it is cross-entropy; another loss is a function of yours, dualtrain.fit(loss=)"
)

_CURES: dict[str, dict[str, str]] = {
    "": {
        **TRAINERS,
        BEYOND["several_optimizers"]: "optimizers several_optimizers",
        BEYOND["several_backward_passes"]: "backward_passes several_backward_passes",
        BEYOND["batches_in_tokens"]: "max_tokens batch_tokens batches_in_tokens",
        BEYOND["target_networks"]: "target_network target_networks",
        BEYOND["rate_by_processes"]: "scale_lr auto_scale_lr rate_by_processes",
        _CROSS_ENTROPY: "criterion loss_fn loss_function",
        "write amp: {..., float32_operators: VALUE}": "amp_custom_black_list",
        "write optimizer: {..., lr: VALUE}": "lr learning_rate base_lr max_lr peak_lr",
        "write optimizer: {name: VALUE, ...}": "optim optimiser",
        "write optimizer: {..., betas: VALUE}": "betas",
        "write optimizer: {..., betas: [VALUE, 0.999]}": "adam_beta1 beta1",
        "write optimizer: {..., betas: [0.9, VALUE]}": "adam_beta2 beta2",
        "write optimizer: {..., eps: VALUE}": "adam_epsilon epsilon eps",
        "write optimizer: {name: momentum, ..., momentum: VALUE}": "momentum",
        "write optimizer: {name: momentum, ..., nesterov: VALUE}": "nesterov",
        "write schedule: {name: VALUE}": """
            scheduler lr_scheduler lr_scheduler_type lr_schedule lr_decay_style
        """,
        "write its fields into schedule: {name: ..., ...}": "lr_scheduler_kwargs",
        "write schedule: {name: multistep, milestones: VALUE, ...}": "milestones",
        "write schedule: {..., gamma: VALUE}": "gamma",
        "write schedule: {name: step, every: VALUE, ...}": "step_size",
        "write schedule: {name: polynomial, power: VALUE, ...}": "power",
        "write schedule: {name: polynomial, ..., end_lr: VALUE}": "lr_end",
        "write schedule: {..., min_lr: VALUE}": "min_lr min_learning_rate eta_min lr_min",
        "write schedule: {name: cosine, half_waves: ...} with twice as many, or "
        "schedule: {name: cosine_with_restarts, cycles: VALUE}": "num_cycles",
        "write warmup: {steps: VALUE}": "warmup_steps num_warmup_steps warmup_updates warmup_iters",
        "write warmup: {proportion: VALUE, rounding: ceil}": "warmup_ratio",
        "write warmup: {proportion: VALUE}": "warmup_proportion",
        "write warmup: {epochs: VALUE}": "warmup_epochs warmup_epoch",
        "write duration: {epochs: VALUE}": "epochs num_train_epochs num_epochs max_epochs n_epochs",
        "write duration: {updates: VALUE}": """
            updates steps max_steps num_training_steps total_steps train_steps max_iters
            iterations num_iterations
        """,
        _SIZE: "batch_size train_batch_size global_batch_size",
        _SIZES: "per_device_train_batch_size per_gpu_train_batch_size",
        "write batch: {..., accumulate: VALUE}": """
            gradient_accumulation_steps accumulate accumulation_steps accumulate_steps
            accumulate_grad_batches grad_accum grad_accum_steps
        """,
        "write clip: {global_norm: VALUE}": """
            max_grad_norm max_norm clip_norm clip_grad_norm grad_clip clip_grad gradient_clip
            gradient_clipping gradient_clip_val
        """,
        "write amp: {dtype: float16}": "fp16 half use_amp mixed_precision use_fp16",
        "write amp: {dtype: bfloat16}": "bf16 use_bf16",
        "write amp: {..., level: VALUE}": "fp16_opt_level amp_level",
        "write amp: {dtype: float16, loss_scale: {init: VALUE}}": """
            scale_loss init_loss_scaling init_scale
        """,
        "write loss: {label_smoothing: VALUE}": "label_smoothing label_smoothing_factor",
        _DECAY: "wd l2",
        "write weight_decay: {..., exclude: [bias, norm]}": """
            no_decay exclude exclude_from_weight_decay apply_decay_param_fun
        """,
        "write layer_decay: VALUE": """
            layerwise_decay layerwise_lr_decay layer_lr_decay llrd lr_decay_rate
        """,
        "write ema: {decay: VALUE}": "ema_decay",
        "write seed: VALUE": "random_seed data_seed",
        "write device: cpu": "no_cuda use_cpu",
        "write task: {..., model: {path: VALUE, max_length: ...}}": "model_name_or_path",
        "write task: {..., model: {..., max_length: VALUE}}": """
            max_length max_seq_length max_seq_len
        """,
        "write task: {..., train: VALUE}": "train_file train_path",
        "write task: {..., eval: VALUE}": "validation_file dev_file dev_path eval_file",
        "write task: {..., train: ...}": "dataset",
        "leave it out, and give dualtrain train --output VALUE": "output_dir",
    },
    "optimizer": {
        "write name: VALUE": "type optim",
        "write lr: VALUE": "learning_rate base_lr max_lr",
        "write betas: [VALUE, 0.999]": "beta1 adam_beta1",
        "write betas: [0.9, VALUE]": "beta2 adam_beta2",
        "write eps: VALUE": "epsilon adam_epsilon",
        "write nesterov: VALUE": "use_nesterov",
        "write rho: VALUE": "alpha",
        "leave it out: it is 0": "dampening",
        f"{_DECAY} beside optimizer": "weight_decay lamb_weight_decay",
        NOT_HERE: "params parameters fused foreach multi_precision lazy_mode",
    },
    "schedule": {
        "write name: VALUE": "type lr_scheduler_type",
        "write every: VALUE": "step_size",
        "write min_lr: VALUE": "eta_min min_learning_rate lr_min",
        "write end_lr: VALUE": "lr_end end_learning_rate final_lr",
        "write first: VALUE": "T_0",
        "write multiplier: VALUE": "T_mult",
        "write horizon: VALUE beside schedule, or leave it out: it ends with the run": """
            T_max num_training_steps total_steps decay_steps max_steps
        """,
        "write half_waves: ... with twice as many for cosine, cycles: VALUE for "
        "cosine_with_restarts": "num_cycles",
        "write warmup: {...} beside schedule": "warmup warmup_proportion",
        "write rise: VALUE": "pct_start phase_pct",
        "write shape: cosine or shape: linear": "anneal_strategy",
        "write start_lr: the peak divided by VALUE": "div_factor",
        "write end_lr: start_lr divided by VALUE": "final_div_factor",
        "write up: VALUE": "step_size_up",
        "write down: VALUE": "step_size_down",
        "write stable: VALUE": "num_stable_steps",
        "write decay: VALUE": "num_decay_steps",
        "write shape: VALUE": "decay_type",
        "write scale_per: cycle or scale_per: update": "scale_mode",
        "write per: update or per: epoch": "interval by_epoch unit",
        NOT_HERE: "last_epoch verbose",
        "write name: table, multipliers: [...]; a spec holds no code": "lr_lambda",
    },
    "warmup": {
        "write proportion: VALUE, rounding: ceil": "ratio warmup_ratio",
        "write proportion: VALUE": "fraction share warmup_proportion",
        "write steps: VALUE": "warmup_steps num_steps num_warmup_steps iters",
        "write epochs: VALUE": "warmup_epochs warmup_epoch",
        "write start: VALUE": "start_factor",
        "write start: start_lr divided by optimizer.lr": "start_lr",
        "write shape: VALUE": "type mode",
    },
    "weight_decay": {
        "write value: VALUE": "weight_decay wd decay rate coeff",
        "write kind: decoupled or kind: coupled": "type mode",
        "write exclude: [bias, norm]": "no_decay exclude_roles apply_decay_param_fun",
        "write values: [{role: norm, value: VALUE}]": "norm_decay norm_weight_decay",
        "write values: [{role: bias, value: VALUE}]": "bias_decay",
        "write exclude_regex: [VALUE]": "regex exclude_re",
    },
    "lr_multipliers": {
        "write pattern: VALUE": "name params parameters parameter",
        "write lr: VALUE": "learning_rate base_lr",
        "write multiplier: VALUE": "factor scale lr_mult lr_ratio",
        "write own_betas: [{pattern: ..., betas: VALUE}] beside it": "betas",
        "leave it out: it is the whole optimizer's, one for all parameters": """
            beta1 beta2 eps epsilon momentum rho alpha
        """,
    },
    "clip": {
        "write global_norm: VALUE": "max_norm max_grad_norm clip_norm grad_norm",
        "write value: VALUE": "clip_value max",
        "leave it out: it is 2": "norm_type",
    },
    "batch": {
        "write size: VALUE": "batch_size train_batch_size",
        "write size: VALUE, times the number of processes": "per_device_train_batch_size",
        "write accumulate: VALUE": """
            gradient_accumulation_steps accumulation_steps accumulate_grad_batches
        """,
    },
    "duration": {
        "write epochs: VALUE": "num_train_epochs num_epochs max_epochs",
        "write updates: VALUE": "steps max_steps num_training_steps iterations",
    },
    "amp": {
        "write dtype: VALUE": "type precision",
        "write level: VALUE": "opt_level fp16_opt_level",
        "write loss_scale: {init: VALUE}": "init_scale init_loss_scaling scale_loss",
        "write float32_operators: VALUE": "custom_black_list",
        "leave it out; without amp it is off": "enabled enable",
    },
    "amp.loss_scale": {
        "write init: VALUE": "init_scale init_loss_scaling",
        "write growth_factor: VALUE": "incr_ratio",
        "write backoff_factor: VALUE": "decr_ratio",
        "write growth_interval: VALUE": "incr_every_n_steps",
        "write backoff_interval: VALUE": "decr_every_n_nan_or_inf",
    },
    "loss": {
        _CROSS_ENTROPY: "name type",
        "write label_smoothing: VALUE": "smoothing label_smoothing_factor",
    },
    "ema": {"write decay: VALUE": "beta alpha ema_decay"},
    "freeze": {"write patterns: VALUE": "parameters layers names"},
    "task": {
        "write train: VALUE": "train_file train_path",
        "write eval: VALUE": "validation_file dev_file dev",
    },
}

KEYS = {part: by_name(cures) for part, cures in _CURES.items()}
"""Part of a spec -> an unknown key there -> the way out."""

NAMES = by_name(
    {
        # optimizers
        "adamw": "adamwtorch adamwtorchfused adamwhf adamwapexfused",
        "adamw_transformers": "bertadam oldadamw pytorchtransformersadamw",
        "momentum": "sgdm sgdmomentum",
        # schedules
        "linear": "lineardecaywithwarmup getlinearschedulewithwarmup lineardecay linearwarmup",
        "constant": "constantwithwarmup getconstantschedulewithwarmup constschedulewithwarmup none",
        "cosine": "cosinedecaywithwarmup getcosineschedulewithwarmup cos",
        "cosine_annealing": "cosineannealingdecay cosineannealinglr",
        "cosine_with_restarts": "cosinewithhardrestarts",
        "step": "steplr stepdecay",
        "multistep": "multisteplr multistepdecay",
        "piecewise": "piecewisedecay piecewiseconstant",
        "exponential": "exponentiallr exponentialdecay",
        "natural_exp": "naturalexpdecay",
        "inverse_time": "inversetimedecay",
        "noam": "noamdecay",
        "polynomial": "polynomialdecay polynomiallr polydecaywithwarmup poly",
        "one_cycle": "onecyclelr",
        "cyclic": "cycliclr",
        "reduce_on_plateau": "reducelronplateau plateau",
        "warmup_stable_decay": "wsd",
        "sequential": "sequentiallr",
        "table": "lambdalr lambdadecay lambda custom",
        "product": "chainedscheduler chained",
        # mixed precision
        "float16": "fp16 half f16 16",
        "bfloat16": "bf16 brain",
        # roles, kinds, units
        "norm": "layernorm norms ln batchnorm layernormweight",
        "bias": "biases",
        "coupled": "l2",
        "token_mean": "token tokens",
        "sum": "summed add",
        "leak": "leaks carry",
        "micro_mean": "micro microbatch",
        "update": "step steps iteration batch",
        "ceil": "up",
        "floor": "down",
        "one_minus_sqrt": "1sqrt",
    }
)
"""A name in small letters and digits -> the word of a spec; it counts where that is a choice."""
