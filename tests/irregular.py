"""What may stand in place of a file that is to be read."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["IRREGULAR", "make_irregular"]

IRREGULAR = ("a named pipe", "a folder", "a device")


def make_irregular(path: Path, kind: str) -> None:
    """Put one of IRREGULAR there; a device by a link, which is followed."""
    match kind:
        case "a named pipe":
            os.mkfifo(path)
        case "a folder":
            path.mkdir()
        case "a device":
            path.symlink_to("/dev/zero")
        case _:
            raise ValueError(kind)
