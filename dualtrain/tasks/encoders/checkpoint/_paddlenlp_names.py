"""What paddlenlp calls an encoder's tensors, beside transformers' names, and how it lays them out.

Both call embeddings and heads alike, so it is the encoder that tells who wrote a folder: metadata
may be absent, and paddlenlp's own says `np` as any numpy script's does.
"""

from __future__ import annotations

from pathlib import Path

from dualtrain.shapes import Shape
from dualtrain.tasks.encoders.checkpoint._files import refusal

__all__ = ["PADDLENLP_NAMES", "is_paddlenlp", "is_transposed", "transformers_name"]

PADDLENLP_NAMES = (
    (".embeddings.layer_norm.", ".embeddings.LayerNorm."),
    (".encoder.layers.", ".encoder.layer."),
    (".self_attn.q_proj.", ".attention.self.query."),
    (".self_attn.k_proj.", ".attention.self.key."),
    (".self_attn.v_proj.", ".attention.self.value."),
    (".self_attn.out_proj.", ".attention.output.dense."),
    (".norm1.", ".attention.output.LayerNorm."),
    (".linear1.", ".intermediate.dense."),
    (".linear2.", ".output.dense."),
    (".norm2.", ".output.LayerNorm."),
)
"""Part of a name in paddlenlp; in transformers."""

_BLOCKS, _OURS = PADDLENLP_NAMES[1]


def is_paddlenlp(folder: Path, names: frozenset[str]) -> bool:
    """Whether paddlenlp wrote the encoder among a folder's tensors.

    Raises `CheckpointError` with a name of each, where transformers wrote another one beside it.

    >>> is_paddlenlp(Path("checkpoint"), frozenset({"bert.encoder.layers.0.linear1.bias"}))
    True
    """
    theirs = [name for name in sorted(names) if _BLOCKS in f".{name}"]
    ours = [name for name in sorted(names) if _OURS in f".{name}"]
    if theirs and ours:
        rule = "the tensors must have the names of one library"
        raise refusal(folder, rule, f"{theirs[0]} and {ours[0]}")
    return bool(theirs)


def transformers_name(name: str) -> str:
    """What transformers calls a tensor of paddlenlp's BERT, ERNIE or RoBERTa.

    >>> transformers_name("encoder.layers.0.norm1.bias")
    'encoder.layer.0.attention.output.LayerNorm.bias'
    """
    name = f".{name}"
    for theirs, ours in PADDLENLP_NAMES:
        name = name.replace(theirs, ours)
    return name.removeprefix(".")


def is_transposed(name: str, shape: Shape) -> bool:
    """Whether paddlenlp stores a tensor of transformers' name the other way round: (in, out)."""
    return len(shape) == 2 and not name.endswith("_embeddings.weight")
