"""GPT-2's tokenizer, byte-level BPE, learnt from the train split: it takes every text."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

__all__ = ["END", "tokenizer_config", "train_bpe"]

END = "<|endoftext|>"
"""Stands after each text."""


def train_bpe(texts: Sequence[str], *, vocab_size: int) -> Tokenizer:
    """Learn a vocabulary of at most `vocab_size` tokens: `END`, the 256 bytes, and merges."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=[END],
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def tokenizer_config(max_length: int) -> str:
    """The content of tokenizer_config.json, by which transformers reads tokenizer.json."""
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_length,
        **dict.fromkeys(("bos_token", "eos_token", "unk_token"), END),
    }
    return json.dumps(settings, indent=2) + "\n"
