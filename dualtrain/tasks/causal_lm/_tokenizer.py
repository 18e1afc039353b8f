"""GPT-2's tokenizer, byte-level BPE, learnt from the train split: it takes every text."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from dualtrain.tasks.causal_lm._saved import END

__all__ = ["train_bpe"]


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
