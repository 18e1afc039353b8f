"""What a GPT-2 is built from, without naming a framework."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dualtrain.tasks._model import ExpectedParameter, ModelConfig, norm

__all__ = ["DecoderConfig"]


@dataclass(frozen=True, kw_only=True)
class DecoderConfig(ModelConfig):
    """A GPT-2 whose word embedding is its output layer too; GELU by tanh, layer_norm_eps 1e-5."""

    vocab_size: int
    """Rows of the word embedding."""
    hidden_size: int
    """Width; a multiple of `heads`."""
    layers: int
    """Transformer blocks."""
    heads: int
    """Attention heads."""
    intermediate_size: int
    """Width of the feed-forward layer."""
    max_length: int
    """Rows of the position embedding: tokens of a block."""
    dropout: float
    """Of embeddings, attention and hidden states."""

    def tensors(self) -> Iterator[ExpectedParameter]:
        """The parameters; GPT-2 keeps the weight of a linear layer as (in, out)."""
        width, inner = self.hidden_size, self.intermediate_size
        yield ExpectedParameter("transformer.wte.weight", (self.vocab_size, width), "embedding")
        yield ExpectedParameter("transformer.wpe.weight", (self.max_length, width), "embedding")
        for index in range(self.layers):
            block = f"transformer.h.{index}"
            yield from norm(f"{block}.ln_1", width)
            yield from _conv(f"{block}.attn.c_attn", width, 3 * width)
            yield from _conv(f"{block}.attn.c_proj", width, width)
            yield from norm(f"{block}.ln_2", width)
            yield from _conv(f"{block}.mlp.c_fc", width, inner)
            yield from _conv(f"{block}.mlp.c_proj", inner, width)
        yield from norm("transformer.ln_f", width)


def _conv(name: str, into: int, out: int) -> Iterator[ExpectedParameter]:
    yield ExpectedParameter(f"{name}.weight", (into, out), "other")
    yield ExpectedParameter(f"{name}.bias", (out,), "other")
