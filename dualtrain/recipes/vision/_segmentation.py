"""Trees of PaddleSeg's kind: `optimizer`, `lr_scheduler` and `iters`."""

from __future__ import annotations

from dualtrain.reading import Node
from dualtrain.recipes.vision import _paddle
from dualtrain.recipes.vision._reading import Claim, Reading

__all__ = ["CLAIMS", "FLAGS", "read", "recognises"]

WORDS = {"adam": "Adam", "sgd": "SGD"}
OLD_DECAYS = {"poly": "PolynomialDecay", "piecewise": "PiecewiseDecay", "stepdecay": "StepDecay"}

TRAIN, BUILDER = "paddleseg/core/train.py", "paddleseg/cvlibs/builder.py"
FLAGS = {
    "learning_rate": "lr_scheduler.learning_rate",
    **{name: name for name in ("iters", "batch_size")},
    **{name: f"--{name}" for name in ("precision", "amp_level", "seed")},
}
CLAIMS = (
    Claim(TRAIN, r"init_loss_scaling\s*=\s*1024", ("amp", "amp_if_enabled")),
    Claim(TRAIN, r"lr_sche(duler)?\.step\(\)", ("scheduler_step",)),
    Claim(BUILDER, "iters - warmup_iters", ("length", "horizon")),
    Claim(BUILDER, "= 'Momentum'", ("optimizer",)),
)


def recognises(tree: Node) -> bool:
    """Whether a tree has the shape."""
    keys = ("lr_scheduler.type", "learning_rate.value")
    return (
        tree.get("optimizer.type") is not None
        and tree.get("iters") is not None
        and any(tree.get(key) is not None for key in keys)
    )


def read(tree: Node) -> Reading:
    """What such a tree says."""
    reading = Reading(tree, "PaddleSeg")
    _optimizer(reading)
    if reading.has("lr_scheduler.type"):
        _schedule(reading)
    else:
        _old_schedule(reading)
    reading.take("max_steps", "iters")
    reading.need("batch_size", "batch_size")
    reading.imply("accumulate", 1, "the loop of PaddleSeg")
    reading.imply("scheduler_step", "per_batch", "the loop of PaddleSeg")
    reading.take("seed", "--seed")
    level = reading.word("--amp_level", "O1")
    amp = {"dtype": "float16", "level": level, "init_loss_scaling": 1024.0}
    if reading.word("--precision") == "fp16":
        reading.state("amp", amp, "--precision", "computed")
    else:
        reading.imply("amp", "off", "default of --precision", "--precision")
        reading.imply("amp_if_enabled", amp, "the loop of PaddleSeg", "--precision fp16")
    return reading


def _optimizer(reading: Reading) -> None:
    at = "optimizer"
    name = reading.word("optimizer.type")
    momentum = reading.has("optimizer.momentum")
    if name == "sgd" and not momentum:
        why = "sgd without a momentum was Momentum(0.9) in older releases and is plain SGD since"
        reading.doubt("optimizer", why, "optimizer.type")
    else:
        name = WORDS.get(name, name)
        if name == "SGD" and momentum:
            name = "Momentum"
        kind = _paddle.optimizer(reading, at, "type", name.removesuffix("_CAE"))
        if name == "Momentum" and name != reading.value("optimizer.type"):
            reading.state("optimizer", kind, "optimizer.type", "computed")
    adamw = name in ("AdamW", "AdamWDL", "AdamWDL_CAE")
    reading.take("weight_decay", f"{at}.weight_decay", 0.01 if adamw else None, name)
    decay = reading.tree.get(f"{at}.weight_decay")
    if decay is not None and decay.value is not None and not isinstance(decay.value, float):
        reading.warn(
            "fails_with_defaults",
            decay.place,
            f"weight_decay must be a float; received {decay.value!r}, and the optimizer refuses it",
        )
    if adamw and not reading.has(f"{at}.weight_decay"):
        reading.warn("framework_default_decay", None, f"{name} without weight_decay decays by 0.01")
    if name in ("AdamWDL", "AdamWDL_CAE"):
        rate = reading.value(f"{at}.layerwise_decay", 0.65)
        reading.state("param_groups", [{"layer_decay": rate}], f"{at}.type")
        reading.warn("param_groups", reading.place(f"{at}.type"), f"{name}: a rate for each layer")
    if name == "AdamWDL_CAE":
        why = "one-dimensional parameters, names ending in .bias, and those that the backbone lists"
        reading.doubt("decay_exclude", why, f"{at}.type")
    _groups(reading)
    _clip(reading)


