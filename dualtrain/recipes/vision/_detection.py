"""Trees of PaddleDetection's kind: `LearningRate`, `OptimizerBuilder` and `epoch`."""

from __future__ import annotations

from dualtrain.reading import Node
from dualtrain.recipes.vision import _paddle
from dualtrain.recipes.vision._backbones import freeze
from dualtrain.recipes.vision._reading import Claim, Reading

__all__ = ["CLAIMS", "FLAGS", "read", "recognises"]

OPT = "OptimizerBuilder.optimizer"
CURVES = {"CosineDecay": "cosine", "PiecewiseDecay": "piecewise"}

RATES, TRAINER = "ppdet/optimizer/optimizer.py", "ppdet/engine/trainer.py"
LONG = ("sched_longer_than_training",)
FLAGS = {"amp": "amp"}
CLAIMS = (
    Claim(RATES, r"gamma / 10\s*\*\*\s*i", ("values",)),
    Claim(RATES, r"self\.max_epochs \* int\(step_per_epoch\)", ("length",), LONG),
    Claim(TRAINER, r"init_loss_scaling=.*1024", ("amp_if_enabled",)),
    Claim(TRAINER, r"self\.lr\.step\(\)", ("scheduler_step",)),
    Claim("ppdet/optimizer/ema.py", r"/ \(1 - self\._decay\s*\*\*\s*self\.step\)", ("ema",)),
)


def recognises(tree: Node) -> bool:
    """Whether a tree has the shape."""
    return tree.get("LearningRate") is not None and tree.get("OptimizerBuilder") is not None


def read(tree: Node) -> Reading:
    """What such a tree says."""
    reading = Reading(tree, "PaddleDetection")
    epochs = reading.take("epochs", "epoch")
    rate = reading.take("lr", "LearningRate.base_lr", 0.01, "LearningRate")
    _schedule(reading, rate, epochs)
    _optimizer(reading)
    _amp(reading)
    if reading.value("use_ema"):
        _ema(reading)
    if reading.has("SemiTrainReader"):
        reading.take("batch_size", "SemiTrainReader.sup_batch_size", 1, "SemiTrainReader")
        unlabelled = reading.value("SemiTrainReader.unsup_batch_size", 1)
        reading.remark("batch_size", f"and {unlabelled} without labels beside them")
    else:
        reading.take("batch_size", "TrainReader.batch_size", 1, "TrainReader")
    reading.imply("accumulate", 1, "the loop of PaddleDetection")
    reading.imply("scheduler_step", "per_batch", "the loop of PaddleDetection")
    return reading


def _schedule(reading: Reading, rate: float | None, epochs: int | None) -> None:
    at = "LearningRate.schedulers"
    named = [(path, _name(reading, path, item)) for path, item in reading.items(at)]
    tags = [item for _, item in reading.items(at) if item.tag]
    if tags:
        names = ", ".join(f"!{item.tag}" for item in tags)
        reading.warn("yaml_tags", tags[0].place, f"{names}: tags name the classes")
    if not named and not reading.has(at):
        named = [(f"{at}.0", "PiecewiseDecay"), (f"{at}.1", "LinearWarmup")]
    if not named:
        reading.doubt("schedule", "schedulers is empty", at)
        return
    curve, name = named[0]
    kind = CURVES.get(name)
    if kind is None:
        reading.doubt("schedule", f"{name}: the first of schedulers must be a decay", curve)
        return
    reading.state("schedule", kind, curve)
    reading.imply("length", "epochs", f"classes of {reading.code}")
    if kind == "cosine":
        _cosine(reading, curve, rate, epochs)
    else:
        _piecewise(reading, curve, rate)
        reading.unreached(epochs)
    if not reading.value(f"{curve}.use_warmup", True):
        for path, other in named[1:]:
            text = f"{other}: use_warmup of {name} is off, and it is never built into the rates"
            reading.warn("dead_flag", reading.place(path), text)
    elif len(named) > 1:
        _warmup(reading, *named[1], rate)
    else:
        text = f"{name} wants a warmup after it (use_warmup is on), and there is none"
        reading.warn("fails_with_defaults", reading.place(curve), text)


