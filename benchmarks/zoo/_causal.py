"""Causal language models: GPT-2 and LLaMA. paddlenlp shifts no labels, so the data does."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.zoo._breed import VOCABULARY, Arrays, Breed, sentences
from dualtrain_paddle._compat import native_models as paddlenlp
from dualtrain_torch._compat import native_models as transformers

__all__ = ["GPT", "LLAMA"]

LENGTH = 12


def _batch(random: np.random.Generator) -> Arrays:
    """The label of each token is the next one; those of the first three are not counted."""
    tokens = sentences(random, LENGTH + 1)
    labels = tokens[:, 1:].copy()
    labels[:, :3] = -100
    return {"input_ids": tokens[:, :-1].copy(), "labels": labels}


def _torch_gpt() -> Any:
    """With the tanh form of GELU, which is what paddlenlp's GPT means by `gelu`."""
    native = transformers()
    return native.GPT2LMHeadModel(
        native.GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=LENGTH,
            n_embd=32,
            n_layer=2,
            n_head=4,
            n_inner=32,
            activation_function="gelu_new",
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            use_cache=False,
            attn_implementation="eager",
        )
    )


def _paddle_gpt() -> Any:
    """Query, key and value in one tensor, as in GPT-2; paddlenlp's default is three."""
    native = paddlenlp()
    return native.GPTForCausalLM(
        native.GPTConfig(
            vocab_size=VOCABULARY,
            max_position_embeddings=LENGTH,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=32,
            fuse_attention_qkv=True,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )


def _llama(package: Any, **settings: Any) -> Any:
    config = package.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        rms_norm_eps=1e-6,
        use_cache=False,
        **settings,
    )
    return package.LlamaForCausalLM(config)


GPT = Breed(in_torch=_torch_gpt, in_paddle=_paddle_gpt, batch=_batch)
LLAMA = Breed(
    in_torch=lambda: _llama(transformers(), attn_implementation="eager"),
    in_paddle=lambda: _llama(paddlenlp()),
    batch=_batch,
    exclude=("norm",),
)
