"""The optimizers of the frameworks, and what their arguments say in the words of a spec.

A row that `drives` is the class by which a backend computes a rule; a rule without such a row is
computed by its own formula, over the framework's arrays. How far the classes of one word part is
measured in docs/optimizers.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, get_args

from dualtrain.native._call import REQUIRED, Argument, Call, Fixed, Refusal, Row, Words, item, word
from dualtrain.native._table import Table
from dualtrain.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lamb,
    Momentum,
    NAdam,
    RAdam,
    RMSProp,
    Rprop,
    UpdateRule,
)

__all__ = ["NATIVE_OPTIMIZERS", "arguments_for", "driving_row", "words_of"]

ROUNDED = "the same formula, its operations in another order, or its numbers in float32"

L2_DECAY = "paddle.regularizer.L2Decay"

RuleType = type[UpdateRule]
Says = Mapping[str, tuple[Any, ...]]
"""Argument -> the field that it says, which item of it if it is one, and the native default."""


def words_of(rule: UpdateRule, decay: float | None = None) -> dict[str, Any]:
    """What a record says as words, and the weight decay beside it.

    >>> words_of(SGD(name="sgd", lr=0.5))
    {'optimizer.name': 'sgd', 'optimizer.lr': 0.5}
    """
    words = {f"optimizer.{name}": value for name, value in rule.model_dump().items()}
    if decay is None:
        return words
    return {**words, "weight_decay.value": decay, "weight_decay.kind": _kind(type(rule))}


def driving_row(library: str, rule: UpdateRule) -> Row | None:
    """The native class by which a framework's backend computes a rule; None where none does."""
    name = words_of(rule)["optimizer.name"]
    drive = (row for row in NATIVE_OPTIMIZERS.rows if row.library == library and row.drives)
    return next((row for row in drive if row.means["optimizer.name"] == name), None)


def arguments_for(cls: Any, row: Row, words: Words) -> dict[str, Any]:
    """The arguments by which the installed class says these words.

    One that its version does not know yet is left out, where it would be at its default. Raises
    `Refusal`, with the names alone, where it would not.
    """
    given, known, defaults = row.write(words), signature(cls).parameters, row.defaults()
    missing = [name for name in given if name not in known]
    needed = [name for name in missing if given[name] != defaults.get(name, REQUIRED)]
    if needed:
        raise Refusal(", ".join(needed))
    return {name: value for name, value in given.items() if name in known}


def _kind(rule: RuleType) -> str:
    return "decoupled" if rule.decoupled else "coupled"


def _argument(rule: RuleType, field: str, *rest: Any) -> Argument:
    """What the spec leaves out, at its own default, is left out of the words too."""
    if len(rest) == 2:
        return item(f"optimizer.{field}", *rest)
    (default,) = rest
    known = rule.model_fields[field]
    absent = REQUIRED if known.is_required() else known.default
    pair = isinstance(default, tuple)
    return word(
        f"optimizer.{field}", default, absent=absent, read=lambda v, _: tuple(v) if pair else v
    )


def _decay(rule: RuleType, default: float | None) -> Argument:
    """A number, or Paddle's `L2Decay` of one, where decay is coupled; 0 and None say nothing."""

    def read(value: Any, words: Words, given: Mapping[str, Any]) -> Words:
        if isinstance(value, Call) and value.name == L2_DECAY and not rule.decoupled:
            value = value.arguments.get("coeff", 0.0)
        return {"weight_decay.value": value, "weight_decay.kind": _kind(rule)} if value else {}

    return Argument(
        words=("weight_decay.value", "weight_decay.kind"),
        default=default,
        read=read,
        write=lambda words: words.get("weight_decay.value", None if default is None else 0.0),
    )


