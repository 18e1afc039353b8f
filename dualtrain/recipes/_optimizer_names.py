"""Classes of optimizers by their path, whichever library they are of."""

from __future__ import annotations

import re

__all__ = ["OPTIMIZERS", "optimizer_class", "torch_class"]

OPTIMIZERS = {
    "sgd": "sgd",
    "momentum": "momentum",
    "adam": "adam",
    "adamw": "adamw",
    "adamax": "adamax",
    "adagrad": "adagrad",
    "adadelta": "adadelta",
    "rmsprop": "rmsprop",
    "nadam": "nadam",
    "radam": "radam",
    "rprop": "rprop",
    "asgd": "asgd",
    "lamb": "lamb",
    "lars": "lars",
    "larsmomentum": "lars",
    "lbfgs": "lbfgs",
    "adafactor": "adafactor",
    "lion": "lion",
    "bertadam": "adamw",
    "openaiadam": "adamw",
    "adamoptimizer": "adam",
    "sgdoptimizer": "sgd",
    "momentumoptimizer": "momentum",
    "lamboptimizer": "lamb",
    "larsmomentumoptimizer": "lars",
    "adamaxoptimizer": "adamax",
    "adagradoptimizer": "adagrad",
    "rmspropoptimizer": "rmsprop",
    "adamdeltaw": "adamw",
    "adamwdl": "adamw",
}
"""Our name, by the class's in lower case."""

FUSED = {"FusedAdam": "adamw", "DeepSpeedCPUAdam": "adamw", "FusedSGD": "sgd"}
"""Of apex and DeepSpeed. Their LAMB clips by itself, and is none of ours."""

BITS = re.compile(r"(Paged)?(Adam|AdamW|RMSprop|Adagrad|SGD)(8bit|32bit)?")
"""Classes of bitsandbytes that have torch's rules and arguments, on states in fewer bits."""

PACKAGES = (
    "paddle.optimizer",
    "paddle.fluid.optimizer",
    "paddle.incubate.optimizer",
    "paddlenlp.ops.optimizer",
    "paddlenlp.transformers.optimization",
    "torch.optim",
    "transformers",
    "pytorch_transformers",
    "pytorch_pretrained_bert",
)
"""Where such classes live; of that name elsewhere it may have another rule, as timm's RAdam has."""


def optimizer_class(path: str) -> str | None:
    """Our name of the class at a path; None if it is no optimizer's.

    >>> optimizer_class("torch.optim.AdamW"), optimizer_class("torch.optim.AdamW.step")
    ('adamw', None)
    """
    package, _, name = path.rpartition(".")
    top = package.partition(".")[0]
    if top in ("apex", "deepspeed"):
        return FUSED.get(name)
    if top == "bitsandbytes":
        return OPTIMIZERS.get(torch_class(name).lower())
    inside = any(package == one or package.startswith(one + ".") for one in PACKAGES)
    return OPTIMIZERS.get(name.lower()) if inside else None


def torch_class(name: str) -> str:
    """Which of torch's classes one of bitsandbytes is like; empty where it is like none.

    >>> torch_class("PagedAdamW8bit"), torch_class("LAMB")
    ('AdamW', '')
    """
    found = BITS.fullmatch(name)
    return found[2] if found else ""
