"""What a word of a shell script becomes: variables, defaults, arithmetic, splitting at blanks."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from dualtrain.reading._shell_text import closed

__all__ = ["Scope", "Word", "expand"]

_NAME = re.compile(r"\$(\w+|[@*#?$!-])")
_PARAMETER = re.compile(r"(\w+|[@*])(?:\[([@*]|\d+)\])?(?:(:?[-=+?])(.*))?", re.DOTALL)
_PLAIN = re.compile(r"[^\\'\"$`]+")
_LONGEST = 100_000
_OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


@dataclass(frozen=True, slots=True)
class Word:
    """A word as a program is given it, and the line that decides it."""

    text: str
    line: int
    unknown: str = ""
    """Why the text is not known: it still has its `$name`."""
    file: str = ""
    """Where the line stands, if that is another file than the command's."""


@dataclass(slots=True)
class Scope:
    """What is set where a word stands."""

    variables: dict[str, list[Word]] = field(default_factory=dict)
    arguments: list[Word] | None = None
    """Of the script; None where it is not known how it is called."""

    def leaves(self, file: str) -> None:
        """What is set so far was set in a file, which another one follows."""
        every = (
            self.variables.values()
            if self.arguments is None
            else [*self.variables.values(), self.arguments]
        )
        for words in every:
            words[:] = [word if word.file else replace(word, file=file) for word in words]


@dataclass(frozen=True, slots=True)
class _Segment:
    word: Word
    split: bool = False
    """At the blanks inside, as what stands in no quotation."""
    begins: bool = False
    """A word of its own, as each of an array."""


def expand(raw: str, line: int, scope: Scope) -> list[Word]:
    """The words that a word as it is written becomes: none, one or several.

    >>> scope = Scope({"lr": [Word("5e-5", 2)], "more": [Word("--fp16 --seed 1", 3)]})
    >>> [word.text for raw in ("--lr=$lr", "$more", "'$lr'") for word in expand(raw, 9, scope)]
    ['--lr=5e-5', '--fp16', '--seed', '1', '$lr']
    >>> expand("$((2 * 8))", 9, scope), expand("$seed", 9, scope)[0].unknown
    ([Word(text='16', line=9, unknown='', file='')], 'the variable seed is not set in the file')
    """
    words, open_ = list[Word](), False
    for segment in _segments(raw, line, scope, quoted=False):
        text = segment.word.text
        pieces = text.split() if segment.split else [text]
        if segment.split and text[:1].isspace():
            open_ = False
        for number, piece in enumerate(pieces):
            part = replace(segment.word, text=piece)
            if open_ and not number and not segment.begins:
                words[-1] = _joined(words[-1], part, line)
            else:
                words.append(part)
            open_ = True
        if segment.split and text[-1:].isspace():
            open_ = False
    return words


def _joined(left: Word, right: Word, line: int) -> Word:
    decides = right if right.file or right.line != line else left
    text, unknown = (left.text + right.text)[:_LONGEST], left.unknown or right.unknown
    return replace(decides, text=text, unknown=unknown)


def _segments(raw: str, line: int, scope: Scope, *, quoted: bool) -> Iterator[_Segment]:
    at = 0
    while at < len(raw):
        if found := _PLAIN.match(raw, at):
            yield _Segment(Word(found[0], line))
            at = found.end()
        elif found := _NAME.match(raw, at):
            yield from _values(found[1], line, scope, quoted)
            at = found.end()
        else:
            end = closed(raw, at)
            yield from _special(raw[at:end], line, scope, quoted)
            at = end


