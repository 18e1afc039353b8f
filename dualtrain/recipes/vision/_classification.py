"""Trees of PaddleClas' kind: `Global.epochs`, `Arch`, `Optimizer.lr` and `DataLoader.Train`."""

from __future__ import annotations

from dualtrain.reading import Node
from dualtrain.recipes.vision import _paddle
from dualtrain.recipes.vision._backbones import spare_norms
from dualtrain.recipes.vision._epochs import Curves, schedule
from dualtrain.recipes.vision._reading import Claim, Reading

__all__ = ["CLAIMS", "FLAGS", "read", "recognises"]

CURVES = Curves(
    subtracts=("Cosine", "Linear"),
    unwarmed=("Const", "Constant", "CosineFixmatch"),
    own_steps=True,
    per="per_update",
)

READS = {
    "AdamW": (
        *("name", "scope", "lr", "beta1", "beta2", "epsilon", "weight_decay", "regularizer"),
        *("multi_precision", "clip_norm", "no_weight_decay_name", "one_dim_param_no_weight_decay"),
    ),
    "AdamWDL": (
        *("name", "scope", "lr", "beta1", "beta2", "epsilon", "weight_decay", "regularizer"),
        *("multi_precision", "layerwise_decay", "filter_bias_and_bn"),
    ),
}
"""The classes that take any key -> those that they read."""

SPARING = (
    *("PPLCNet", "PPHGNet", "MobileNetV3", "MobileNetV4", "ESNet", "GhostNet"),
    "EfficientNetV2",
)
"""Models, by how their names begin, whose norms have a regularizer of their own, L2Decay(0.0)."""

RATES = "ppcls/optimizer/learning_rate.py"
FLAGS = dict[str, str]()
CLAIMS = (
    Claim(RATES, r"range\(0, epochs, 30\)", ("milestones", "values"), ("decoy_values",)),
    Claim(RATES, r"epochs - (self\.)?warmup_epoch\) \*", ("length", "horizon", "warmup_counted")),
    Claim("ppcls/engine/engine.py", "update_freq", ("scheduler_step",)),
    Claim("ppcls/utils/ema.py", r"deepcopy\(model\)", ("ema",)),
    Claim("ppcls/loss/celoss.py", r"label_smooth\(.*epsilon", ("label_smoothing",)),
    Claim("ppcls/engine/engine.py", r"use_amp[\"'],\s*True", ("amp",)),
)


def recognises(tree: Node) -> bool:
    """Whether a tree has the shape."""
    optimizer = tree.get("Optimizer")
    return (
        tree.get("Global.epochs") is not None
        and any(tree.get(key) is not None for key in ("DataLoader", "Arch"))
        and optimizer is not None
        and (optimizer.get("name") is not None or _several(optimizer))
    )


def _several(optimizer: Node) -> bool:
    """Whether it is a list of `{class: {scope, ...}}`."""
    items = optimizer.value if isinstance(optimizer.value, list) else []
    return bool(items) and all(
        isinstance(item.value, dict)
        and len(item.value) == 1
        and all(isinstance(keys.value, dict) for keys in item.value.values())
        for item in items
    )


def read(tree: Node) -> Reading:
    """What such a tree says; of several optimizers what all of them agree on."""
    optimizers = tree.value["Optimizer"]
    if not isinstance(optimizers.value, list):
        return _read(tree)
    readings = []
    for item in optimizers.value:
        [(name, keys)] = item.value.items()
        one = Node({**keys.value, "name": Node(name, item.place)}, keys.place)
        readings.append(_read(Node({**tree.value, "Optimizer": one}, tree.place)))
    return _agreed(readings, optimizers)


def _agreed(readings: list[Reading], optimizers: Node) -> Reading:
    """What the optimizers of the model agree on; those of a loss are not the model's."""
    models = [one for one in readings if not str(one.value("Optimizer.scope")).endswith("Loss")]
    first = (models or readings)[0]
    for name in {name for one in models for name in one.fields}:
        found = [one.fields.get(name) for one in models]
        values = [None if one is None else one.value for one in found]
        if any(value != values[0] for value in values):
            first.doubt(name, f"{len(models)} optimizers, each with its own: {values}")
    for one in readings:
        for hazard in one.hazards:
            first.warn(hazard.code, hazard.place, hazard.text, hazard.mends)
    if len(readings) > 1:
        scopes = ", ".join(str(one.value("Optimizer.scope")) for one in readings)
        text = f"{len(readings)} optimizers, one each for {scopes}"
        first.warn("several_optimizers", optimizers.place, text)
    return first


