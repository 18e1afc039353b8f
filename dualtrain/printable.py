"""Text from elsewhere, made printable: a name or a note may hold what a terminal would obey."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["escaped", "printable", "refusal", "shortened", "shown"]


def escaped(text: str, *, but: str = "") -> str:
    r"""The text with what is no visible character written out, and so on one line.

    Those are control characters, line breaks, what turns the direction of writing, halves of
    surrogate pairs; spaces of any width stay, and the characters of `but`.

    >>> print(escaped("a\x1b[31m\nb"))
    a\x1b[31m\nb
    """
    if text.isprintable():
        return text
    return "".join(
        one
        if one.isprintable() or one in but or unicodedata.category(one) == "Zs"
        else one.encode("unicode_escape").decode()
        for one in text
    )


def printable(text: str, *, but: str = "", longest: int = 200) -> str:
    """The text escaped, and the middle of every word left out that is longer than `longest`.

    >>> len(printable("x" * 100_000))
    203
    """
    return re.sub(
        rf"\S{{{longest + 1},}}",
        lambda word: f"{word[0][:100]}...{word[0][-100:]}",
        escaped(text, but=but),
    )


def refusal(text: str) -> str:
    """A message as it is printed, on the lines that it has.

    What it repeats may be of any length; only what is longer than any path is cut.
    """
    return printable(text, but="\n", longest=4096)


def shortened(text: str, most: int = 60) -> str:
    """The first `most` characters of a text that is longer.

    >>> shortened("a text of many words", 6)
    'a text...'
    """
    return text if len(text) <= most else f"{text[:most]}..."


def shown(value: object, most: int = 60) -> str:
    """A value as a message repeats it: its `repr`, shortened."""
    return shortened(repr(value), most)
