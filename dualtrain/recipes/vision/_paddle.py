"""What Paddle's own classes make of the numbers that a configuration gives them."""

from __future__ import annotations

from dualtrain.recipes.vision._reading import Reading, named

__all__ = ["CLIPS", "clip", "curve", "no_clip", "no_known_clip", "optimizer", "spared"]

OPTIMIZERS = {
    "SGD": "sgd",
    "Momentum": "momentum",
    "Adam": "adam",
    "AdamW": "adamw",
    "AdamWDL": "adamw",
    "RMSProp": "rmsprop",
    "Adagrad": "adagrad",
    "Adadelta": "adadelta",
    "Adamax": "adamax",
    "Lamb": "lamb",
    "LarsMomentum": "lars",
}

ADAM = ("adam", "adamw", "lamb", "adamax")

EPS = {"adam": 1e-8, "adamw": 1e-8, "adamax": 1e-8} | dict.fromkeys(
    ("lamb", "rmsprop", "adagrad", "adadelta"), 1e-6
)
MOMENTUM = {"momentum": 0.9, "lars": 0.9, "rmsprop": 0.0}

CLIPS = {
    "ClipGradByGlobalNorm": ("global_norm", "clip_norm"),
    "ClipGradByNorm": ("norm", "clip_norm"),
    "ClipGradByValue": ("value", "max"),
}

CURVES = {
    "PolynomialDecay": "polynomial",
    "CosineAnnealingDecay": "cosine",
    "PiecewiseDecay": "piecewise",
    "MultiStepDecay": "piecewise",
    "StepDecay": "step",
    "NoamDecay": "noam",
}


def optimizer(reading: Reading, at: str, key: str, name: str) -> str | None:
    """The optimizer that a class is, and its betas, eps and momentum from Paddle's own keys.

    `at` is the mapping of the keys, `key` the one of them that names the class. Gives the
    optimizer, or None where the class is not Paddle's.
    """
    kind = OPTIMIZERS.get(name)
    path = f"{at}.{key}"
    if kind is None:
        reading.doubt("optimizer", f"{name} is no optimizer of Paddle's: read its class", path)
        return None
    reading.state("optimizer", kind, path)
    if kind in ADAM:
        betas = [reading.value(f"{at}.beta1", 0.9), reading.value(f"{at}.beta2", 0.999)]
        given = [path for path in (f"{at}.beta1", f"{at}.beta2") if reading.has(path)]
        if given:
            reading.state("betas", betas, given[0])
        else:
            reading.imply("betas", betas, f"default of {name}")
    if kind in EPS:
        reading.take("eps", f"{at}.epsilon", EPS[kind], name)
    if kind in MOMENTUM:
        reading.take("momentum", f"{at}.momentum", MOMENTUM[kind], name)
    if kind == "momentum":
        reading.take("nesterov", f"{at}.use_nesterov", False, name)
    return kind


def clip(reading: Reading, name: str, path: str) -> None:
    """The clip that a class of Paddle's is, its bound the value at `path`."""
    kind = CLIPS[name][0]
    reading.state("clip", {"kind": kind, "value": reading.value(path)}, path)
    if kind == "norm":
        reading.warn(
            "clip_per_tensor",
            reading.place(path),
            f"{path}: {name} bounds the norm of each tensor by itself, not the norm of all",
        )


def no_clip(reading: Reading) -> None:
    """Say that nothing is clipped."""
    reading.imply("clip", "none", "no key asks for one")


def no_known_clip(reading: Reading) -> None:
    """Say that nothing is clipped, or that a key which is not known here may ask for it."""
    for path, node in named(reading.tree, r"grad\w*_clip|clip\w*_grad|clip_norm"):
        if node.value not in (None, False):
            reading.doubt("clip", f"{path} may ask for a clip, and is no key known here", path)
            return
    no_clip(reading)


def spared(reading: Reading, at: str) -> None:
    """What `no_weight_decay_name` and `one_dim_param_no_weight_decay` leave without decay."""
    by_name, flat = f"{at}.no_weight_decay_name", f"{at}.one_dim_param_no_weight_decay"
    names = reading.word(by_name).split()
    if names:
        reading.state("decay_exclude", names, by_name)
        reading.state("decay_match", "substring", by_name)
    if reading.value(flat):
        reading.state("decay_match", "substring_or_ndim1" if names else "ndim1", flat)


def curve(reading: Reading, at: str, name: str) -> str:
    """The schedule that one of Paddle's classes of rates is, from Paddle's own keys.

    Gives its kind; `custom` is one that the recipe's fields have no words for.
    """
    kind = CURVES.get(name, "custom")
    reading.state("schedule", kind, f"{at}.type" if reading.has(f"{at}.type") else f"{at}.name")
    match name:
        case "PolynomialDecay":
            reading.take("power", f"{at}.power", 1.0, name)
            reading.take("end_lr", f"{at}.end_lr", 1e-4, name)
            if reading.value(f"{at}.cycle"):
                reading.remark("schedule", "begins again whenever its length is over (cycle)")
        case "CosineAnnealingDecay":
            reading.take("end_lr", f"{at}.eta_min", 0.0, name)
            reading.imply("num_cycles", 0.5, f"{name} is half a wave")
        case "PiecewiseDecay":
            reading.need("milestones", f"{at}.boundaries")
            values = reading.need("values", f"{at}.values")
            if isinstance(values, list) and values:
                reading.state("lr", values[0], f"{at}.values", "computed")
        case "MultiStepDecay":
            reading.need("milestones", f"{at}.milestones")
            reading.take("gamma", f"{at}.gamma", 0.1, name)
        case "StepDecay":
            reading.need("step_size", f"{at}.step_size")
            reading.take("gamma", f"{at}.gamma", 0.1, name)
        case "NoamDecay":
            reading.take("warmup", f"{at}.warmup_steps")
            reading.state("warmup_unit", "steps", f"{at}.warmup_steps")
        case _:
            reading.remark("schedule", f"paddle.optimizer.lr.{name}")
            reading.take("gamma", f"{at}.gamma")
    return kind
