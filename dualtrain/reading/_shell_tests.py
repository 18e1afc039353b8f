"""Conditions of a shell script that its own text decides, such as `[ "$task" = mrpc ]`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from dualtrain.reading._shell_text import Token
from dualtrain.reading._shell_words import Scope, expand

__all__ = ["known", "matches", "truth"]

_NUMBERS = ("-eq", "-ne", "-lt", "-le", "-gt", "-ge")


def truth(condition: Sequence[Token], scope: Scope) -> bool | None:
    """Whether a condition holds; None where only a run knows.

    >>> from dualtrain.reading._shell_text import tokens
    >>> from dualtrain.reading._shell_words import Word
    >>> scope = Scope({"task": [Word("mrpc", 1)]})
    >>> [truth(list(tokens(one)), scope) for one in ("[ $task = mrpc ]", "[[ $task != m* ]]")]
    [True, False]
    >>> truth(list(tokens("[ -f data ]")), scope)
    """
    raw = [one.text for one in condition if one.text not in (";", "\n")]
    if any(one.operator and one.text not in (";", "\n", "<", ">") for one in condition):
        return None
    glob = raw[:1] == ["[["] and raw[-1:] == ["]]"]
    if not glob and not (raw[:1] == ["["] and raw[-1:] == ["]"]):
        return None
    inner = raw[1:-1]
    if inner[:1] == ["!"]:
        inside = truth([Token(one, 0) for one in (raw[0], *inner[1:], raw[-1])], scope)
        return None if inside is None else not inside
    words = [known(one, scope) for one in inner]
    match inner, words:
        case ["-z" | "-n" as which, _], [_, str(text)]:
            return (text == "") == (which == "-z")
        case [_, "=" | "==" | "!=" as which, pattern], [str(one), _, str(other)]:
            quoted = pattern.startswith(("'", '"'))
            same = fnmatchcase(one, other) if glob and not quoted else one == other
            return same == (which != "!=")
        case [_, which, _], [str(one), _, str(other)] if which in _NUMBERS:
            return _compared(one, which, other)
    return None


def _compared(one: str, which: str, other: str) -> bool | None:
    if not (one.lstrip("-").isdigit() and other.lstrip("-").isdigit()):
        return None
    left, right = int(one), int(other)
    holds = (
        left == right, left != right, left < right, left <= right, left > right, left >= right,
    )  # fmt: skip
    return holds[_NUMBERS.index(which)]


def known(raw: str, scope: Scope) -> str | None:
    """The one word that a word as it is written becomes, where the text alone says which."""
    words = expand(raw, 0, scope)
    if len(words) > 1 or any(word.unknown for word in words):
        return None
    return words[0].text if words else ""


def matches(subject: str, patterns: str) -> bool:
    """Whether one of the patterns of a branch, `a|b*`, is the subject's."""
    return any(fnmatchcase(subject, one.strip("\"'")) for one in patterns.split("|"))
