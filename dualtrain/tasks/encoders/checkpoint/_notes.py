"""What a user must be told of a checkpoint: what was made anew, not read, or changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dualtrain.listing import listed
from dualtrain.printable import printable
from dualtrain.tasks._model import ParameterLike
from dualtrain.tasks.encoders._config import HEAD, EncoderConfig
from dualtrain.tasks.encoders._words import Head
from dualtrain.tasks.encoders.checkpoint._config import (
    read_checkpoint_config,
    read_fields,
)
from dualtrain.tasks.encoders.checkpoint._fields import TYPE_FIELDS, VERDICTS
from dualtrain.tasks.encoders.checkpoint._files import (
    CONFIG,
    TOKENIZER_CONFIG,
    read_object,
    shown,
)
from dualtrain.tasks.encoders.checkpoint._head import class_order
from dualtrain.tasks.encoders.checkpoint._tokenizer_fields import PADDLENLP, SETTINGS
from dualtrain.tasks.encoders.checkpoint._weights import stored_tensors

__all__ = ["checkpoint_notes"]

MOST = 6
"""Names that a note repeats."""


def checkpoint_notes(
    folder: Path,
    parameters: Sequence[ParameterLike],
    config: EncoderConfig,
    *,
    classes: Sequence[str],
    head: Head,
) -> list[str]:
    """Plain sentences: the head's labels, what is made anew, what is not read, types, dropout.

    parameters: those of the model. config: what it was built from.
    """
    stored = stored_tensors(folder, config.family)
    left_out = {name for name in stored if head == "fresh" and name.startswith(HEAD)}
    needed = {p.name for p in parameters}
    read = needed & stored.keys() - left_out
    notes = [
        class_order(folder, classes, head=head).note,
        _listed("made anew", sorted(needed - read)),
        _listed("in the checkpoint and not read", sorted(stored.keys() - read)),
        *_types(folder, {stored[name].dtype for name in read}),
        *_fields(folder),
        *_tokenizer(folder),
        _dropout(folder, config),
    ]
    return [printable(note) for note in notes if note is not None]


def _types(folder: Path, stored: set[str]) -> Iterator[str]:
    low = stored - {"F32"}
    if low:
        yield f"the checkpoint's weights in {' and '.join(sorted(low))} train in float32"
        return
    fields = read_fields(folder)
    for field in TYPE_FIELDS:
        if fields.get(field) not in (None, "float32"):
            yield (
                f"config.json's {field} is {shown(fields[field])}, but the weights are stored "
                f"in float32 and train in it"
            )


def _fields(folder: Path) -> Iterator[str | None]:
    for file, known in ((CONFIG, VERDICTS), (TOKENIZER_CONFIG, SETTINGS)):
        unknown = sorted(read_object(folder / file, optional=True).keys() - known.keys())
        yield _listed(f"{file} has fields that are unknown here and not read", unknown)


def _tokenizer(folder: Path) -> Iterator[str]:
    name = read_object(folder / TOKENIZER_CONFIG, optional=True).get("tokenizer_class")
    if isinstance(name, str) and name in PADDLENLP:
        yield (
            f"{TOKENIZER_CONFIG}'s tokenizer_class {name} is read as transformers' "
            f"{PADDLENLP[name]}: symbols such as emoji are not set apart, special tokens are found "
            f"within a text"
        )


def _dropout(folder: Path, config: EncoderConfig) -> str | None:
    """Dropout that the spec, or a parity run, has replaced."""
    own = read_checkpoint_config(folder, classes=config.classes, dropout=None)
    theirs, ours = ((c.dropout, c.attention_dropout, c.classifier_dropout) for c in (own, config))
    if theirs == ours:
        return None
    rates = ", ".join(f"{rate:g}" for rate in theirs)
    return (
        f"dropout {config.dropout:g} replaces the checkpoint's {rates} (hidden states, attention, "
        f"head)"
    )


def _listed(what: str, names: Sequence[str]) -> str | None:
    if not names:
        return None
    return f"{what}: {listed(names, MOST)}"