def _groups(reading: Reading) -> None:
    groups, spared = [], []
    for path, item in reading.items("optimizer.custom_cfg"):
        name = reading.word(f"{path}.name")
        group = {"params": name, "lr_mult": reading.value(f"{path}.lr_mult", 1.0)}
        decay = reading.value(f"{path}.weight_decay_mult")
        if decay == 0:
            spared.append(name)
        elif decay is not None:
            group["weight_decay_mult"] = decay
        if group["lr_mult"] != 1 or len(group) > 2:
            groups.append(group)
            reading.warn("param_groups", item.place, f"{name}: numbers of its own")
    if groups:
        reading.state("param_groups", groups, "optimizer.custom_cfg")
    if spared:
        reading.state("decay_exclude", spared, "optimizer.custom_cfg")
        reading.state("decay_match", "substring", "optimizer.custom_cfg")


def _clip(reading: Reading) -> None:
    for at, key in (("optimizer.grad_clip_cfg", "name"), ("optimizer.grad_clip", "type")):
        name = reading.word(f"{at}.{key}")
        if name in _paddle.CLIPS:
            _paddle.clip(reading, name, f"{at}.{_paddle.CLIPS[name][1]}")
            return
    _paddle.no_known_clip(reading)


def _schedule(reading: Reading) -> None:
    at = "lr_scheduler"
    name = reading.word(f"{at}.type")
    reading.need("lr", f"{at}.learning_rate")
    _paddle.curve(reading, at, name)
    warmup = 0
    if reading.has(f"{at}.warmup_iters"):
        warmup = reading.take("warmup", f"{at}.warmup_iters") or 0
        reading.state("warmup_unit", "steps", f"{at}.warmup_iters")
        reading.need("warmup_start", f"{at}.warmup_start_lr")
    if warmup:
        reading.imply("warmup_counted", "before", "LinearWarmup around the schedule")
    _length(
        reading,
        name,
        f"{at}.{'T_max' if name == 'CosineAnnealingDecay' else 'decay_steps'}",
        warmup,
    )


def _length(reading: Reading, name: str, key: str, warmup: int) -> None:
    iters, given = reading.figure("iters"), reading.figure(key)
    if iters is None:
        return
    if name == "PolynomialDecay" and given is None:
        reading.state("length", "fixed_steps", "iters", "computed")
        reading.state("horizon", max(iters - warmup, 1), "iters", "computed")
        reading.remark(
            "length", f"iters - warmup_iters = {max(iters - warmup, 1)}, after the warmup"
        )
        return
    if name in ("PolynomialDecay", "CosineAnnealingDecay"):
        reading.state("length", "fixed_steps", key)
        reading.state("horizon", given, key)
        reading.remark("length", f"{given}, after the warmup" if warmup else f"{given}")
        if given is not None and warmup + given > iters:
            text = f"the schedule ends at update {warmup + given}, and training at {iters}"
            reading.warn("sched_longer_than_training", reading.place(key), text, "duration")
    if warmup:
        text = f"the warmup of {warmup} updates wraps {name} and delays all of it by as many"
        place = reading.place("lr_scheduler.warmup_iters")
        reading.warn("sched_warmup_not_subtracted", place, text, "schedule")


def _old_schedule(reading: Reading) -> None:
    """`learning_rate: {value, decay}`, of releases before `lr_scheduler`."""
    at = "learning_rate.decay"
    word = reading.word(f"{at}.type", "poly")
    name = OLD_DECAYS.get(word)
    if name is None:
        reading.doubt("schedule", f"no decay of PaddleSeg's old form: {word}", f"{at}.type")
        return
    _paddle.curve(reading, at, name)
    if not reading.has(at):
        reading.imply("power", 0.9, "default of PaddleSeg's old form")
    if name == "PiecewiseDecay":
        rates = reading.take("values", "learning_rate.value")
        if rates:
            reading.state("lr", rates[0], "learning_rate.value", "computed")
    else:
        reading.take("lr", "learning_rate.value")
    _length(reading, name, f"{at}.decay_steps", 0)