def _name(reading: Reading, path: str, item: Node) -> str:
    return item.tag or reading.word(f"{path}.name")


def _cosine(reading: Reading, at: str, rate: float | None, epochs: int | None) -> None:
    longest = reading.figure(f"{at}.max_epochs", 1000)
    reading.imply("num_cycles", 0.5, "half a wave")
    least = reading.figure(f"{at}.min_lr_ratio")
    if least is None:
        reading.imply("end_lr", 0.0, "default of CosineDecay")
    elif rate is not None:
        reading.state("end_lr", rate * least, f"{at}.min_lr_ratio", "computed")
    reading.remark("length", f"{longest} epochs, of which the warmup is the first part")
    flat = reading.figure(f"{at}.last_plateau_epochs", 0)
    if flat:
        reading.remark("length", f"the last {flat} of them at the end rate")
    if epochs is not None and longest > epochs:
        reading.state("horizon", longest, f"{at}.max_epochs")
        text = f"the cosine is laid out over {longest} epochs and training ends after {epochs}"
        place = reading.place(f"{at}.max_epochs")
        reading.warn("sched_longer_than_training", place, text, "duration")


def _piecewise(reading: Reading, at: str, rate: float | None) -> None:
    milestones = reading.take("milestones", f"{at}.milestones", [8, 11], "PiecewiseDecay")
    if reading.has(f"{at}.values"):
        reading.take("values", f"{at}.values")
        return
    gamma = reading.take("gamma", f"{at}.gamma", [0.1, 0.01], "PiecewiseDecay")
    if gamma is None or rate is None or not isinstance(milestones, list):
        return
    if isinstance(gamma, list):
        factors = gamma
    else:
        factors = [gamma / 10**passed for passed in range(len(milestones))]
        reading.remark("gamma", "the i-th milestone has gamma / 10**i of the base rate")
    values = [rate, *(rate * factor for factor in factors)]
    reading.imply("values", values, "base_lr times each factor")


def _warmup(reading: Reading, at: str, name: str, rate: float | None) -> None:
    reading.imply(
        "warmup_counted", "inside", "PaddleDetection's rates, the warmup the first of them"
    )
    steps = {"LinearWarmup": 500, "ExpWarmup": 1000}.get(name)
    if steps is None:
        reading.doubt("warmup", f"{name} is no warmup of PaddleDetection", at)
        return
    if reading.has(f"{at}.epochs") and reading.value(f"{at}.epochs_first", True):
        reading.take("warmup", f"{at}.epochs")
        reading.state("warmup_unit", "epochs", f"{at}.epochs")
        if reading.has(f"{at}.steps"):
            place = reading.place(f"{at}.steps")
            reading.warn("decoy_values", place, f"{name} takes epochs before steps")
    else:
        reading.take("warmup", f"{at}.steps", steps, name)
        reading.state("warmup_unit", "steps", f"{at}.steps" if reading.has(f"{at}.steps") else at)
    if name == "ExpWarmup":
        power = reading.value(f"{at}.power", 2)
        reading.remark("warmup", f"not linear: the rate rises as (t / warmup)**{power}")
        reading.imply("warmup_start", 0.0, name)
    elif rate is not None:
        start = reading.figure(f"{at}.start_factor", 1 / 3)
        reading.state("warmup_start", rate * start, f"{at}.start_factor", "computed")


