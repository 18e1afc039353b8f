"""The optimizers of the frameworks, and what their arguments say in the words of a spec.

A row that `drives` is the class by which a backend computes a rule; a rule without such a row is
computed by its own formula, over the framework's arrays. How far the classes of one word part is
measured in docs/optimizers.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, get_args

from dualtrain.native._call import (
    REQUIRED,
    Argument,
    Call,
    Fixed,
    Refusal,
    Row,
    Words,
    at_default,
    item,
    word,
)
from dualtrain.native._table import Table
from dualtrain.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    DecayKind,
    Lamb,
    Lars,
    Momentum,
    NAdam,
    RAdam,
    RMSProp,
    Rprop,
    TorchRMSProp,
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
    return {**words, "weight_decay.value": decay, "weight_decay.kind": _kind(rule)}


def driving_row(library: str, rule: UpdateRule) -> Row | None:
    """The native class by which a framework's backend computes a rule; None where none does."""
    words = words_of(rule, 0.0)
    drive = (row for row in NATIVE_OPTIMIZERS.rows if row.library == library and row.drives)
    same = (row for row in drive if row.means["optimizer.name"] == words["optimizer.name"])
    return next((row for row in same if _decays_by(row, words)), None)


def _decays_by(row: Row, words: Words) -> bool:
    """Whether a class has weight decay of this kind, or none."""
    try:
        for argument in row.arguments.values():
            if "weight_decay.kind" in argument.words:
                argument.write(words)
    except Refusal:
        return False
    return True


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


def _kind(rule: UpdateRule) -> DecayKind:
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


def _decay(kind: DecayKind, default: float | None) -> Argument:
    """A number, or Paddle's `L2Decay` of one, where decay is coupled; 0 and None say nothing."""

    def read(value: Any, words: Words, given: Mapping[str, Any]) -> Words:
        if isinstance(value, Call) and value.name == L2_DECAY and kind == "coupled":
            value = value.arguments.get("coeff", 0.0)
        return {"weight_decay.value": value, "weight_decay.kind": kind} if value else {}

    def write(words: Words) -> Any:
        if words.get("weight_decay.kind", kind) != kind:
            raise Refusal(f"has weight_decay.kind {kind!r}, always")
        return words.get("weight_decay.value", None if default is None else 0.0)

    return Argument(
        words=("weight_decay.value", "weight_decay.kind"), default=default, read=read, write=write
    )


@dataclass(frozen=True, kw_only=True)
class _Classes:
    """What a framework's optimizers have alike."""

    module: str
    lr: str
    """What they call the rate."""
    decay: float | None
    """Native default of the weight decay."""
    fixed: Mapping[str, Any]
    free: tuple[str, ...]

    def row(
        self,
        name: str,
        rule: RuleType,
        lr: Any,
        says: Says | None = None,
        *,
        decays: str | None = "weight_decay",
        decay: float | None = REQUIRED,
        apart: Mapping[str, Fixed] | None = None,
        fixed: Mapping[str, Any] | None = None,
        different: str = "",
        **more: Any,
    ) -> Row:
        """lr: native default. decays: the argument, if there is one; decay: another default.

        apart: what decouples decay in a class that can do both. fixed: each at its native default.
        different: what the native rule does instead; no backend
        computes by it then.
        """
        (means,) = get_args(rule.model_fields["name"].annotation)
        words = {self.lr: ("lr", lr), **(says or {})}
        arguments = {native: _argument(rule, *said) for native, said in words.items()}
        if decays is not None:
            kind = "decoupled" if apart else rule.decay_kinds[0]
            arguments[decays] = _decay(kind, self.decay if decay is REQUIRED else decay)
        return Row(
            library=self.module.partition(".")[0],
            name=f"{self.module}.{name}",
            scope=("optimizer", "weight_decay"),
            means={"optimizer.name": means},
            arguments=arguments,
            fixed={**at_default(**self.fixed, **(fixed or {})), **(apart or {})},
            free=self.free,
            equal="different" if different else "rounded",
            because=different or ROUNDED,
            drives=not different,
            **more,
        )


_TORCH = _Classes(
    module="torch.optim",
    lr="lr",
    decay=0,
    fixed={"maximize": False},
    free=("foreach", "fused", "capturable", "differentiable"),
)
_PADDLE = _Classes(
    module="paddle.optimizer",
    lr="learning_rate",
    decay=None,
    fixed={},
    free=("name", "use_multi_tensor"),
)

_INCUBATE = replace(_PADDLE, module="paddle.incubate.optimizer", free=("name",))

_BETAS = {"betas": ("betas", (0.9, 0.999)), "eps": ("eps", 1e-8)}
_BETAS_OF_PADDLE = {
    "beta1": ("betas", 0, 0.9),
    "beta2": ("betas", 1, 0.999),
    "epsilon": ("eps", 1e-8),
}
_AMSGRAD = {"amsgrad": ("amsgrad", False)}
_MOMENTUM_DECAY = {"momentum_decay": ("momentum_decay", 0.004)}
_COUPLED = {"decoupled_weight_decay": False}
_APART = {"decoupled_weight_decay": Fixed(True, False)}
_PRECISE = {"multi_precision": False}
_DENSE = {"lazy_mode": False, **_PRECISE}

