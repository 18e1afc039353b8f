"""A checkpoint folder's files, opened, and the words in which one is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dualtrain.errors import CheckpointError
from dualtrain.files import parse_json, read_bytes, reason
from dualtrain.printable import printable, shortened

__all__ = [
    "CONFIG",
    "TOKENIZER",
    "TOKENIZER_CONFIG",
    "read_object",
    "read_text",
    "refusal",
    "shown",
    "unreadable",
]

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"

LONGEST = 197
"""Characters of a received value: with three dots no longer than a word of `printable`."""


def refusal(where: object, rule: str, received: object) -> CheckpointError:
    r"""What is raised: the place, the rule, what was received, each text from a file printable.

    >>> print(refusal("vocab.txt", "must have [CLS]", "without \x1b[CLS]"))
    vocab.txt: must have [CLS]. Received: without \x1b[CLS]
    """
    return CheckpointError(f"{where}: {printable(rule)}. Received: {printable(str(received))}")


def unreadable(path: Path, error: OSError) -> CheckpointError:
    """The refusal of a file that is there and cannot be read."""
    return refusal(path, "must be readable", reason(error))


def shown(value: object) -> str:
    """What a message repeats of a value, as a JSON file has it.

    >>> print(shown({"pad_token": None}))
    {"pad_token": null}
    """
    return shortened(json.dumps(value, ensure_ascii=False, default=repr), LONGEST)


def read_text(path: Path) -> str:
    r"""A file in UTF-8, its line ends "\n".

    Raises `FileNotFoundError` where there is none, `CheckpointError` for any other file.
    """
    try:
        text = read_bytes(path).decode("utf-8")
    except FileNotFoundError:
        raise
    except NotADirectoryError:
        raise FileNotFoundError(str(path)) from None
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError as error:
        raise refusal(path, "must be in UTF-8", error) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_object(path: Path, *, optional: bool = False) -> dict[str, Any]:
    """A file that holds a JSON object; an empty one where an optional file is not there.

    Raises as `read_text`.
    """
    try:
        value = parse_json(read_text(path))
    except FileNotFoundError:
        if optional:
            return {}
        raise
    except ValueError as error:
        raise refusal(path, "must be valid JSON", error) from None
    if not isinstance(value, dict):
        raise refusal(path, "must be a JSON object", shown(value))
    return value