def _optimizer(reading: Reading) -> None:
    name = reading.word(f"{OPT}.type", "Momentum")
    _paddle.optimizer(reading, OPT, "type", name)
    if name == "AdamWDL":
        _layerwise(reading)
    elif name == "AdamW":
        reading.take("weight_decay", f"{OPT}.weight_decay", 0.01, name)
        if not reading.has(f"{OPT}.weight_decay"):
            reading.warn(
                "framework_default_decay", None, "AdamW without weight_decay decays by 0.01"
            )
    else:
        _regularizer(reading)
    if reading.has("OptimizerBuilder.clip_grad_by_norm"):
        _paddle.clip(reading, "ClipGradByGlobalNorm", "OptimizerBuilder.clip_grad_by_norm")
    elif reading.has("OptimizerBuilder.clip_grad_by_value"):
        _paddle.clip(reading, "ClipGradByValue", "OptimizerBuilder.clip_grad_by_value")
    else:
        _paddle.no_clip(reading)
    if name == "AdamWDL" and reading.fields["clip"].value != "none":
        text = "a clip is built and not handed to AdamWDL"
        reading.warn("clip_not_attached", reading.fields["clip"].place, text, "clip")
        _paddle.no_clip(reading)
    _groups(reading)
    replaced = name not in ("AdamW", "AdamWDL") and not reading.value("reset_norm_param_attr")
    freeze(reading, decays=replaced and reading.decays())


def _regularizer(reading: Reading) -> None:
    at = "OptimizerBuilder.regularizer"
    if reading.tree.get(at) is None:
        reading.imply("weight_decay", 0.0001, "default of OptimizerBuilder", at)
    elif reading.value(at) not in (None, False, "None"):
        reading.take("weight_decay", f"{at}.factor")
        kind = reading.value(f"{at}.type")
        if kind != "L2":
            reading.doubt("weight_decay", f"a regularizer {kind}", f"{at}.type")


def _layerwise(reading: Reading) -> None:
    reading.take("weight_decay", f"{OPT}.weight_decay", 0.05, "AdamWDL")
    if reading.has(f"{OPT}.betas"):
        reading.take("betas", f"{OPT}.betas")
    rate = reading.value(f"{OPT}.layer_decay", 0.65)
    reading.state("param_groups", [{"layer_decay": rate}], f"{OPT}.type")
    reading.warn("param_groups", reading.place(f"{OPT}.type"), "a rate for each layer")
    reading.take_words("decay_exclude", f"{OPT}.skip_decay_names")
    reading.state("decay_match", "substring_or_ndim1", f"{OPT}.type")


def _groups(reading: Reading) -> None:
    at = f"{OPT}.param_groups"
    spared, groups = [], []
    for _, item in reading.items(at):
        group = item.plain()
        names = group.pop("params", None) if isinstance(group, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            reading.doubt("param_groups", "a group without a list of params", at)
            return
        if group.get("weight_decay") == 0:
            spared += names
            del group["weight_decay"]
        if group:
            groups.append({"params": names, **group})
            text = f"{', '.join(names)}: {group} of their own"
            reading.warn("param_groups", item.place, text)
    if groups:
        reading.state("param_groups", groups, at)
    if spared:
        reading.state("decay_exclude", spared, at)
        reading.state("decay_match", "regex", at)


def _ema(reading: Reading) -> None:
    """Averages from 0, divided by what they lack."""
    kind = reading.word("ema_decay_type", "threshold")
    words = {"decay": reading.figure("ema_decay", 0.9998), "start": "debiased", "statistics": True}
    if kind == "threshold":
        words["warmup"] = True
    own = [key for key in ("cycle_epoch", "ema_black_list") if reading.value(key) not in (None, -1)]
    if kind == "exponential" or own or reading.value("use_exponential"):
        what = " and ".join([f"ema_decay_type {kind}", *own])
        reading.doubt("ema", f"averages of the weights with {what}: no word says it", "use_ema")
        return
    reading.state("ema", words, "use_ema", "computed")
    if kind == "threshold":
        why = "they are divided by 1 - d^k of the latest d, here by 1 minus the product of all d"
        reading.remark("ema", why)


def _amp(reading: Reading) -> None:
    amp = {
        "dtype": "float16",
        "level": reading.value("amp_level", "O1"),
        "init_loss_scaling": float(reading.figure("init_loss_scaling", 1024)),
    }
    if reading.value("amp"):
        reading.state("amp", amp, "amp")
        return
    reading.imply("amp", "off", "default of --amp", "--amp")
    reading.imply("amp_if_enabled", amp, "defaults of the trainer", "--amp")