def _special(piece: str, line: int, scope: Scope, quoted: bool) -> Iterator[_Segment]:
    if piece.startswith("\\"):
        kept = piece if quoted and piece[1:] not in ("$", "`", '"', "\\", "\n") else piece[1:]
        if piece[1:] != "\n":
            yield _Segment(Word(kept, line))
    elif piece.startswith("'"):
        yield _Segment(Word(piece if quoted else piece[1:].removesuffix("'"), line))
    elif piece.startswith('"'):
        inner = list(_segments(piece[1:].removesuffix('"'), line, scope, quoted=True))
        yield from inner
        if not inner and piece == '""':
            yield _Segment(Word("", line))
    elif piece.startswith("$((") and piece.endswith("))"):
        yield _Segment(_arithmetic(piece, line, scope))
    elif piece.startswith("${"):
        yield from _values(piece[2:].removesuffix("}"), line, scope, quoted)
    elif piece.startswith(("$(", "`")):
        yield _Segment(Word(piece, line, f"a command decides it: {piece}"))
    else:
        yield _Segment(Word(piece, line))


def _values(text: str, line: int, scope: Scope, quoted: bool) -> Iterator[_Segment]:
    found, many = _parameter(text, line, scope)
    if many and quoted:
        yield from (_Segment(word, begins=bool(number)) for number, word in enumerate(found))
    elif many or len(found) == 1:
        for number, word in enumerate(found):
            split = not quoted and not word.unknown
            yield _Segment(word, split=split, begins=bool(number))
    elif found:
        yield _Segment(found[0])


def _parameter(text: str, line: int, scope: Scope) -> tuple[list[Word], bool]:
    """What `${text}` stands for, and whether it is a list."""
    shape = _PARAMETER.fullmatch(text)
    if shape is None:
        return [Word(f"${{{text}}}", line, f"an expansion decides it: ${{{text}}}")], False
    name, index, rule, default = shape.groups()
    many = name in "@*" or index in ("@", "*")
    found = _set(name, scope)
    if index and not many:
        found = found[int(index) : int(index) + 1] if found and len(index) < 6 else None
    found = None if index and not found else found
    empty = found is not None and all(not word.text for word in found)
    if rule and rule[-1] == "+":
        return ([] if found is None else expand(default, line, scope)), many
    if found is not None and not (empty and rule in (":-", ":=")):
        return found if many else found[:1], many
    if rule and rule[-1] in "-=":
        value = expand(default, line, scope)
        if rule[-1] == "=":
            scope.variables[name] = value
        return value, many
    if name in "@*":
        return [Word(f"${name}", line, "the arguments that the shell script is given")], True
    if name.isdigit() and scope.arguments is not None:
        return [Word("", line)], False
    if name.isdigit():
        return [Word(f"${name}", line, f"argument {name} of the shell script is not given")], False
    return [Word(f"${name}", line, f"the variable {name} is not set in the file")], False


def _set(name: str, scope: Scope) -> list[Word] | None:
    if name in "@*":
        return scope.arguments
    if name.isdigit() and name != "0":
        given = scope.arguments or []
        return [given[int(name) - 1]] if int(name) <= len(given) else None
    return scope.variables.get(name)


def _arithmetic(piece: str, line: int, scope: Scope) -> Word:
    unknown = list[str]()

    def value(found: re.Match[str]) -> str:
        known = _set(found[1], scope)
        if known is None or known[0].unknown:
            unknown.append(known[0].unknown if known else f"the variable {found[1]} is not set")
            return "0"
        return known[0].text

    text = re.sub(r"\$?\{?\b([A-Za-z_]\w*|(?<=\$)\d+)\b\}?", value, piece[3:-2])
    try:
        number = _number(ast.parse(text.strip(), mode="eval").body)
    except (ArithmeticError, MemoryError, RecursionError, SyntaxError, ValueError):
        return Word(piece, line, f"arithmetic that is not read: {piece}")
    return Word(piece, line, unknown[0]) if unknown else Word(str(number), line)


def _number(node: ast.expr) -> int:
    """The shell's whole numbers; a quotient is cut toward zero."""
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand)
        case ast.BinOp(left=left, op=ast.Div() | ast.Mod() as op, right=right):
            one, other = _number(left), _number(right)
            quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
            return quotient if isinstance(op, ast.Div) else one - other * quotient
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            return _OPERATIONS[type(op)](_number(left), _number(right))
    raise ValueError("no whole number")
