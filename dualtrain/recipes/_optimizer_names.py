"""Classes of optimizers by their path, whichever library they are of."""

from __future__ import annotations

__all__ = ["OPTIMIZERS", "optimizer_class"]

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
    "fusedadam": "adam",
    "fusedlamb": "lamb",
    "fusedsgd": "sgd",
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
    "adamw8bit": "adamw",
    "pagedadamw": "adamw",
}
"""Our name, by the class's in lower case."""

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
    "apex.optimizers",
    "bitsandbytes.optim",
    "timm.optim",
    "torch_optimizer",
    "deepspeed.ops",
)
"""Where such classes live; a class of that name elsewhere is not one of them."""


def optimizer_class(path: str) -> str | None:
    """Our name of the class at a path; None if it is no optimizer's.

    >>> optimizer_class("torch.optim.AdamW"), optimizer_class("torch.optim.AdamW.step")
    ('adamw', None)
    """
    package, _, name = path.rpartition(".")
    inside = any(package == one or package.startswith(one + ".") for one in PACKAGES)
    return OPTIMIZERS.get(name.lower()) if inside else None