_ROWS = (
    _TORCH.row("SGD", SGD, 1e-3, fixed={"momentum": 0, "dampening": 0, "nesterov": False}),
    _PADDLE.row("SGD", SGD, 1e-3, fixed=_PRECISE),
    _TORCH.row(
        "SGD",
        Momentum,
        1e-3,
        {"momentum": ("momentum", 0), "nesterov": ("nesterov", False)},
        fixed={"dampening": 0},
        when=lambda given, around: given["momentum"] > 0,
    ),
    _PADDLE.row(
        "Momentum",
        Momentum,
        1e-3,
        {"momentum": ("momentum", 0.9), "use_nesterov": ("nesterov", False)},
        fixed={"rescale_grad": 1.0, **_PRECISE},
    ),
    _TORCH.row("Adam", Adam, 1e-3, {**_BETAS, **_AMSGRAD}, fixed=_COUPLED),
    _PADDLE.row("Adam", Adam, 1e-3, {**_BETAS_OF_PADDLE, **_AMSGRAD}, fixed=_DENSE),
    _TORCH.row("AdamW", AdamW, 1e-3, {**_BETAS, **_AMSGRAD}, decay=0.01),
    _PADDLE.row(
        "AdamW",
        AdamW,
        1e-3,
        {**_BETAS_OF_PADDLE, **_AMSGRAD},
        decay=0.01,
        fixed={"lr_ratio": None, **_DENSE},
    ),
    _PADDLE.row(
        "Lamb",
        Lamb,
        1e-3,
        {**_BETAS_OF_PADDLE, "epsilon": ("eps", 1e-6)},
        decays="lamb_weight_decay",
        decay=0.01,
        fixed={"always_adapt": False, **_PRECISE},
    ),
    _INCUBATE.row(
        "LarsMomentumOptimizer",
        Lars,
        REQUIRED,
        {
            "momentum": ("momentum", REQUIRED),
            "lars_coeff": ("coefficient", 1e-3),
            "epsilon": ("eps", 0),
        },
        decays="lars_weight_decay",
        decay=0.0005,
        fixed={
            "regularization": None,
            "exclude_from_weight_decay": None,
            "rescale_grad": 1.0,
            **_PRECISE,
        },
    ),
    _TORCH.row(
        "Adagrad",
        Adagrad,
        1e-2,
        {"eps": ("eps", 1e-10), "initial_accumulator_value": ("initial_accumulator", 0)},
        fixed={"lr_decay": 0},
    ),
    _PADDLE.row(
        "Adagrad",
        Adagrad,
        REQUIRED,
        {"epsilon": ("eps", 1e-6), "initial_accumulator_value": ("initial_accumulator", 0.0)},
    ),
    _TORCH.row("Adadelta", Adadelta, 1.0, {"rho": ("rho", 0.9), "eps": ("eps", 1e-6)}),
    _PADDLE.row("Adadelta", Adadelta, 1e-3, {"rho": ("rho", 0.95), "epsilon": ("eps", 1e-6)}),
    _TORCH.row(
        "Adamax",
        Adamax,
        2e-3,
        _BETAS,
        different="takes max(b2 u, |g| + eps) where Paddle takes max(|g|, b2 u + eps)",
    ),
    _PADDLE.row("Adamax", Adamax, 1e-3, _BETAS_OF_PADDLE),
    _TORCH.row("NAdam", NAdam, 2e-3, {**_BETAS, **_MOMENTUM_DECAY}, fixed=_COUPLED),
    _TORCH.row("NAdam", NAdam, 2e-3, {**_BETAS, **_MOMENTUM_DECAY}, apart=_APART),
    _PADDLE.row("NAdam", NAdam, 2e-3, {**_BETAS_OF_PADDLE, **_MOMENTUM_DECAY}),
    _TORCH.row("RAdam", RAdam, 1e-3, _BETAS, fixed=_COUPLED),
    _TORCH.row("RAdam", RAdam, 1e-3, _BETAS, apart=_APART),
    _PADDLE.row("RAdam", RAdam, 1e-3, _BETAS_OF_PADDLE),
    _TORCH.row(
        "RMSprop",
        TorchRMSProp,
        1e-2,
        {
            "alpha": ("rho", 0.99),
            "eps": ("eps", 1e-8),
            "momentum": ("momentum", 0),
        },
        fixed={"centered": False},
    ),
    _PADDLE.row(
        "RMSProp",
        RMSProp,
        REQUIRED,
        {
            "rho": ("rho", 0.95),
            "epsilon": ("eps", 1e-6),
            "momentum": ("momentum", 0.0),
            "centered": ("centered", False),
        },
    ),
    _TORCH.row(
        "Rprop",
        Rprop,
        1e-2,
        {"etas": ("etas", (0.5, 1.2)), "step_sizes": ("step_sizes", (1e-6, 50))},
        decays=None,
    ),
    _PADDLE.row(
        "Rprop",
        Rprop,
        1e-3,
        {"learning_rate_range": ("step_sizes", (1e-5, 50)), "etas": ("etas", (0.5, 1.2))},
        decays=None,
        fixed=_PRECISE,
    ),
)
"""A rule's rows beside each other."""

_OFTEN = "computes the loss several times an update"
_REFUSED = {
    "torch.optim.ASGD": "averages weights (Polyak); Paddle's averages gradients",
    "paddle.optimizer.ASGD": "averages gradients over batches; torch's averages weights",
    "torch.optim.SparseAdam": "is for sparse gradients, which no run takes",
    "torch.optim.Adafactor": "Paddle has none",
    "transformers.Adafactor": "Paddle has none",
    "torch.optim.Muon": "Paddle has none",
    "torch.optim.LBFGS": _OFTEN,
    "paddle.optimizer.LBFGS": _OFTEN,
    "paddlenlp.ops.optimizer.AdamWDL": "write adamw with layer_decay: its rates are those",
}
"""What the spec cannot say, and why."""


def _refused(name: str, because: str) -> Row:
    library = name.partition(".")[0]
    return Row(library=library, name=name, scope=("optimizer",), equal="refused", because=because)


NATIVE_OPTIMIZERS = Table(
    [*_ROWS, *(_refused(name, because) for name, because in _REFUSED.items())]
)