def _row(
    name: str,
    rule: RuleType,
    says: Says,
    *,
    decay: tuple[str, float | None] | None,
    fixed: Mapping[str, Any],
    free: tuple[str, ...] = (),
    when: Callable[[Mapping[str, Any], Words], bool] = lambda given, around: True,
    different: str = "",
) -> Row:
    """decay: its argument, and the native default. fixed: each at its native default.

    different: what the native rule does instead; no backend computes by it then.
    """
    (means,) = get_args(rule.model_fields["name"].annotation)
    arguments = {native: _argument(rule, *said) for native, said in says.items()}
    if decay is not None:
        arguments[decay[0]] = _decay(rule, decay[1])
    return Row(
        library=name.partition(".")[0],
        name=name,
        scope=("optimizer", "weight_decay"),
        means={"optimizer.name": means},
        arguments=arguments,
        fixed={native: Fixed(value, value) for native, value in fixed.items()},
        free=free,
        when=when,
        equal="different" if different else "rounded",
        because=different or ROUNDED,
        drives=not different,
    )


def _torch(
    name: str,
    rule: RuleType,
    says: Says,
    *,
    decay: tuple[str, float | None] | None = ("weight_decay", 0),
    fixed: Mapping[str, Any] | None = None,
    **rest: Any,
) -> Row:
    held = {"maximize": False, **(fixed or {})}
    free = ("foreach", "fused", "capturable", "differentiable")
    return _row(f"torch.optim.{name}", rule, says, decay=decay, fixed=held, free=free, **rest)


def _paddle(
    name: str,
    rule: RuleType,
    says: Says,
    *,
    decay: tuple[str, float | None] | None = ("weight_decay", None),
    fixed: Mapping[str, Any] | None = None,
) -> Row:
    held, free = fixed or {}, ("name", "use_multi_tensor")
    return _row(f"paddle.optimizer.{name}", rule, says, decay=decay, fixed=held, free=free)


def _refused(name: str, because: str) -> Row:
    library = name.partition(".")[0]
    return Row(library=library, name=name, scope=("optimizer",), equal="refused", because=because)


_BETAS = {"betas": ("betas", (0.9, 0.999)), "eps": ("eps", 1e-8)}
_BETAS_OF_PADDLE = {
    "beta1": ("betas", 0, 0.9),
    "beta2": ("betas", 1, 0.999),
    "epsilon": ("eps", 1e-8),
}
_AMSGRAD = {"amsgrad": ("amsgrad", False)}
_COUPLED = {"decoupled_weight_decay": False}
_PRECISE = {"multi_precision": False}
_DENSE = {"lazy_mode": False, **_PRECISE}

