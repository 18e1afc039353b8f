"""Configurations of OpenMMLab's kind, mmcv's hooks: `optimizer`, `lr_config`, `runner`, `data`."""

from __future__ import annotations

from dualtrain.reading import Node
from dualtrain.recipes.vision._reading import Claim, Reading

__all__ = ["CLAIMS", "FLAGS", "read", "recognises"]

FLAGS = {"seed": "--seed"}
CLAIMS: tuple[Claim, ...] = ()
OPTIMIZERS = {"SGD": "sgd", "Adam": "adam", "AdamW": "adamw", "RMSprop": "rmsprop"}
HOOKS = ("OptimizerHook", "GradientCumulativeOptimizerHook")
LAST = "ends where training does"


def recognises(tree: Node) -> bool:
    """Whether a tree has the shape."""
    length = any(tree.get(key) for key in ("runner.type", "total_epochs", "lr_config.policy"))
    return tree.get("optimizer.type") is not None and length


def read(tree: Node) -> Reading:
    """What such a tree says."""
    reading = Reading(tree, "mmcv", "stays text")
    _optimizer(reading)
    _groups(reading)
    _hook(reading)
    by_epoch = _length(reading)
    _schedule(reading, by_epoch)
    _warmup(reading)
    if reading.has("data.samples_per_gpu"):
        reading.take("batch_size", "data.samples_per_gpu")
    else:
        reading.doubt("batch_size", "data.samples_per_gpu is not given", "data")
    if reading.has("--seed"):
        reading.take("seed", "--seed")
    return reading


def _optimizer(reading: Reading) -> None:
    name = reading.word("optimizer.type")
    kind = OPTIMIZERS.get(name)
    if kind is None:
        why = f"{name} is no optimizer that is read here: look at its class"
        reading.doubt("optimizer", why, "optimizer.type")
    else:
        momentum = reading.figure("optimizer.momentum", 0.0)
        kind = "momentum" if kind == "sgd" and momentum else kind
        reading.state("optimizer", kind, "optimizer.type")
    reading.need("lr", "optimizer.lr")
    if kind in ("adam", "adamw"):
        reading.take("eps", "optimizer.eps", 1e-8, f"torch's {name}")
        if reading.has("optimizer.betas"):
            reading.take("betas", "optimizer.betas")
        else:
            reading.imply("betas", [0.9, 0.999], f"default of torch's {name}")
    elif reading.has("optimizer.momentum"):
        reading.take("momentum", "optimizer.momentum")
    if reading.has("optimizer.nesterov"):
        reading.state("nesterov", bool(reading.value("optimizer.nesterov")), "optimizer.nesterov")
    given = reading.has("optimizer.weight_decay")
    decay = reading.take(
        "weight_decay",
        "optimizer.weight_decay",
        0.01 if kind == "adamw" else None,
        f"torch's {name}",
    )
    if kind == "adamw" and not given:
        reading.warn("framework_default_decay", None, f"{name} without weight_decay decays")
    if kind == "adam" and decay:
        place = reading.place("optimizer.weight_decay")
        text = "Adam adds the decay to the gradient; AdamW does not"
        reading.warn("coupled_decay", place, text, "optimizer.name")


def _groups(reading: Reading) -> None:
    """`paramwise_cfg`: names with a rate or a decay of their own, norms and biases by class."""
    at = "optimizer.paramwise_cfg"
    keys = reading.tree.get(f"{at}.custom_keys")
    each = keys.value if keys is not None and isinstance(keys.value, dict) else {}
    spared: list[str] = []
    partly: list[str] = []
    rates: list[dict[str, object]] = []
    for key, node in each.items():
        told = node.value if isinstance(node.value, dict) else {}
        decay, rate = (told.get(name) for name in ("decay_mult", "lr_mult"))
        if decay is not None and decay.value == 0:
            spared.append(key)
        elif decay is not None and decay.value != 1:
            partly.append(key)
        if rate is not None and rate.value != 1:
            rates.append({"pattern": f"*{key}*", "multiplier": rate.value})
    if spared:
        reading.state("decay_exclude", spared, f"{at}.custom_keys")
        reading.state("decay_match", "substring", f"{at}.custom_keys")
    by_class = [
        key
        for key in ("norm_decay_mult", "bias_decay_mult", "bias_lr_mult", "dwconv_decay_mult")
        if reading.figure(f"{at}.{key}", 1) != 1
    ]
    if partly:
        why = f"{', '.join(partly)} decay by a factor of their own"
        reading.doubt("decay_exclude", why, f"{at}.custom_keys", spared)
    if by_class:
        why = f"{', '.join(by_class)}: chosen by the class of a module, not by its name"
        reading.doubt("decay_exclude", why, f"{at}.{by_class[0]}")
    if reading.has("optimizer.constructor"):
        why = "the optimizer's constructor makes groups of its own: read its class"
        for name in ("param_groups", "lr_multipliers"):
            reading.doubt(name, why, "optimizer.constructor")
    if rates:
        reading.state("param_groups", rates, f"{at}.custom_keys")
        reading.state("lr_multipliers", rates, f"{at}.custom_keys")
        text = f"groups with rates of their own: {rates}"
        reading.warn("param_groups", reading.place(f"{at}.custom_keys"), text, "lr_multipliers")


