"""Trees of PaddleOCR's kind: `Global.epoch_num`, `Optimizer.lr` and `Train.loader`."""

from __future__ import annotations

from dualtrain.reading import Node
from dualtrain.recipes._record import Found
from dualtrain.recipes.vision import _paddle
from dualtrain.recipes.vision._backbones import spare_norms
from dualtrain.recipes.vision._epochs import Curves, schedule
from dualtrain.recipes.vision._reading import Claim, Reading, named

__all__ = ["CLAIMS", "FLAGS", "read", "recognises"]

CURVES = Curves(
    subtracts=(),
    unwarmed=("DecayLearningRate",),
    own_steps=False,
    unread=("eta_min", "warmup_start_lr", "by_epoch", "cycle"),
)

TAKEN = ("name", "lr", "regularizer", "weight_decay", "clip_norm", "clip_norm_global")
ADAM = ("beta1", "beta2", "epsilon", "lazy_mode")
READS = {
    "Momentum": ("momentum",),
    "Adam": (*ADAM, "parameter_list", "group_lr", "training_step"),
    "RMSProp": ("momentum", "rho", "epsilon"),
    "Adadelta": ("epsilon", "rho", "parameter_list"),
    "AdamW": (*ADAM, "multi_precision", "no_weight_decay_name", "one_dim_param_no_weight_decay"),
}
"""Each class takes any key -> those that it reads, beside what is taken before it is built."""

SPARING = ("PPLCNet", "PPHGNet", "MobileNetV1Enhance")
"""Backbones, by how their names begin, whose norms have L2Decay(0.0) of their own."""

LATE = ("sched_warmup_not_subtracted",)
FLAGS = dict[str, str]()
CLAIMS = (
    Claim(
        "ppocr/optimizer/learning_rate.py", r"T_max = step_each_epoch \* epochs", ("length",), LATE
    ),
    Claim("tools/train.py", r"[\"']amp_level[\"'], [\"']O2", ("amp_if_enabled",)),
    Claim("tools/train.py", "else 1024", ("seed",)),
)


def recognises(tree: Node) -> bool:
    """Whether a tree has the shape."""
    keys = ("Global.epoch_num", "Optimizer.lr", "Optimizer.name")
    return all(tree.get(key) is not None for key in keys)


def read(tree: Node) -> Reading:
    """What such a tree says."""
    at = "Optimizer"
    reading = Reading(tree, "PaddleOCR", casts=(f"{at}.regularizer.factor",))
    epochs = reading.take("epochs", "Global.epoch_num")
    name = reading.word(f"{at}.name")
    _paddle.optimizer(reading, at, "name", name)
    if name == "Adadelta" and not reading.has(f"{at}.epsilon"):
        reading.imply("eps", 1e-8, "default of PaddleOCR's Adadelta")
    if name == "Momentum":
        reading.need("momentum", "Optimizer.momentum")
    _decay(reading, name)
    _own_decays(reading, name)
    if reading.has(f"{at}.clip_norm"):
        _paddle.clip(reading, "ClipGradByNorm", f"{at}.clip_norm")
    elif reading.has(f"{at}.clip_norm_global"):
        _paddle.clip(reading, "ClipGradByGlobalNorm", f"{at}.clip_norm_global")
    else:
        _paddle.no_known_clip(reading)
    if name in READS:
        reading.dead(at, (*TAKEN, *READS[name]), name)
    if reading.value(f"{at}.group_lr"):
        text = "a tenth of the rate for all but the visual reasoning part (VisionLAN, step LF_2)"
        reading.state("param_groups", [{"lr_mult": 0.1}], f"{at}.group_lr")
        reading.warn("param_groups", reading.place(f"{at}.group_lr"), text)
    schedule(reading, f"{at}.lr", epochs or 0, CURVES)
    _amp(reading)
    reading.imply("accumulate", 1, "the loop of PaddleOCR")
    reading.take("seed", "Global.seed", 1024, "tools/train.py")
    _batch(reading)
    return reading


def _decay(reading: Reading, name: str) -> None:
    at = "Optimizer"
    kind = reading.word(f"{at}.regularizer.name")
    if kind:
        reading.take("weight_decay", f"{at}.regularizer.factor", 0.0, "the regularizer")
        if kind.removesuffix("Decay") != "L2":
            reading.doubt("weight_decay", f"a regularizer {kind}", f"{at}.regularizer.name")
        if reading.has(f"{at}.weight_decay"):
            text = "weight_decay is passed on beside the regularizer, and the call is refused"
            reading.warn("fails_with_defaults", reading.place(f"{at}.weight_decay"), text)
    else:
        default = 0.01 if name == "AdamW" else None
        reading.take("weight_decay", f"{at}.weight_decay", default, name)
        if name == "AdamW" and not reading.has(f"{at}.weight_decay"):
            reading.warn(
                "framework_default_decay", None, "AdamW without weight_decay decays by 0.01"
            )
        if name == "Adam" and reading.has(f"{at}.weight_decay"):
            text = "weight_decay of Adam is added to the gradients, not taken off the parameters"
            reading.warn("coupled_decay", reading.place(f"{at}.weight_decay"), text, "optimizer")
    if name == "AdamW":
        _paddle.spared(reading, at)


def _own_decays(reading: Reading, name: str) -> None:
    """What parts of the model decay by, whatever the optimizer says."""
    model = reading.word("Architecture.Backbone.name")
    if model.startswith(SPARING) and name != "AdamW" and reading.decays():
        spare_norms(reading, model)
    decay = reading.fields.get("weight_decay", Found())
    for path, item in named(reading.tree, "^fc_decay$"):
        if item.value == decay.value:
            continue
        text = f"{path}: the layer decays by {item.plain()}, and not by the optimizer's decay"
        reading.warn("decay_in_model_code", item.place, text, "weight_decay")


def _amp(reading: Reading) -> None:
    at = "Global"
    amp = {
        "dtype": reading.value(f"{at}.amp_dtype", "float16"),
        "level": reading.value(f"{at}.amp_level", "O2"),
        "init_loss_scaling": reading.value(f"{at}.scale_loss", 1.0),
    }
    if reading.value(f"{at}.use_amp"):
        reading.state("amp", amp, f"{at}.use_amp")
        return
    if reading.has(f"{at}.use_amp"):
        reading.state("amp", "off", f"{at}.use_amp")
    else:
        reading.imply("amp", "off", "default of tools/train.py", f"{at}.use_amp")
    reading.imply("amp_if_enabled", amp, "defaults of tools/train.py", f"{at}.use_amp")


def _batch(reading: Reading) -> None:
    loader, sampler = "Train.loader.batch_size_per_card", "Train.sampler.first_bs"
    batch = reading.need("batch_size", loader)
    first = reading.figure(sampler)
    if first is not None and first != batch:
        reading.take("batch_size", sampler)
        text = f"batch_size_per_card: {batch} is not used, the sampler's first_bs: {first} is"
        reading.warn("decoy_values", reading.place(loader), text)
