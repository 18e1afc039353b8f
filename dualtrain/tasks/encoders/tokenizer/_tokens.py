"""The tokens that a tokenizer's files name, and what tokenizers says of what it does not take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from tokenizers import AddedToken

from dualtrain.errors import CheckpointError
from dualtrain.tasks.encoders.checkpoint._files import refusal, shown
from dualtrain.tasks.encoders.checkpoint._tokenizer_fields import FLAGS

__all__ = ["Token", "added_token", "check_numbers", "content", "refused", "token"]

Token: TypeAlias = "str | AddedToken"

LONGEST = 1000
"""Characters of a token that is looked for in texts: tokenizers takes their square to prepare it,
a second for 10,000."""

ENDS = 100
"""Characters of either end of an error of tokenizers, which repeats values whole."""


@contextmanager
def refused(where: object, rule: str) -> Iterator[None]:
    """What tokenizers raises, no class of its own, as a `CheckpointError` with the rule.

    A panic of its Rust code is not even an `Exception`.
    """
    try:
        yield
    except (CheckpointError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        said = str(error)
        if len(said) > 2 * ENDS:
            said = f"{said[:ENDS]} ... {said[-ENDS:]}"
        raise refusal(where, rule, said) from None


def added_token(path: Path, field: str, value: Any, **changes: bool) -> AddedToken:
    """A token that a file has as an object; `normalized` stays unsaid where the file has it not.

    Raises `CheckpointError`, which names `field`, for another object.
    """
    fields = dict(value) if isinstance(value, dict) else {}
    fields.pop("__type", None)
    text = fields.pop("content", None)
    if not _is_token(text) or not all(
        key in FLAGS and isinstance(flag, bool) for key, flag in fields.items()
    ):
        rule = (
            f"{field}: a token must be text of 1 to {LONGEST} characters, or an object of content, "
            f"{', '.join(FLAGS)}"
        )
        raise refusal(path, rule, shown(value))
    return AddedToken(text, **fields | changes)


def token(path: Path, field: str, value: Any, **changes: bool) -> Token:
    """A token that a file has as text, or as an object."""
    return value if _is_token(value) else added_token(path, field, value, **changes)


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST and _is_unicode(value)


def _is_unicode(text: str) -> bool:
    """Whether it has no half of a surrogate pair, which UTF-8 cannot hold."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def content(token: Token) -> str:
    """A token's text."""
    return token if isinstance(token, str) else str(token.content)


def check_numbers(path: Path, field: str, vocabulary: Mapping[str, Any], vocab_size: int) -> None:
    """Refuse a vocabulary whose tokens or numbers tokenizers cannot hold, or would write otherwise.

    It writes by counting from 0 up to the largest number, however much memory that takes, and of
    two tokens that have one number it writes one. So a number that the model has no row for may
    only be there without a gap below.

    vocab_size: that of config.json. Raises `CheckpointError` with the first wrong entry.
    """
    most, found = max(vocab_size, len(vocabulary)), set[int]()
    for text, number in vocabulary.items():
        whole = isinstance(number, int) and not isinstance(number, bool)
        if not (whole and 0 <= number < most and _is_unicode(text)) or number in found:
            rule = (
                f"{field}: must give each token, text in UTF-8, a number of its own, whole and "
                f"from 0 to below {most}"
            )
            raise refusal(path, rule, f"{shown(number)} for {shown(text)}")
        found.add(number)