_ROWS: tuple[Row, ...] = (
    _torch(
        "SGD",
        SGD,
        {"lr": ("lr", 1e-3)},
        fixed={"momentum": 0, "dampening": 0, "nesterov": False},
    ),
    _paddle("SGD", SGD, {"learning_rate": ("lr", 1e-3)}, fixed=_PRECISE),
    _torch(
        "SGD",
        Momentum,
        {"lr": ("lr", 1e-3), "momentum": ("momentum", 0), "nesterov": ("nesterov", False)},
        fixed={"dampening": 0},
        when=lambda given, around: given["momentum"] > 0,
    ),
    _paddle(
        "Momentum",
        Momentum,
        {
            "learning_rate": ("lr", 1e-3),
            "momentum": ("momentum", 0.9),
            "use_nesterov": ("nesterov", False),
        },
        fixed={"rescale_grad": 1.0, **_PRECISE},
    ),
    _torch("Adam", Adam, {"lr": ("lr", 1e-3), **_BETAS, **_AMSGRAD}, fixed=_COUPLED),
    _paddle(
        "Adam",
        Adam,
        {"learning_rate": ("lr", 1e-3), **_BETAS_OF_PADDLE, **_AMSGRAD},
        fixed=_DENSE,
    ),
    _torch(
        "AdamW",
        AdamW,
        {"lr": ("lr", 1e-3), **_BETAS, **_AMSGRAD},
        decay=("weight_decay", 0.01),
    ),
    _paddle(
        "AdamW",
        AdamW,
        {"learning_rate": ("lr", 1e-3), **_BETAS_OF_PADDLE, **_AMSGRAD},
        decay=("weight_decay", 0.01),
        fixed={"lr_ratio": None, **_DENSE},
    ),
    _paddle(
        "Lamb",
        Lamb,
        {"learning_rate": ("lr", 1e-3), **_BETAS_OF_PADDLE, "epsilon": ("eps", 1e-6)},
        decay=("lamb_weight_decay", 0.01),
        fixed={"always_adapt": False, **_PRECISE},
    ),
    _torch(
        "Adagrad",
        Adagrad,
        {
            "lr": ("lr", 1e-2),
            "eps": ("eps", 1e-10),
            "initial_accumulator_value": ("initial_accumulator", 0),
        },
        fixed={"lr_decay": 0},
    ),
    _paddle(
        "Adagrad",
        Adagrad,
        {
            "learning_rate": ("lr", REQUIRED),
            "epsilon": ("eps", 1e-6),
            "initial_accumulator_value": ("initial_accumulator", 0.0),
        },
    ),
    _torch("Adadelta", Adadelta, {"lr": ("lr", 1.0), "rho": ("rho", 0.9), "eps": ("eps", 1e-6)}),
    _paddle(
        "Adadelta",
        Adadelta,
        {"learning_rate": ("lr", 1e-3), "rho": ("rho", 0.95), "epsilon": ("eps", 1e-6)},
    ),
    _torch(
        "Adamax",
        Adamax,
        {"lr": ("lr", 2e-3), **_BETAS},
        different="takes max(b2 u, |g| + eps) where Paddle takes max(|g|, b2 u + eps)",
    ),
    _paddle("Adamax", Adamax, {"learning_rate": ("lr", 1e-3), **_BETAS_OF_PADDLE}),
    _torch(
        "NAdam",
        NAdam,
        {"lr": ("lr", 2e-3), **_BETAS, "momentum_decay": ("momentum_decay", 0.004)},
        fixed=_COUPLED,
    ),
    _paddle(
        "NAdam",
        NAdam,
        {
            "learning_rate": ("lr", 2e-3),
            **_BETAS_OF_PADDLE,
            "momentum_decay": ("momentum_decay", 0.004),
        },
    ),
    _torch("RAdam", RAdam, {"lr": ("lr", 1e-3), **_BETAS}, fixed=_COUPLED),
    _paddle("RAdam", RAdam, {"learning_rate": ("lr", 1e-3), **_BETAS_OF_PADDLE}),
    _torch(
        "RMSprop",
        RMSProp,
        {
            "lr": ("lr", 1e-2),
            "alpha": ("rho", 0.99),
            "eps": ("eps", 1e-8),
            "momentum": ("momentum", 0),
            "centered": ("centered", False),
        },
        different="adds eps outside the root, and the rate multiplies b, not what enters it",
    ),
    _paddle(
        "RMSProp",
        RMSProp,
        {
            "learning_rate": ("lr", REQUIRED),
            "rho": ("rho", 0.95),
            "epsilon": ("eps", 1e-6),
            "momentum": ("momentum", 0.0),
            "centered": ("centered", False),
        },
    ),
    _torch(
        "Rprop",
        Rprop,
        {
            "lr": ("lr", 1e-2),
            "etas": ("etas", (0.5, 1.2)),
            "step_sizes": ("step_sizes", (1e-6, 50)),
        },
        decay=None,
    ),
    _paddle(
        "Rprop",
        Rprop,
        {
            "learning_rate": ("lr", 1e-3),
            "learning_rate_range": ("step_sizes", (1e-5, 50)),
            "etas": ("etas", (0.5, 1.2)),
        },
        decay=None,
        fixed=_PRECISE,
    ),
    _refused("torch.optim.ASGD", "averages weights (Polyak); Paddle's averages gradients"),
    _refused("paddle.optimizer.ASGD", "averages gradients over batches; torch's averages weights"),
    _refused("torch.optim.SparseAdam", "is for sparse gradients, which no run takes"),
    _refused("torch.optim.Adafactor", "Paddle has none"),
    _refused("transformers.Adafactor", "Paddle has none"),
    _refused("torch.optim.Muon", "Paddle has none"),
    *(
        _refused(f"{package}.LBFGS", "computes the loss several times an update")
        for package in ("torch.optim", "paddle.optimizer")
    ),
    _refused(
        "paddlenlp.ops.optimizer.AdamWDL", "write adamw with layer_decay: its rates are those"
    ),
)
"""A rule's rows beside each other; what the spec cannot say at the end."""

NATIVE_OPTIMIZERS = Table(_ROWS)
