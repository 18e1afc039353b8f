"""Trees of PaddleVideo's kind: `MODEL`, `DATASET`, `OPTIMIZER.learning_rate` and `epochs`."""

from __future__ import annotations

from dualtrain.reading import Node
from dualtrain.recipes.vision import _paddle
from dualtrain.recipes.vision._reading import Claim, Reading

__all__ = ["CLAIMS", "FLAGS", "read", "recognises"]

OPT = "OPTIMIZER"
RATE = f"{OPT}.learning_rate"
OWN_BASES = ("cosine_base_lr", "step_base_lr", "base_lr")
"""What the repository's own classes call the base rate."""

TRAIN = "paddlevideo/tasks/train.py"
FLAGS = {name: f"--{name}" for name in ("amp", "amp_level", "seed")}
CLAIMS = (
    Claim(TRAIN, r"iter_step", ("scheduler_step", "length")),
    Claim(TRAIN, r"init_loss_scaling\s*=\s*2\.0\s*\*\*\s*16", ("amp_if_enabled",)),
    Claim("main.py", r"default=1234", ("seed",)),
)


def recognises(tree: Node) -> bool:
    """Whether a tree has the shape."""
    keys = (f"{RATE}.name", f"{OPT}.name", "epochs", "MODEL")
    return all(tree.get(key) is not None for key in keys)


def read(tree: Node) -> Reading:
    """What such a tree says."""
    reading = Reading(tree, "PaddleVideo", "becomes a number by literal_eval")
    reading.take("epochs", "epochs")
    name = reading.word(f"{OPT}.name")
    _paddle.optimizer(reading, OPT, "name", name)
    _decay(reading, name)
    _schedule(reading)
    if reading.has(f"{OPT}.grad_clip.value"):
        _paddle.clip(reading, "ClipGradByGlobalNorm", f"{OPT}.grad_clip.value")
    else:
        _paddle.no_known_clip(reading)
    reading.take("batch_size", "DATASET.batch_size", 8, "DATASET")
    if reading.has("GRADIENT_ACCUMULATION"):
        why = "global_batch_size // (batch_size * the number of processes)"
        reading.doubt("accumulate", why, "GRADIENT_ACCUMULATION.global_batch_size")
    else:
        reading.imply("accumulate", 1, "the loop of PaddleVideo")
    level = reading.word("--amp_level", "O1")
    amp = {"dtype": "float16", "level": level, "init_loss_scaling": 65536.0}
    if reading.value("--amp"):
        reading.state("amp", amp, "--amp", "computed")
    else:
        reading.imply("amp", "off", "default of --amp", "--amp")
        reading.imply("amp_if_enabled", amp, "the loop of PaddleVideo", "--amp")
    reading.take("seed", "--seed", 1234, "--seed")
    return reading


def _decay(reading: Reading, name: str) -> None:
    at = f"{OPT}.weight_decay"
    kind = reading.word(f"{at}.name").upper()
    if kind:
        reading.take("weight_decay", f"{at}.value")
        if "L2" not in kind:
            reading.doubt("weight_decay", f"a regularizer {kind}", f"{at}.name")
    else:
        reading.take("weight_decay", at, 0.01 if name == "AdamW" else None, name)
        if name == "AdamW" and not reading.has(at):
            reading.warn("framework_default_decay", None, f"{name} without weight_decay decays")
    if name == "AdamW":
        _paddle.spared(reading, OPT)


def _schedule(reading: Reading) -> None:
    name = reading.word(f"{RATE}.name")
    by_update = bool(reading.value(f"{RATE}.iter_step"))
    step = "per_batch" if by_update else "per_epoch"
    reading.imply("scheduler_step", step, "the loop of PaddleVideo")
    reading.need("lr", f"{RATE}.learning_rate")
    if name == "CustomWarmupCosineDecay":
        _cosine(reading)
        return
    if name.startswith("CustomWarmup"):
        reading.state("schedule", "custom", f"{RATE}.name")
        reading.remark("schedule", f"{name}: read its class")
        for key in OWN_BASES:
            if reading.has(f"{RATE}.{key}"):
                reading.take("lr", f"{RATE}.{key}")
        for key in ("warmup_epochs", "warmup_iters"):
            if reading.has(f"{RATE}.{key}"):
                reading.take("warmup", f"{RATE}.{key}")
                reading.state("warmup_unit", "epochs", f"{RATE}.{key}")
        return
    _paddle.curve(reading, RATE, name.removeprefix("Custom"))
    if not by_update:
        reading.imply("length", "epoch_units", "the loop of PaddleVideo")
        reading.unreached(reading.figure("epochs"))
    elif name == "CosineAnnealingDecay":
        reading.state("length", "fixed_steps", f"{RATE}.T_max")


def _cosine(reading: Reading) -> None:
    """A cosine in epochs whose clock runs through the warmup, which ends where the cosine is."""
    reading.state("schedule", "cosine", f"{RATE}.name")
    reading.imply("num_cycles", 0.5, "half a wave")
    reading.imply("end_lr", 0.0, "CustomWarmupCosineDecay")
    reading.take("lr", f"{RATE}.cosine_base_lr")
    reading.take("warmup", f"{RATE}.warmup_epochs")
    reading.state("warmup_unit", "epochs", f"{RATE}.warmup_epochs")
    reading.take("warmup_start", f"{RATE}.warmup_start_lr")
    reading.state("length", "epochs", f"{RATE}.max_epoch", "computed")
    longest, epochs = reading.figure(f"{RATE}.max_epoch"), reading.figure("epochs")
    reading.remark("length", f"{longest} epochs, the warmup the first of them")
    if longest is not None and epochs is not None and longest > epochs:
        text = f"the cosine is laid out over {longest} epochs and training ends after {epochs}"
        place = reading.place(f"{RATE}.max_epoch")
        reading.warn("sched_longer_than_training", place, text, "duration")
