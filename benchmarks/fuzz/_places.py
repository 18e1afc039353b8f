"""Changes to what stands at a path: another kind of thing than a file, or nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from random import Random

__all__ = ["replaced"]


def replaced(draw: Random, path: Path) -> str:
    """Put something in a file's place; says what."""
    data = path.read_bytes()
    told = draw.choice(sorted(_OTHERS))
    path.unlink()
    _OTHERS[told](path, data)
    return f"{path.name} is {told}"


def _link(target: str) -> Callable[[Path, bytes], None]:
    return lambda path, data: path.symlink_to(target)


def _socket(path: Path, data: bytes) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's name has at most some 100 bytes
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def _linked(path: Path, data: bytes) -> None:
    elsewhere = path.with_name(f"elsewhere.{path.name}")
    elsewhere.write_bytes(data)
    path.symlink_to(elsewhere.name)


_OTHERS: dict[str, Callable[[Path, bytes], object]] = {
    "missing": lambda path, data: None,
    "empty": lambda path, data: path.write_bytes(b""),
    "a folder": lambda path, data: path.mkdir(),
    "a named pipe": lambda path, data: os.mkfifo(path),
    "a socket": _socket,
    "a link to /dev/zero": _link("/dev/zero"),
    "a link to /dev/null": _link("/dev/null"),
    "a link to itself": lambda path, data: path.symlink_to(path.name),
    "a link to nothing": _link("nothing"),
    "a link to a copy": _linked,
    "twice what it was": lambda path, data: path.write_bytes(data * 2),
}
"""What stands in a file's place -> how it is put there."""
