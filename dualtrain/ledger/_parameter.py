"""A parameter as a backend finds it, and the roles that follow from it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dualtrain.ledger._facts import SILENT, Facts
from dualtrain.ledger._kind import Kind, attribute_of
from dualtrain.spec import Role

__all__ = ["Parameter", "keeps_precision", "roles_of"]


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
    """What its owner is; of a tied one, the first of its owners that is more than `other`."""
    trainable: bool
    """Whether the model lets it have gradients; what a spec froze counts as if it had not."""
    dtype: str = "float32"
    """The type in which the model holds it."""
    aliases: tuple[str, ...] = ()
    """The further canonical names of a tied parameter: `lm_head.weight`."""
    structured_aliases: tuple[str, ...] = ()
    """Its further names in the module tree."""

    facts: Facts = SILENT
    """What else the model says of its training."""

    @property
    def names(self) -> tuple[str, ...]:
        """All its canonical names; a rule that fits one of them fits the parameter."""
        return (self.name, *self.aliases)


_BIAS = re.compile(r"bias.*|.*bias|b\d*|b_\w+")
_SHIFT = re.compile(r"beta|shift|offset")
"""What a norm of one's own calls its bias."""


def roles_of(parameter: Parameter) -> tuple[Role, ...]:
    """The roles of a parameter, most telling first; none for an ordinary weight matrix.

    `norm` and `embedding` come from the owner, `one_dimensional` from the shape, `bias` from the
    attribute's name: `bias`, `in_proj_bias`, `bias_ih_l0`, `q_bias`; `beta` in a norm; `b` where
    it is a vector. A table of position biases is none. A parameter that may be a norm's
    (`unknown`) has the role.

    A LayerNorm's bias: ("bias", "norm", "one_dimensional").
    """
    roles: dict[Role, bool] = {
        "bias": _is_bias(parameter),
        "norm": keeps_precision(parameter.kind),
        "embedding": parameter.kind == "embedding",
        "one_dimensional": len(parameter.shape) == 1,
    }
    return tuple(role for role, holds in roles.items() if holds)


def keeps_precision(kind: Kind) -> bool:
    """Whether it counts as a norm's: spared where norms are, and float32 at AMP level O2."""
    return kind in ("norm", "unknown")


def _is_bias(parameter: Parameter) -> bool:
    attribute = attribute_of(parameter.structured)
    is_vector = sum(size > 1 for size in parameter.shape) <= 1
    if _SHIFT.fullmatch(attribute):
        return keeps_precision(parameter.kind)
    if not _BIAS.fullmatch(attribute):
        return False
    return is_vector or ("bias" in attribute and "pos" not in attribute)
