"""Files that come from elsewhere: read whole, once they are known to have an end.

A named pipe would be waited for and a device may never end, so neither is opened to be read. Each
room words its own refusal; what is wrong is an `OSError` or a `ValueError` here, with a message
that a refusal can quote.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["irregular", "parse_json", "read_bytes", "read_header", "reason"]

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def irregular(path: str | os.PathLike[str]) -> str | None:
    """What stands at `path` in place of a regular file, in words; None for one, or for nothing.

    >>> irregular(os.devnull)
    'a device'
    """
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):  # nothing is there, or nothing can be called so
        return None
    return next((kind for is_one, kind in _KINDS if is_one(mode)), None)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All of a regular file.

    Raises `OSError`, of which `reason` says why, for anything that cannot be read to an end.
    """
    path = Path(path)
    kind = irregular(path)
    if kind is not None:
        raise OSError(errno.EINVAL, f"{kind}, not a regular file", str(path))
    try:
        return path.read_bytes()
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, str(error), str(path)) from None


def reason(error: OSError) -> str:
    """Why a file could not be read or written, as the system says it."""
    return error.strerror or str(error)


def parse_json(text: str | bytes) -> Any:
    """What a JSON document says; of keys that stand twice in one object neither is believed.

    Raises `ValueError` with what is wrong, nesting that is too deep included.

    >>> parse_json('{"lr": 1, "lr": 2}')
    Traceback (most recent call last):
    ...
    ValueError: key 'lr' twice in one object
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_header(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """What a safetensors file says it holds, name -> type as `F32` and shape; no number is read.

    Raises `OSError`, and `ValueError` for a file that is none, or has a name twice: of two tensors
    of one name safetensors takes the last.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            found = {n: (one.get_dtype(), tuple(one.get_shape())) for n, one in slices.items()}
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    with path.open("rb") as opened:
        parse_json(opened.read(int.from_bytes(opened.read(8), "little")))
    return found


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key!r} twice in one object")
        found[key] = value
    return found
