"""The ledger: one row per parameter, with the rule that decided whether it decays.

A backend lists its `Parameter`s; the decision is made here, once for both frameworks.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from dualtrain.errors import LedgerError
from dualtrain.spec import Role, WeightDecay

__all__ = ["Kind", "Ledger", "Parameter", "Row", "decide", "kind_of", "roles_of"]

Kind = Literal["norm", "embedding", "other"]
"""What the module that owns a parameter is."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter as a backend found it in the live model."""

    name: str
    """Canonical: the name Hugging Face gives it; the structured name where no table knows it."""
    structured: str
    """The framework's own name in the module tree, e.g. `encoder.layers.0.norm1.weight`."""
    native: str
    """The name its optimizer knows: Paddle's `linear_0.w_0`; the structured name in torch."""
    shape: tuple[int, ...]
    """Canonical layout: that of torch, so a Linear weight is (out, in)."""
    kind: Kind
    """What its owner is."""
    trainable: bool
    """Whether it gets gradients."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A parameter and what was decided for it."""

    parameter: Parameter
    roles: tuple[Role, ...]
    rule: str
    """The rule that fired, e.g. `role norm`; `default` if none did."""
    decay: float
    """The weight decay it gets."""
    lr_multiplier: float = 1.0
    """What its learning rate is multiplied by."""
    frozen: bool = False
    """Whether the spec freezes it."""

    @property
    def trains(self) -> bool:
        """Whether it gets gradients and updates."""
        return self.parameter.trainable and not self.frozen


@dataclass(frozen=True)
class Ledger:
    """All rows, in canonical order."""

    rows: tuple[Row, ...]

    def decay(self) -> dict[str, float]:
        """Canonical name -> weight decay, for the parameters that train."""
        return {r.parameter.name: r.decay for r in self.rows if r.trains}


def kind_of(owner: type) -> Kind:
    """What a module's class is, by its own name and those of the classes it derives from.

    embedding: one is called `Embedding`. norm: one has "Norm" in its name, as `LayerNorm`,
    `BatchNorm2d`, `BatchNorm2D` and `LlamaRMSNorm` have. Both frameworks name their layers so.
    """
    names = [base.__name__ for base in owner.__mro__]
    if "Embedding" in names:
        return "embedding"
    return "norm" if any("Norm" in name for name in names) else "other"


def roles_of(parameter: Parameter) -> tuple[Role, ...]:
    """The roles of a parameter, most telling first; none for an ordinary weight matrix.

    `norm` and `embedding` come from the owner, `bias` from the attribute's name
    (`bias`, `in_proj_bias`, `bias_ih_l0`), `one_dimensional` from the shape.

    A LayerNorm's bias: ("bias", "norm", "one_dimensional").
    """
    attribute = parameter.structured.rpartition(".")[2]
    roles: dict[Role, bool] = {
        "bias": attribute.startswith("bias") or attribute.endswith("bias"),
        "norm": parameter.kind == "norm",
        "embedding": parameter.kind == "embedding",
        "one_dimensional": len(parameter.shape) == 1,
    }
    return tuple(role for role, holds in roles.items() if holds)


def decide(parameters: Iterable[Parameter], weight_decay: WeightDecay | None) -> Ledger:
    """Apply the spec's decay filter to a model's parameters.

    The first exclusion that holds decides: roles, then patterns, then substrings, each in the
    order written. Raises `LedgerError` for an exclusion that names no parameter at all, and for
    a model in which nothing trains.
    """
    found = sorted(parameters, key=lambda p: p.name)
    if not any(parameter.trainable for parameter in found):
        raise LedgerError(
            f"the model must have a parameter that trains. Received: none of {len(found)}"
        )
    spec = weight_decay if weight_decay is not None else WeightDecay(value=0.0)
    hits = {rule: False for rule in _rules(spec)}
    rows = []
    for parameter in found:
        roles = roles_of(parameter)
        fired = [rule for rule in hits if _holds(rule, parameter, roles)]
        hits.update(dict.fromkeys(fired, True))
        rows.append(
            Row(
                parameter=parameter,
                roles=roles,
                rule=" ".join(fired[0]) if fired else "default",
                decay=0.0 if fired else spec.value,
            )
        )
    silent = [rule for rule, hit in hits.items() if not hit]
    if silent:
        raise LedgerError("\n".join(_nothing_matched(rule, found) for rule in silent))
    return Ledger(tuple(rows))


Rule = tuple[str, str]


def _rules(spec: WeightDecay) -> list[Rule]:
    return [
        *(("role", role) for role in spec.exclude),
        *(("pattern", pattern) for pattern in spec.exclude_patterns),
        *(("substring", text) for text in spec.exclude_substrings),
    ]


def _holds(rule: Rule, parameter: Parameter, roles: tuple[Role, ...]) -> bool:
    match rule:
        case ("role", role):
            return role in roles
        case ("pattern", pattern):
            return fnmatchcase(parameter.name, pattern)
        case (_, text):
            return text in parameter.structured


_FIELD = {"role": "exclude", "pattern": "exclude_patterns", "substring": "exclude_substrings"}


def _nothing_matched(rule: Rule, parameters: Sequence[Parameter]) -> str:
    kind, text = rule
    names = [p.structured if kind == "substring" else p.name for p in parameters]
    near = [name for name in names if kind != "role" and text.strip("*").lower() in name.lower()]
    near = near or (difflib.get_close_matches(text, names, n=1) if kind != "role" else [])
    hint = f" Near: {near[0]!r}." if near else ""
    return (
        f"weight_decay.{_FIELD[kind]}: {kind} {text!r} matches none of the model's "
        f"{len(parameters)} parameters.{hint} Correct it, or leave it out."
    )
