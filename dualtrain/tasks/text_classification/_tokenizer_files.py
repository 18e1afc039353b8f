"""The files a tokenizer is read from, opened: text, JSON objects, and the tokens that they name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from tokenizers import AddedToken

from dualtrain.data import shown
from dualtrain.errors import CheckpointError
from dualtrain.files import parse_json, read_bytes

__all__ = [
    "FLAGS",
    "Token",
    "added_token",
    "content",
    "read_object",
    "read_text",
    "refused",
    "token",
]

Token: TypeAlias = "str | AddedToken"

LONGEST = 100
"""Characters of either end of an error of tokenizers, which repeats values whole."""

FLAGS = ("lstrip", "rstrip", "normalized", "single_word", "special")
"""What an added token says beside its content."""


def read_text(path: Path) -> str:
    """A file in UTF-8, its line ends "\\n". Raises `CheckpointError` for any other."""
    try:
        text = read_bytes(path).decode("utf-8")
    except OSError as error:
        raise CheckpointError(f"{path}: must be readable. Received: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: must be in UTF-8. Received: {error}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object. Raises `CheckpointError` for any other."""
    try:
        value = parse_json(read_text(path))
    except ValueError as error:
        raise CheckpointError(f"{path}: must be valid JSON. Received: {error}") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: must be a JSON object. Received: {shown(value)}")
    return value


@contextmanager
def refused(rule: str) -> Iterator[None]:
    """What tokenizers raises, no class of its own, as a `CheckpointError` that begins with `rule`.

    A panic of its Rust code is not even an `Exception`.
    """
    try:
        yield
    except (CheckpointError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        said = str(error)
        if len(said) > 2 * LONGEST:
            said = f"{said[:LONGEST]} ... {said[-LONGEST:]}"
        raise CheckpointError(f"{rule}. Received: {said}") from None


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
        raise CheckpointError(
            f"{path}: {field}: a token must be text, or an object of content, "
            f"{', '.join(FLAGS)}. Received: {shown(value)}"
        )
    return AddedToken(text, **fields | changes)


def token(path: Path, field: str, value: Any, **changes: bool) -> Token:
    """A token that a file has as text, or as an object."""
    return value if _is_token(value) else added_token(path, field, value, **changes)


def _is_token(value: Any) -> bool:
    """Text that is not empty, and has no half of a surrogate pair, which UTF-8 cannot hold."""
    if not isinstance(value, str) or value == "":
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def content(token: Token) -> str:
    """A token's text."""
    return token if isinstance(token, str) else str(token.content)
