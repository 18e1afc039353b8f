"""What holds a parameter: a norm, an embedding, anything else. Found from what the module is.

A name alone decides nothing: a Linear called NormedLinear is a Linear, and an RMSNorm of the
user's own, whatever its name, is a norm. In this order: the framework's own class among those that
the module derives from; what the attribute is called; the shapes that the module holds together
with its class's name; what the module does to an input (`_behaviour.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from dualtrain.shapes import Shape

__all__ = ["Kind", "NativeLayers", "Owner", "attribute_of", "kind_of"]

Kind = Literal["norm", "embedding", "unknown", "other"]
"""What holds a parameter. `unknown` is a vector that a norm or a layer scale may have and of which
nothing tells which: where norms are spared it is spared too, and the ledger says so."""

_SAYS_NORM = re.compile(r"norm(?!al(?!i[sz]))", re.IGNORECASE)
"""In a class's name: LayerNorm, RmsNorm, Normalize, Normalization; not Normal."""
_HELD_NORM = re.compile(r"(?:^|_)(?:ln|(?:layer|rms|batch|group)?_?norm)\d*(?:_|$)")
"""In an attribute's: `ln_scale`, `pre_ln_bias` (Paddle's fused layers), `layer_norm_weight`."""
_SAYS_EMBEDDING = re.compile(r"[Ee]mbed(?:ding)?s?$")
_HELD_EMBEDDING = re.compile(r"embed|(?:^|_)tokens?_?\d*$|_table$")
"""`pos_embed`, `position_embeddings`, `cls_token`, `relative_position_bias_table`."""
_SCALE = re.compile(r"(?:gamma|beta|gain|scale)(?:\d|_\w)*|g|weight")
"""What norms call their vectors, and layer scales and gates theirs."""


@dataclass(frozen=True, kw_only=True)
class NativeLayers:
    """What a backend knows of its framework's own layers, by their qualified names."""

    packages: tuple[str, ...]
    """Beginnings of the names of its layers: `torch.nn.`."""
    plain: tuple[str, ...]
    """Beginnings of those that tell nothing: the base class, containers."""
    norms: frozenset[str]
    """Classes that normalise activations; what derives from them does too."""
    embeddings: frozenset[str]
    """Classes that look rows up."""

    def kind(self, owner: type) -> Kind | None:
        """What the nearest of the framework's own classes is; None where all are the user's."""
        names = [f"{base.__module__}.{base.__qualname__}" for base in owner.__mro__]
        for position, name in enumerate(names):
            if name in self.embeddings:
                return "embedding"
            if name.startswith(self.packages) and not name.startswith(self.plain):
                above = self.norms.union(self.embeddings).intersection(names[position:])
                if not above:
                    return "other"
                return "norm" if above <= self.norms else "embedding"
        return None


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The module that holds a parameter, as far as it can be seen from outside."""

    names: tuple[str, ...]
    """Of its class and of those that this derives from, the framework's base class left out."""
    native: Kind | None
    """What the framework's own class is that it derives from; None if there is none."""
    own: Mapping[str, Shape]
    """Attribute -> shape, of the parameters that it holds itself."""
    is_leaf: bool
    """Whether no module inside it holds parameters."""
    normalises: Callable[[], bool | None]
    """Whether it does, by trial; None if it cannot be told."""


def kind_of(attribute: str, owner: Owner) -> Kind:
    """What a module is, or for a module of many parts what one of its parameters is.

    norm: a native norm; or a module of its own without parameters further inside, whose own are
    all vectors (or scale and shift of one shape), and which is called a norm or, by trial,
    normalises. embedding: a native Embedding; an own one with a matrix; a bare parameter called
    `pos_embed`, `cls_token`, `..._table`. A weight matrix is never a norm's.

    `gamma` held by a ViT's block beside its Linears: "unknown", for it may be a layer scale or a
    norm written by hand. `logit_scale` of one element: "other".
    """
    shape = owner.own.get(attribute, ())
    if owner.native in ("norm", "embedding"):
        return owner.native
    if _is_vector(shape) and _HELD_NORM.search(attribute.lower()):
        return "norm"
    if owner.native is not None:
        return "other"
    if _HELD_EMBEDDING.search(attribute.lower()):
        return "embedding"
    verdict = None
    if owner.is_leaf and _has_a_norms_shapes(owner.own):
        if _says(_SAYS_NORM, owner):
            return "norm"
        verdict = owner.normalises()
        if verdict is not None:
            return "norm" if verdict else "other"
    if owner.is_leaf and len(shape) == 2 and _says(_SAYS_EMBEDDING, owner):
        return "embedding"
    if _is_vector(shape) and max(shape, default=1) > 1:
        is_called = _says(_SAYS_NORM, owner) and _has_a_norms_shapes(owner.own)
        may_be = is_called or _SCALE.fullmatch(attribute.lower())
        return "unknown" if may_be else "other"
    return "other"


def attribute_of(structured: str) -> str:
    """The attribute by which a module holds a parameter, through torch's parametrizations.

    >>> attribute_of("conv.parametrizations.weight.original0")
    'weight'
    """
    head, _, last = structured.rpartition(".")
    outer, _, parametrised = head.rpartition(".")
    return parametrised if outer.rpartition(".")[2] == "parametrizations" else last


def _says(word: re.Pattern[str], owner: Owner) -> bool:
    return any(map(word.search, owner.names))


def _is_vector(shape: Shape) -> bool:
    """One number a feature, (C,) or (C, 1, 1), or one for all."""
    return sum(size > 1 for size in shape) <= 1


def _has_a_norms_shapes(own: Mapping[str, Shape]) -> bool:
    """Vectors only; or several of one shape, as a LayerNorm over (C, H, W) has them."""
    shapes = set(own.values())
    return all(map(_is_vector, shapes)) or (len(own) > 1 and len(shapes) == 1)
