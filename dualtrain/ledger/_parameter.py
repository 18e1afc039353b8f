"""A parameter as a backend finds it, and the roles that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dualtrain.ledger._facts import SILENT, Facts
from dualtrain.spec import Role

__all__ = ["Kind", "Parameter", "kind_of", "roles_of"]

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
    """Whether the model lets it have gradients; what a spec froze counts as if it had not."""
    facts: Facts = SILENT
    """What else the model says of its training."""


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
