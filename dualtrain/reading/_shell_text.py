"""The text of a shell script, cut into words and operators; nothing is expanded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["PLACEHOLDER", "Token", "closed", "tokens"]

_BLANKS = re.compile(r"[^\S\n]+")
_CONTINUED = re.compile(r"\\\r?\n")
_BROKEN = re.compile(r"\\[ \t]+\r?\n")
_COMMENT = re.compile(r"#[^\n]*")
PLACEHOLDER = re.compile(
    r"<[A-Za-z_](?:[^<>|&;$\n]*[^\s<>|&;$])?>"
    r"|<\w[^<>&;$\n]*\|[^<>&;$\n]*[^\s<>|&;$]>(?=\s|$)"
    r"|\{[^\s{};$,][^{};$\n]*[ |][^{};$\n]*\}"
)
"""What a README has where a user's own word goes: `<path>`, `<a|b>`, `{a | b}`."""

_OPTIONAL = re.compile(r"\[--?[A-Za-z][^\[\]\n]*\](?=\s|$)")
"""Flags that a README says may be given; they are not."""

_HEREDOC = re.compile(r"<<(-?)[ \t]*(['\"\\]?)([^\s'\";&|<>()]+)['\"]?")
_ARITHMETIC = re.compile(r"\(\((?:[^()]|\([^()]*\))*\)\)")
_OPERATOR = re.compile(r"\d*(?:<<<|>>|>&|<&|>\||&>>|<>|[<>])|&>>?|&&|\|\||\|&|;;&?|;&|[;&|()\n]")
_PLAIN = re.compile(r"[^\s;&|()<>\\'\"$`{]+|\{")
_ARRAY = re.compile(r"\w+\+?=\(")
_SWITCH = {"$(": ")", "${": "}"}


@dataclass(frozen=True, slots=True)
class Token:
    """A word as it is written, quotes and all, or an operator."""

    text: str
    line: int
    operator: bool = False


def tokens(text: str, line: int = 1) -> Iterator[Token]:
    """The words and operators of a script whose first line is `line`; comments are left out.

    A line that ends with a backslash and blanks is read on, with an operator `\\` in its place: a
    shell would end the command there. A placeholder such as `<path>` or `{a | b}` is a word; what
    may be left out, `[--flag]`, is none.

    >>> [token.text for token in tokens("lr=5e-5  # a rate\\npython run.py --lr '$lr' > log")]
    ['lr=5e-5', '\\n', 'python', 'run.py', '--lr', "'$lr'", '>', 'log']
    """
    at, heredocs = 0, list[tuple[str, bool]]()
    while at < len(text):
        if found := _BLANKS.match(text, at) or _CONTINUED.match(text, at):
            token = None
        elif found := _BROKEN.match(text, at):
            token = Token("\\", line, operator=True)
        elif found := _COMMENT.match(text, at) or _OPTIONAL.match(text, at):
            token = None
        elif PLACEHOLDER.match(text, at):
            found, token = None, Token(text[at : _word_end(text, at)], line)
        elif found := _HEREDOC.match(text, at):
            heredocs.append((found[3], bool(found[1])))
            token = None
        elif found := _ARITHMETIC.match(text, at) or _OPERATOR.match(text, at):
            token = Token(found[0], line, operator=True)
        else:
            found, token = None, Token(text[at : _word_end(text, at)], line)
        end = found.end() if found else at + len(token.text) if token else at + 1
        if token:
            yield token
        line += text.count("\n", at, end)
        at = end
        if token and token.text == "\n" and heredocs:
            for delimiter, tabs in heredocs:
                end = _after_heredoc(text, at, delimiter, tabs)
                line += text.count("\n", at, end)
                at = end
            heredocs.clear()


def _word_end(text: str, at: int) -> int:
    while at < len(text):
        if found := _ARRAY.match(text, at):
            at = closed(text, found.end() - 1)
        elif found := PLACEHOLDER.match(text, at) or _PLAIN.match(text, at):
            at = found.end()
        elif text[at] in "'\"`$" or (text[at] == "\\" and not _CONTINUED.match(text, at)):
            at = closed(text, at)
        else:
            break
    return at


def _after_heredoc(text: str, at: int, delimiter: str, tabs: bool) -> int:
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end + 1
        row = text[at:end].rstrip("\r\n")
        at = end
        if (row.lstrip("\t") if tabs else row) == delimiter:
            break
    return at


def closed(text: str, at: int) -> int:
    """Where what begins at `at` ends: a quotation, a substitution, or one character.

    >>> closed('"$(echo ")")" x', 0)
    13
    """
    ends = list[str]()
    while at < len(text):
        one, end = text[at], ends[-1] if ends else ""
        if end == "'":
            if one == "'":
                ends.pop()
        elif one == "\\":
            at += 1
        elif one == end:
            ends.pop()
        elif text[at : at + 2] in _SWITCH:
            ends.append(_SWITCH[text[at : at + 2]])
            at += 1
        elif one in '"`' or (one == "'" and end != '"'):
            ends.append(one)
        elif one == "(" and end in ("", ")"):
            ends.append(")")
        at += 1
        if not ends:
            break
    return min(at, len(text))
