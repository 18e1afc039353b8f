"""What a name says: its words, under one spelling each, and whether it is query, key or value."""

from __future__ import annotations

import re

__all__ = ["attention_parts", "role_of", "words_of"]

_SPELLINGS = {
    "norm": "ln layernorm layer_norm rms rmsnorm batchnorm bn norm normalization",
    "attention": "attn attention selfattention mha attend",
    "mlp": "mlp ffn feed forward feedforward ff intermediate",
    "embedding": "embed embeds embedding embeddings emb embedder",
    "token": "token tokens tok word words wte vocab",
    "position": "position positions pos positional wpe pe",
    "type": "type types segment token_type",
    "head": "head classifier cls score predictions",
    "final": "final last f post",
    "out": "out output o",
    "conv": "conv convolution conv1d conv2d",
    "down": "downsample shortcut skip",
    "query": "q query queries wq qlin",
    "key": "k key keys wk klin",
    "value": "v value values wv vlin",
}
_WORD = {other: word for word, others in _SPELLINGS.items() for other in others.split()}
_SAY_NOTHING = {
    "weight", "bias", "w", "b", "kernel", "layer", "layers", "linear", "lin", "fc", "dense", "proj",
    "projection", "module", "model", "to", "self", "block", "blocks", "h", "in", "encoder",
}  # fmt: skip
"""Words that any layer has."""

_IS_BIAS = {"bias", "b", "beta", "shift", "offset"}
_IS_WEIGHT = {"weight", "w", "kernel", "gamma", "scale", "gain", "g"}
_STATISTICS = ("running_mean", "running_var")

_FUSED = {"qkv", "wqkv", "c_attn", "in_proj", "qkvproj"}
_PARTS = {"q": "query", "k": "key", "v": "value"}


def words_of(path: str) -> frozenset[str]:
    """The words of a path that tell it from others, numbers included.

    >>> sorted(words_of("blocks.3.ln1")), sorted(words_of("encoder.layers.3.norm1"))
    (['1', '3', 'norm'], ['1', '3', 'norm'])
    """
    return frozenset(_WORD.get(one, one) for one in _split(path) if one not in _SAY_NOTHING)


def role_of(attribute: str) -> tuple[str, str]:
    """Of what a module calls a tensor, the stem and the role: `weight`, `bias`, a statistic's name.

    >>> role_of("in_proj_bias"), role_of("weight"), role_of("gamma"), role_of("cls_token")
    (('in_proj', 'bias'), ('', 'weight'), ('', 'weight'), ('cls_token', 'weight'))
    """
    if attribute in _STATISTICS:
        return "", attribute
    parts = attribute.split("_")
    for said, role in ((_IS_BIAS, "bias"), (_IS_WEIGHT, "weight")):
        if any(part in said for part in parts):
            return "_".join(part for part in parts if part not in said), role
    return attribute, "weight"


def attention_parts(path: str) -> str:
    """Which of query, key and value a layer holds, by the last part of its path: `q`, `kv`, `qkv`.

    >>> attention_parts("attn.to_kv"), attention_parts("attn.Wqkv"), attention_parts("mlp.fc1")
    ('kv', 'qkv', '')
    """
    label = path.rpartition(".")[2].lower()
    if any(re.search(rf"(?:^|_){fused}(?:_|$)", label) for fused in _FUSED):
        return "qkv"
    told = _split(label)
    if {"kv", "wkv"} & set(told):
        return "kv"
    return "".join(part for part, word in _PARTS.items() if word in map(_WORD.get, told))


def _split(path: str) -> list[str]:
    """Words in small letters, at points, underscores, capitals and numbers."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", "_", path)
    return [one for one in re.split(r"[._]", parted.lower()) if one]