def _read(tree: Node) -> Reading:
    reading = Reading(tree, "PaddleClas", "becomes a number by literal_eval")
    epochs = reading.take("epochs", "Global.epochs")
    name = reading.word("Optimizer.name")
    _paddle.optimizer(reading, "Optimizer", "name", name)
    if name == "Momentum":
        reading.need("momentum", "Optimizer.momentum")
    _decay(reading, name)
    model = reading.word("Arch.Backbone.name") or reading.word("Arch.name")
    if model.startswith(SPARING) and name not in ("AdamW", "AdamWDL") and reading.decays():
        spare_norms(reading, model)
    _clip(reading, name)
    schedule(reading, "Optimizer.lr", epochs or 0, CURVES)
    _amp(reading)
    reading.take("accumulate", "Global.update_freq", 1, "update_freq")
    reading.take("seed", "Global.seed")
    sampler = "DataLoader.Train.sampler"
    key = "batch_size" if reading.has(f"{sampler}.batch_size") else "first_bs"
    reading.need("batch_size", f"{sampler}.{key}")
    _smoothing(reading)
    if reading.tree.get("EMA") is not None:
        decay = reading.figure("EMA.decay", 0.9999)
        words = {"decay": decay, "start": "initial", "statistics": True}
        reading.state("ema", words, "EMA", "computed")
    return reading


def _smoothing(reading: Reading) -> None:
    """Of the losses that are trained on; of other classes than CELoss none is known."""
    at = "Loss.Train"
    losses = [(f"{path}.{name}", name) for path, one in reading.items(at) for name in one.value]
    amounts = {path: reading.value(f"{path}.epsilon") for path, name in losses}
    if not any(amounts.values()):
        return
    path = next(path for path, amount in amounts.items() if amount)
    amount = amounts[path]
    if len(losses) > 1 or not path.endswith(".CELoss"):
        names = ", ".join(name for _, name in losses)
        reading.doubt("label_smoothing", f"of {names}, with epsilon {amount}", path)
    elif isinstance(amount, int | float) and 0 < amount < 1:
        reading.state("label_smoothing", amount, f"{path}.epsilon", "computed")


def _decay(reading: Reading, name: str) -> None:
    at = "Optimizer"
    kind = reading.word(f"{at}.regularizer.name")
    if not kind:
        reading.take("weight_decay", f"{at}.weight_decay")
    else:
        reading.take("weight_decay", f"{at}.regularizer.coeff", 0.0, "the regularizer")
        if reading.has(f"{at}.weight_decay"):
            text = "weight_decay is ignored beside a regularizer"
            reading.warn("dead_flag", reading.place(f"{at}.weight_decay"), text)
        if kind != "L2":
            reading.doubt("weight_decay", f"a regularizer {kind}", f"{at}.regularizer.name")
    if name == "Adam" and not kind and reading.has(f"{at}.weight_decay"):
        text = "weight_decay of Adam is added to the gradients, not taken off the parameters"
        reading.warn("coupled_decay", reading.place(f"{at}.weight_decay"), text, "optimizer")
    if name == "AdamWDL":
        why = "one-dimensional parameters, names ending in .bias, and those that the model lists"
        reading.doubt("decay_exclude", why, f"{at}.name")
        rate = reading.figure(f"{at}.layerwise_decay")
        if rate is not None and rate < 1:
            reading.state("param_groups", [{"layer_decay": rate}], f"{at}.layerwise_decay")
            place = reading.place(f"{at}.layerwise_decay")
            reading.warn("param_groups", place, "a rate for each layer")
        return
    flat = f"{at}.one_dim_param_no_weight_decay"
    if name == "Momentum" and reading.value(flat) and not reading.has(f"{at}.no_weight_decay_name"):
        text = f"{name} reads it only beside no_weight_decay_name"
        reading.warn("decay_filter_dropped", reading.place(flat), text, "weight_decay")
    elif name in ("Momentum", "RMSProp", "AdamW"):
        _paddle.spared(reading, at)


def _clip(reading: Reading, name: str) -> None:
    at = "Optimizer"
    if reading.has(f"{at}.clip_norm") and name != "AdamWDL":
        _paddle.clip(reading, "ClipGradByNorm", f"{at}.clip_norm")
    else:
        _paddle.no_clip(reading)
    for key in ("clip_grad", "clip_norm"):
        asked = reading.value(f"{at}.{key}")
        if name in READS and key not in READS[name] and asked not in (None, "None"):
            text = f"{name} takes {key}: {asked} and never reads it"
            reading.warn("clip_not_attached", reading.place(f"{at}.{key}"), text, "clip")
    if name in READS:
        reading.dead(at, (*READS[name], "clip_grad", "clip_norm"), name)


def _amp(reading: Reading) -> None:
    if not reading.has("AMP"):
        reading.imply("amp", "off", "there is no AMP")
        return
    amp = {
        "dtype": "float16",
        "level": reading.value("AMP.level", "O1"),
        "init_loss_scaling": reading.value("AMP.scale_loss", 1.0),
    }
    pure = reading.value("AMP.use_pure_fp16")
    if reading.value("AMP.use_amp", True) is not True:
        reading.state("amp", "off", "AMP.use_amp")
        reading.state("amp_if_enabled", amp, "AMP", "configuration")
    elif pure and not reading.has("AMP.level"):
        why = "use_pure_fp16 was level O2 in older releases and is not read since"
        reading.doubt("amp", why, "AMP.use_pure_fp16", amp)
    else:
        how = "configuration" if reading.has("AMP.use_amp") else "computed"
        reading.state("amp", amp, "AMP", how)
