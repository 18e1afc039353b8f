"""paddlenlp's names and layouts of parameters -> transformers', as tables.

What no table knows keeps its structured name, and torch's layout: a Linear's weight is (out, in).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from paddle import nn

from dualtrain.tasks.encoders import PADDLENLP_NAMES

__all__ = ["Base", "Names", "base_of", "canonical", "interleaved_heads", "is_transposed"]


class Names(NamedTuple):
    """How the parameters of one of paddlenlp's base models are called in transformers."""

    attribute: tuple[str, str]
    """What a model with a head calls the base model; in transformers."""
    parts: tuple[tuple[str, str], ...]
    """Part of a name; in transformers."""
    keeps_linear: bool = False
    """Whether transformers keeps a Linear's weight as Paddle does, (in, out): its Conv1D."""
    fused: str = ""
    """The Linear whose last axis is (heads, 3, size) where transformers' is (3, heads, size)."""


_GPT = (
    (".embeddings.word_embeddings.", ".wte."),
    (".embeddings.position_embeddings.", ".wpe."),
    (".decoder.layers.", ".h."),
    (".decoder.norm.", ".ln_f."),
    (".norm1.", ".ln_1."),
    (".self_attn.qkv_proj.", ".attn.c_attn."),
    (".self_attn.out_proj.", ".attn.c_proj."),
    (".norm2.", ".ln_2."),
    (".linear1.", ".mlp.c_fc."),
    (".linear2.", ".mlp.c_proj."),
)
"""GPT-2 needs `fuse_attention_qkv=True`: transformers has one tensor for query, key and value.
Where paddlenlp keeps three (its default), those keep names of their own."""

_FAMILIES = {
    "paddlenlp.transformers.bert.modeling.BertModel": Names(("bert", "bert"), PADDLENLP_NAMES),
    "paddlenlp.transformers.ernie.modeling.ErnieModel": Names(("ernie", "ernie"), PADDLENLP_NAMES),
    "paddlenlp.transformers.roberta.modeling.RobertaModel": Names(
        ("roberta", "roberta"), PADDLENLP_NAMES
    ),
    "paddlenlp.transformers.electra.modeling.ElectraModel": Names(
        ("electra", "electra"), PADDLENLP_NAMES
    ),
    "paddlenlp.transformers.gpt.modeling.GPTModel": Names(
        ("gpt", "transformer"), _GPT, keeps_linear=True, fused=".self_attn.qkv_proj."
    ),
    "paddlenlp.transformers.t5.modeling.T5Model": Names(("t5", ""), ()),
    "paddlenlp.transformers.llama.modeling.LlamaModel": Names(("llama", "model"), ()),
}
"""Base model -> its table; classes as text, since importing paddlenlp to ask takes 3 s."""

_LIKE_LINEAR = {"paddlenlp.transformers.llama.modeling.LlamaLMHead"}
"""Layers that are no Linear and hold a weight (in, out) as one does."""


class Base(NamedTuple):
    """A base model inside a model."""

    path: str
    names: Names
    heads: int

    def holds(self, path: str) -> bool:
        """Whether the layer or parameter at this path is part of it."""
        return not self.path or f"{path}.".startswith(f"{self.path}.")


def base_of(path: str, layer: nn.Layer) -> Base | None:
    """The base model that stands at this path; None for any other layer."""
    for name in _classes(layer):
        if name in _FAMILIES:
            return Base(path, _FAMILIES[name], getattr(layer.config, "num_attention_heads", 1))
    return None


def canonical(name: str, base: Base | None) -> str:
    """What transformers calls a parameter of this base model; outside of one its own name."""
    if base is None:
        return name
    outer, _, attribute = base.path.rpartition(".")
    theirs, ours = base.names.attribute
    inner = name.removeprefix(base.path) if base.path else f".{name}"
    for part, renamed in base.names.parts:
        inner = inner.replace(part, renamed)
    path = filter(None, (outer, ours if attribute == theirs else attribute))
    return (".".join(path) + inner).removeprefix(".")


def is_transposed(layer: nn.Layer, attribute: str, base: Base | None) -> bool:
    """Whether a layer of this base model holds a parameter the other way round than canonical."""
    if attribute != "weight":
        return False
    if isinstance(layer, nn.Linear):
        return base is None or not base.names.keeps_linear
    return any(name in _LIKE_LINEAR for name in _classes(layer))


def interleaved_heads(name: str, base: Base | None) -> int:
    """Heads of a fused tensor whose last axis is (heads, 3, size); 1 for any other."""
    fused = base is not None and base.names.fused and base.names.fused in f"{name}."
    return base.heads if base is not None and fused else 1


def _classes(layer: Any) -> list[str]:
    return [f"{base.__module__}.{base.__qualname__}" for base in type(layer).__mro__]
