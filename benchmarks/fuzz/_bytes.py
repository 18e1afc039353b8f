"""Changes to a file's bytes."""

from __future__ import annotations

import re
from random import Random

from benchmarks.fuzz._extremes import BYTES, NUMBERS
from benchmarks.fuzz._trees import changed, tree_of, written

__all__ = ["changed_json", "changed_line", "damaged"]


def damaged(draw: Random, data: bytes) -> tuple[bytes, str]:
    """The bytes with one change, and the change in words."""
    at, end = sorted(draw.randint(0, len(data)) for _ in range(2))
    end = min(end, at + draw.choice((1, 4, 40, len(data))))
    piece = data[at:end]
    match draw.randrange(9):
        case 0:
            return data[:at], f"cut at byte {at}"
        case 1:
            return data[:at] + data[end:], f"bytes {at} to {end} left out"
        case 2:
            return data[:end] + piece + data[end:], f"bytes {at} to {end} twice"
        case 3 | 4:
            new = draw.choice(BYTES)
            return data[:at] + new + data[at:], f"{new[:12]!r} put in at byte {at}"
        case 5:
            new = draw.choice(BYTES)
            return data[:at] + new + data[end:], f"bytes {at} to {end} become {new[:12]!r}"
        case 6:
            number = draw.choice(list(re.finditer(rb"-?\d+(\.\d+)?(e-?\d+)?", data)) or [None])
            if number is None:
                return data + b"0", "a 0 at the end"
            new = draw.choice(NUMBERS).encode()
            changed = data[: number.start()] + new + data[number.end() :]
            return changed, f"{number[0].decode()} at byte {number.start()} becomes {new[:12]!r}"
        case 7:
            lines = data.splitlines(keepends=True) or [b""]
            i, j = draw.randrange(len(lines)), draw.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
            return b"".join(lines), f"lines {i + 1} and {j + 1} change places"
        case _:
            if not data:
                return b"\n", "one line end"
            at = draw.randrange(len(data))
            flipped = data[at] ^ (1 << draw.randrange(8))
            return data[:at] + bytes([flipped]) + data[at + 1 :], f"a bit of byte {at} turned"


def changed_json(draw: Random, data: bytes) -> tuple[bytes, str]:
    """A JSON text with one change to its tree; bytes that are none are damaged, and so is a tree
    that is too deep."""
    try:
        tree, told = changed(draw, tree_of(data.decode()))
        return written(tree).encode("utf-8", "surrogatepass"), told
    except (ValueError, RecursionError):
        return damaged(draw, data)


def changed_line(draw: Random, data: bytes) -> tuple[bytes, str]:
    """JSON Lines with one change to the tree of one line."""
    lines = data.split(b"\n")
    index = draw.randrange(max(1, len(lines) - 1))
    lines[index], told = changed_json(draw, lines[index])
    return b"\n".join(lines), f"line {index + 1}: {told}"