def _hook(reading: Reading) -> None:
    """Clip, accumulation and precision, which are the update's hook's."""
    hook = reading.word("optimizer_config.type", "OptimizerHook")
    if hook not in HOOKS:
        for name in ("clip", "accumulate", "amp"):
            reading.doubt(name, f"{hook} decides it: read its class", "optimizer_config.type")
        return
    clip = "optimizer_config.grad_clip"
    if not reading.has(clip):
        reading.imply("clip", "none", "default of OptimizerHook", clip)
    elif reading.figure(f"{clip}.norm_type", 2) == 2 and reading.figure(f"{clip}.max_norm"):
        norm = reading.figure(f"{clip}.max_norm")
        reading.state("clip", {"kind": "global_norm", "value": norm}, f"{clip}.max_norm")
    else:
        reading.doubt("clip", "a norm that is not read here", clip)
    reading.take("accumulate", "optimizer_config.cumulative_iters", 1, "OptimizerHook")
    if not reading.has("fp16"):
        reading.imply("amp", "off", "no fp16 in the configuration", "fp16")
        return
    scale = reading.value("fp16.loss_scale", 512.0)
    first = None if isinstance(scale, str) else scale
    amp = {"dtype": "float16", "level": "O1", "init_loss_scaling": first}
    reading.state("amp", amp, "fp16")


def _length(reading: Reading) -> bool:
    """How long it trains; whether its clock is epochs."""
    for path in ("runner.max_iters", "total_iters"):
        if reading.has(path):
            reading.take("max_steps", path)
            return False
    for path in ("runner.max_epochs", "total_epochs"):
        if reading.has(path):
            reading.take("epochs", path)
            return True
    reading.doubt("epochs", "neither runner nor total_epochs says how long it trains", "runner")
    return True


def _schedule(reading: Reading, epochs: bool) -> None:
    """The curve of `lr_config`, by epochs unless it says otherwise."""
    policy = reading.word("lr_config.policy").lower()
    per_epoch = bool(reading.value("lr_config.by_epoch", True))
    reading.imply("scheduler_step", "per_epoch" if per_epoch else "per_batch", "LrUpdaterHook")
    if policy in ("", "fixed"):
        reading.state("schedule", "constant", "lr_config.policy")
        return
    at = "lr_config.policy"
    if policy == "step" and reading.has("lr_config.min_lr"):
        reading.doubt("schedule", "steps down to a rate that is the least", "lr_config.min_lr")
        return
    if policy == "step":
        many = isinstance(reading.value("lr_config.step"), list)
        reading.state("schedule", "piecewise" if many else "step", at)
        reading.take("milestones" if many else "step_size", "lr_config.step")
        reading.take("gamma", "lr_config.gamma", 0.1, "StepLrUpdaterHook")
        if per_epoch:
            reading.unreached(reading.figure("runner.max_epochs", reading.figure("total_epochs")))
        return
    if policy == "poly":
        reading.state("schedule", "polynomial", at)
        reading.take("power", "lr_config.power", 1.0, "PolyLrUpdaterHook")
        reading.take("end_lr", "lr_config.min_lr", 0.0, "PolyLrUpdaterHook")
    elif policy == "cosineannealing":
        reading.state("schedule", "cosine", at)
        reading.imply("num_cycles", 0.5, "half a wave")
        ratio, rate = reading.figure("lr_config.min_lr_ratio"), reading.figure("optimizer.lr")
        if ratio is not None and rate is not None:
            reading.state("end_lr", ratio * rate, "lr_config.min_lr_ratio", "computed")
        else:
            reading.take("end_lr", "lr_config.min_lr", 0.0, "CosineAnnealingLrUpdaterHook")
    else:
        reading.state("schedule", "custom", at)
        reading.remark("schedule", f"{policy}: read its hook")
        return
    length = "epoch_units" if per_epoch else "epochs" if epochs else "fixed_steps"
    reading.imply("length", length, "LrUpdaterHook")
    reading.remark("length", LAST)


def _warmup(reading: Reading) -> None:
    """A factor that rises to 1 while the curve goes on beneath it."""
    kind = reading.word("lr_config.warmup")
    if not kind or reading.fields["schedule"].value in ("custom", None):
        return
    reading.take("warmup", "lr_config.warmup_iters", 0, "LrUpdaterHook")
    by_epoch = bool(reading.value("lr_config.warmup_by_epoch", False))
    reading.imply("warmup_unit", "epochs" if by_epoch else "steps", "LrUpdaterHook")
    ratio, rate = reading.figure("lr_config.warmup_ratio", 0.1), reading.figure("optimizer.lr")
    falls = reading.fields["schedule"].value in ("polynomial", "cosine")
    if kind == "linear" and not falls and rate is not None:
        reading.state("warmup_start", ratio * rate, "lr_config.warmup_ratio", "computed")
        return
    why = f"a {kind} factor from {ratio} on, by which the curve beneath is multiplied"
    reading.doubt("warmup_start", why, "lr_config.warmup")
    if falls:
        text = "the curve is laid out over the whole run, and falls while the warmup rises"
        place = reading.place("lr_config.warmup")
        reading.warn("sched_warmup_not_subtracted", place, text, "warmup.counted")
