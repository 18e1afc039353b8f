"""What the constructors of optimizers take, in order, and what they take by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dualtrain.reading import DictValue, Event, Instance, Known, Made, Value
from dualtrain.recipes._optimizer_names import torch_class

__all__ = [
    "MODE",
    "OLD_WORDS",
    "Signature",
    "given",
    "given_by",
    "is_copied",
    "parameters_of",
    "signature_of",
]


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameters in their order, and the defaults that decide something."""

    library: str
    names: tuple[str, ...]
    defaults: Mapping[str, Any]
    is_known: bool = True
    """Whether what is not given is known, too."""


def _paddle(names: str, **defaults: Any) -> Signature:
    return Signature("paddle", tuple(names.split()), defaults)


def _torch(names: str, **defaults: Any) -> Signature:
    return Signature("torch", ("params", *names.split()), {"lr": 0.001, **defaults})


RATE = {"learning_rate": 0.001}
BETAS = {**RATE, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
PADDLE = {
    "SGD": _paddle("learning_rate parameters weight_decay grad_clip", **RATE, weight_decay=0.0),
    "Momentum": _paddle(
        "learning_rate momentum parameters use_nesterov weight_decay grad_clip",
        **RATE,
        momentum=0.9,
        use_nesterov=False,
        weight_decay=0.0,
    ),
    "Adam": _paddle(
        "learning_rate beta1 beta2 epsilon parameters weight_decay grad_clip",
        **BETAS,
        weight_decay=0.0,
    ),
    "AdamW": _paddle(
        "learning_rate beta1 beta2 epsilon parameters weight_decay", **BETAS, weight_decay=0.01
    ),
    "AdamWDL": _paddle(
        "learning_rate beta1 beta2 epsilon parameters weight_decay apply_decay_param_fun grad_clip "
        "lazy_mode multi_precision layerwise_decay",
        **BETAS,
        weight_decay=0.01,
    ),
    "Adamax": _paddle(
        "learning_rate beta1 beta2 epsilon parameters weight_decay grad_clip",
        **BETAS,
        weight_decay=0.0,
    ),
    "NAdam": _paddle(
        "learning_rate beta1 beta2 epsilon momentum_decay parameters weight_decay grad_clip",
        **{**BETAS, "learning_rate": 0.002},
        momentum_decay=0.004,
        weight_decay=0.0,
    ),
    "RAdam": _paddle(
        "learning_rate beta1 beta2 epsilon parameters weight_decay grad_clip",
        **BETAS,
        weight_decay=0.0,
    ),
    "Rprop": _paddle("learning_rate learning_rate_range parameters etas grad_clip", **RATE),
    "Lamb": _paddle(
        "learning_rate lamb_weight_decay beta1 beta2 epsilon parameters grad_clip "
        "exclude_from_weight_decay_fn",
        **{**BETAS, "epsilon": 1e-6},
        lamb_weight_decay=0.01,
    ),
    "LarsMomentum": _paddle(
        "learning_rate momentum lars_coeff lars_weight_decay parameter_list regularization "
        "grad_clip name exclude_from_weight_decay epsilon multi_precision rescale_grad",
        lars_coeff=0.001,
        lars_weight_decay=0.0005,
        epsilon=0,
    ),
    "Adagrad": _paddle(
        "learning_rate epsilon parameters weight_decay grad_clip", epsilon=1e-6, weight_decay=0.0
    ),
    "RMSProp": _paddle(
        "learning_rate rho epsilon momentum centered parameters weight_decay grad_clip",
        rho=0.95,
        epsilon=1e-6,
        momentum=0.0,
        weight_decay=0.0,
    ),
    "Adadelta": _paddle(
        "learning_rate epsilon rho parameters weight_decay grad_clip",
        **RATE,
        epsilon=1e-6,
        rho=0.95,
        weight_decay=0.0,
    ),
}
TORCH = {
    "SGD": _torch(
        "lr momentum dampening weight_decay nesterov",
        momentum=0.0,
        weight_decay=0.0,
        nesterov=False,
    ),
    "Adam": _torch(
        "lr betas eps weight_decay amsgrad", betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0
    ),
    "AdamW": _torch(
        "lr betas eps weight_decay amsgrad", betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01
    ),
    "NAdam": _torch(
        "lr betas eps weight_decay", lr=0.002, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0
    ),
    "RAdam": _torch("lr betas eps weight_decay", betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0),
    "Adamax": _torch(
        "lr betas eps weight_decay", lr=0.002, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0
    ),
    "Adagrad": _torch(
        "lr lr_decay weight_decay initial_accumulator_value eps",
        lr=0.01,
        eps=1e-10,
        weight_decay=0.0,
    ),
    "Adadelta": _torch("lr rho eps weight_decay", lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0),
    "RMSprop": _torch(
        "lr alpha eps weight_decay momentum centered",
        lr=0.01,
        alpha=0.99,
        eps=1e-8,
        momentum=0.0,
        weight_decay=0.0,
    ),
}
MODE = ("adam_w_mode", "adamw_mode")
"""By which a fused Adam decouples its decay, as it does if it is not told otherwise."""
FUSED_ADAM = {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
FUSED = {
    "FusedAdam": Signature(
        "apex",
        ("params", "lr", "bias_correction", "betas", "eps", MODE[0], "weight_decay"),
        FUSED_ADAM,
    ),
    "DeepSpeedCPUAdam": Signature(
        "deepspeed",
        (
            "model_params",
            "lr",
            "bias_correction",
            "betas",
            "eps",
            "weight_decay",
            "amsgrad",
            MODE[1],
        ),
        FUSED_ADAM,
    ),
    "FusedSGD": replace(TORCH["SGD"], library="apex"),
}
OLD_ADAMW = Signature(
    "transformers",
    ("params", "lr", "betas", "eps", "weight_decay", "correct_bias"),
    {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 0.0},
)
COPIED = Signature(
    "the program", ("params", "lr", "betas", "eps", "weight_decay", "momentum", "nesterov"), {}
)
BERT_ADAM = Signature(
    "pytorch_pretrained_bert",
    tuple(
        [
            "params",
            "lr",
            "warmup",
            "t_total",
            "schedule",
            "b1",
            "b2",
            "e",
            "weight_decay",
            "max_grad_norm",
        ]
    ),
    {"b1": 0.9, "b2": 0.999, "e": 1e-6, "weight_decay": 0.01, "max_grad_norm": 1.0},
)


def signature_of(event: Event) -> Signature:
    """Of the optimizer's class that an event constructs."""
    if isinstance(event.receiver, Instance) and _copied(event) is not None:
        return BERT_ADAM if event.receiver.of.name == "BertAdam" else COPIED
    package, _, name = event.path.removesuffix(".__init__").rpartition(".")
    return _known(package, name) or _outside(package, isinstance(event.receiver, Instance))


def parameters_of(signature: Signature, values: Mapping[str, Value]) -> Value | None:
    """What is handed to an optimizer to move: `parameter_list` in Paddle 1 and its incubator."""
    if signature.library != "paddle":
        return values.get(signature.names[0])
    return values.get("parameters", values.get("parameter_list"))


def is_copied(event: Event) -> bool:
    """Whether an optimizer's class is the program's own."""
    return isinstance(event.receiver, Instance) and _copied(event) is not None


def _copied(event: Event) -> DictValue | None:
    """What a class of the program hands to its base: `super().__init__(params, defaults)`."""
    base = event.path.endswith("ptimizer.__init__")
    handed = event.args[1] if len(event.args) > 1 else event.kwargs.get("defaults")
    return handed if base and isinstance(handed, DictValue) else None


def _known(package: str, name: str) -> Signature | None:
    top = package.partition(".")[0]
    if top in ("apex", "deepspeed"):
        return FUSED.get(name)
    if top == "bitsandbytes":
        like = TORCH.get(torch_class(name))
        return None if like is None else replace(like, library=top)
    if name == "BertAdam":
        return BERT_ADAM
    if package.startswith("paddle"):
        return PADDLE.get(name.removesuffix("Optimizer"))
    if package.startswith(("transformers", "pytorch_transformers")):
        return OLD_ADAMW if name == "AdamW" else None
    return TORCH.get(name) if package.startswith("torch.optim") else None


def _outside(package: str, is_derived: bool) -> Signature:
    """Of a class that is not known. A program's own gives its base more than is seen there."""
    is_paddle = package.startswith("paddle")
    names = "learning_rate" if is_paddle else "params" if is_derived else "params lr"
    library = "paddle" if is_paddle else package
    return Signature(library, tuple(names.split()), {}, is_known=False)


def given(event: Event, signature: Signature) -> dict[str, Value]:
    """What a constructor is given, by name."""
    values = dict(zip(signature.names, event.args, strict=False))
    values.update(event.kwargs)
    copied = _copied(event)
    if copied is not None:
        handed = {
            OLD_WORDS.get(key, key): one
            for key, one in copied.cells.items()
            if isinstance(key, str)
        }
        return {"params": values.get("params", event.args[0]), **handed}
    return values


OLD_WORDS = {"weight_decay_rate": "weight_decay"}
"""What the first BertAdam calls a number, and its groups -> what all others do."""


def given_by(names: Sequence[str], made: Made) -> dict[str, Value]:
    """What a call was given, by the names of its parameters in their order."""
    return {**dict(zip(names, made.args, strict=False)), **made.kwargs}


def default(signature: Signature, name: str) -> Value | None:
    """What stands where it is not given."""
    return Known(signature.defaults[name]) if name in signature.defaults else None
