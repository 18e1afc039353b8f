"""How texts become token ids: by a checkpoint's tokenizer, or by one that is learnt from them.

The imports of tokenizers stand in functions, because a worker that only loads prepared data need
not have the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dualtrain.extras import needed_for
from dualtrain.tasks.encoders._config import FRESH_TYPES
from dualtrain.tasks.encoders._prepared import Tokens
from dualtrain.tasks.encoders._words import CheckpointModel, FreshModel
from dualtrain.tasks.encoders.checkpoint import read_checkpoint_config, refusal
from dualtrain.tasks.encoders.saved import tokenizer_config

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

__all__ = ["Reading", "reading_of"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How texts become token ids, and what the model is built with."""

    tokenizer: Tokenizer
    """Cuts texts at the most tokens that the model takes."""
    written: str
    """The content of tokenizer.json, without truncation and padding."""
    config: str
    """The content of tokenizer_config.json."""
    vocab_size: int
    type_vocab_size: int
    pad_id: int

    def encoded(
        self, given: Sequence[Any], *, path: Path, lines: Sequence[int], are_words: bool = False
    ) -> list[Encoding]:
        """Each text, or pair of texts; of one that is too long the longer text loses its end first.

        path, lines: where they stand. are_words: each is a list of words.

        Raises `CheckpointError` for a text that the tokenizer does not take, and for a token or a
        token type that the model has no row for.
        """
        from dualtrain.tasks.encoders.tokenizer import refused

        try:
            found = list(self.tokenizer.encode_batch(given, is_pretokenized=are_words))
        except Exception:  # of tokenizers, which raises no class of its own and names no text
            for line, one in zip(lines, given, strict=True):
                with refused(f"{path}:{line}", "the checkpoint's tokenizer must take every text"):
                    self.tokenizer.encode_batch([one], is_pretokenized=are_words)
            raise
        for line, text in zip(lines, found, strict=True):
            self._check(text, f"{path}:{line}")
        return found

    def _check(self, text: Encoding, where: str) -> None:
        for name, numbers, rows in (
            ("token id", text.ids, self.vocab_size),
            ("token type", text.type_ids, self.type_vocab_size),
        ):
            if max(numbers) >= rows:
                field = "vocab_size" if name == "token id" else "type_vocab_size"
                rule = f"every {name} must be below config.json's {field}, {rows}"
                found = max(numbers)
                token = text.tokens[numbers.index(found)]
                raise refusal(where, rule, f"{found}, {token!r}")

    @staticmethod
    def tokens(encoded: Sequence[Encoding]) -> Tokens:
        """The samples, one after the other."""
        return Tokens(
            ids=np.array([token for one in encoded for token in one.ids], np.int32),
            types=np.array([kind for one in encoded for kind in one.type_ids], np.int8),
            offsets=np.cumsum([0, *(len(one.ids) for one in encoded)], dtype=np.int64),
        )


def reading_of(model: FreshModel | CheckpointModel, texts: Sequence[str], folder: Path) -> Reading:
    """The checkpoint's way to cut texts, or one learnt from these; folder: the spec's.

    Raises `CheckpointError` for a checkpoint's tokenizer, `ExtraError` without the package
    tokenizers.
    """
    with needed_for("a task on texts needs"):
        import tokenizers  # noqa: F401
    if isinstance(model, CheckpointModel):
        return _of_checkpoint(model, folder / model.path)
    return _learnt(model, texts)


def _learnt(model: FreshModel, texts: Sequence[str]) -> Reading:
    from dualtrain.tasks.encoders.tokenizer import NAMES, PAD, train_wordpiece

    tokenizer = train_wordpiece(texts, vocab_size=model.vocab_size)
    written = tokenizer.to_str()
    tokenizer.enable_truncation(model.max_length)
    return Reading(
        tokenizer=tokenizer,
        written=written,
        config=tokenizer_config(written, special=NAMES, max_length=model.max_length),
        vocab_size=tokenizer.get_vocab_size(),
        type_vocab_size=FRESH_TYPES,
        pad_id=tokenizer.token_to_id(PAD),
    )


def _of_checkpoint(model: CheckpointModel, folder: Path) -> Reading:
    from dualtrain.tasks.encoders.tokenizer import content, load_tokenizer, read_settings

    config = read_checkpoint_config(folder, classes=2, dropout=None)
    if model.max_length > config.max_length:
        rule = f"task.model.max_length must be at most the checkpoint's, {config.max_length}"
        raise refusal(folder, rule, model.max_length)
    settings = read_settings(folder)
    tokenizer = load_tokenizer(settings, pad_id=config.pad_id, vocab_size=config.vocab_size)
    written = tokenizer.to_str()
    tokenizer.enable_truncation(model.max_length)
    return Reading(
        tokenizer=tokenizer,
        written=written,
        config=tokenizer_config(
            written,
            special={name: content(token) for name, token in settings.special.items()},
            additional=[content(token) for token in settings.additional],
            max_length=model.max_length,
        ),
        vocab_size=config.vocab_size,
        type_vocab_size=config.type_vocab_size,
        pad_id=config.pad_id,
    )
