"""JSON as it is written: keys may stand twice, and a number is its text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.fuzz._extremes import NUMBERS, TEXTS

__all__ = ["Members", "Token", "changed", "flat", "parsed", "quoted", "tree_of", "written"]


@dataclass(frozen=True)
class Token:
    """A number or a word, as it is written; or whatever stands in its place."""

    text: str


class Members(list[tuple[str, Any]]):
    """An object's keys and values, in order."""


_WORDS = {None: "null", True: "true", False: "false"}


def tree_of(text: str) -> Any:
    """The tree of a valid JSON text."""
    return _tokens(
        json.loads(
            text,
            object_pairs_hook=Members,
            parse_int=Token,
            parse_float=Token,
            parse_constant=Token,
        )
    )


def _tokens(tree: Any) -> Any:
    if isinstance(tree, Members):
        return Members((key, _tokens(value)) for key, value in tree)
    if isinstance(tree, list):
        return [_tokens(value) for value in tree]
    return Token(_WORDS[tree]) if tree is None or isinstance(tree, bool) else tree


def quoted(text: str) -> str:
    """A text in JSON, escaped only where it must be."""
    try:
        json.dumps(text, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(text)
    return json.dumps(text, ensure_ascii=False)


def written(tree: Any, colon: str = ": ") -> str:
    """The tree as text on one line."""
    if isinstance(tree, Members):
        return f"{{{', '.join(f'{quoted(k)}{colon}{written(v, colon)}' for k, v in tree)}}}"
    if isinstance(tree, list):
        return f"[{', '.join(written(value, colon) for value in tree)}]"
    return tree.text if isinstance(tree, Token) else quoted(tree)


Place = tuple[Any, int]
"""An object or a list, and which of what it holds."""


def _places(tree: Any) -> Iterator[Place]:
    if isinstance(tree, list):
        for index, item in enumerate(tree):
            yield tree, index
            yield from _places(item[1] if isinstance(tree, Members) else item)


def changed(draw: Random, tree: Any) -> tuple[Any, str]:
    """A copy of the tree with one change, and the change in words."""
    tree = deepcopy(tree)
    places = list(_places(tree))
    if not places:
        return _other(draw, tree), "another value"
    holder, index = draw.choice(places)
    named = isinstance(holder, Members)
    key, value = holder[index] if named else (str(index), holder[index])
    key_told = key if len(key) < 40 else f"{key[:40]}..."
    match draw.randrange(12):
        case 0 | 1:
            del holder[index]
            return tree, f"{key_told} left out"
        case 2 if named:
            again = draw.choice((value, _other(draw, value)))
            holder.insert(draw.randint(0, len(holder)), (key, again))
            return tree, f"key {key_told} twice"
        case 3 if named:
            new = draw.choice((key.upper(), f"{key} ", key[:-1], f"{key}s", draw.choice(TEXTS)))
            holder[index] = (new, value)
            return tree, f"key {key_told} becomes {new[:20]!r}"
        case 4:
            draw.shuffle(holder)
            return tree, f"what is beside {key_told} in another order"
        case 5:
            other, at = draw.choice(places)
            found = other[at][1] if isinstance(other, Members) else other[at]
            new = deepcopy(found)
        case 6 if named:
            holder.append((draw.choice(TEXTS), _other(draw, value)))
            return tree, f"one more key beside {key_told}"
        case 6:
            holder.insert(index, deepcopy(value))
            return tree, f"{key_told} twice in its list"
        case 7:
            new = draw.choice(([value], [], Members(), Members([(key, value)]), Token("null")))
        case 8:
            depth = draw.choice((3, 300, 5_000))
            new = Token("[" * depth + "]" * depth)
        case _:
            new = _other(draw, value)
    holder[index] = (key, new) if named else new
    return tree, f"{key_told} becomes {written(new)[:40]}"


def _other(draw: Random, value: Any) -> Any:
    """Something in a value's place: near it, extreme, or of another type."""
    choices: list[Any] = [Token(draw.choice(NUMBERS)), draw.choice(TEXTS)]
    if isinstance(value, Token):
        choices += [value.text, Token("true"), Token("false")]
        try:
            number = float(value.text)
            near = (number * (1 + 1e-7), number * 1.01, number * 2, -number)
            choices += [Token(repr(draw.choice(near))) for _ in range(4)]
            choices += [Token(str(int(number) + draw.choice((-1, 1))))]
        except (ValueError, OverflowError):
            pass
    elif isinstance(value, str):
        at = draw.randint(0, len(value))
        choices += [Token(value), value[:at] + value[at + 1 :], value.upper(), f"{value} "]
        choices += [value[:at] + draw.choice(TEXTS) + value[at:] for _ in range(3)]
    return draw.choice(choices)


class Twice(ValueError):
    """A key stands twice in one object."""


def parsed(text: str | bytes) -> Any:
    """What a JSON text says. Raises `ValueError` if it is none, or says a thing twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise Twice
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Dotted path -> each number, text, word, or empty object or list."""
    if isinstance(value, dict) and value:
        pairs = [(f"{path}.{key}", part) for key, part in value.items()]
    elif isinstance(value, list | tuple) and value:
        pairs = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
    else:
        return {path.removeprefix("."): value}
    return {name: leaf for at, part in pairs for name, leaf in flat(part, at).items()}
