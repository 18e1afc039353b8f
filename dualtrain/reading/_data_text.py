"""The data of a YAML or JSON text, each value with its line; nothing is constructed.

YAML is read as PyYAML's safe loader reads it, which is YAML 1.1: `1e-4` is text, for it has no dot.
A tag is kept as a word beside the value, whatever class it names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from dualtrain.errors import SourceError
from dualtrain.files import parse_json
from dualtrain.reading._node import Node
from dualtrain.reading._place import Place

__all__ = ["json_node", "yaml_node"]

_MERGE = "tag:yaml.org,2002:merge"
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s"{}\[\]:,]+')
_MOST = 100_000
_DEEP = "too deeply nested to be read"


class _Exponents(yaml.SafeLoader):
    """A loader to which `1e-4` is a number, as to OmegaConf's and to those of YAML 1.2."""


_Exponents.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def yaml_node(text: str, file: str, *, exponents: bool = False) -> Node:
    """What a YAML document says; an empty one says null.

    exponents: whether `1e-4` is a number to the program's reader; to PyYAML's it is text.

    Raises `SourceError`: it is no YAML, several documents, or aliases that write it out beyond
    measure.

    >>> tree = yaml_node("lr: !Cosine {base: 1e-4, end: 1.0e-6}", "a.yml")
    >>> tree.plain(), tree.get("lr").tag
    ({'lr': {'base': '1e-4', 'end': 1e-06}}, 'Cosine')
    """
    try:
        loader = (_Exponents if exponents else yaml.SafeLoader)(text)
        root = loader.get_single_node()
        return Node(None, Place(file, 1)) if root is None else _Tree(loader, file).node(root)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark
        line = 0 if mark is None else mark.line + 1
        rule = ", ".join(filter(None, (fault.context, fault.problem)))
        raise SourceError(_refusal(file, line, f"not YAML: {rule}", text)) from None
    except yaml.reader.ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1
        raise SourceError(f"{file}:{line}: not YAML: {fault.reason}") from None
    except RecursionError:
        raise SourceError(f"{file}: {_DEEP}") from None


def _refusal(file: str, line: int, rule: str, text: str) -> str:
    rows = text.splitlines()
    received = rows[line - 1].strip()[:80] if 0 < line <= len(rows) else ""
    return f"{Place(file, line)}: {rule}. Received: {received!r}"


@dataclass(slots=True)
class _Tree:
    loader: yaml.SafeLoader
    file: str
    _made: dict[yaml.Node, tuple[Node, int] | None] = field(default_factory=dict)
    """What each node of YAML has become, and its size written out; None while it is made."""

    def node(self, node: yaml.Node) -> Node:
        return self._sized(node)[0]

    def _sized(self, node: yaml.Node) -> tuple[Node, int]:
        if node in self._made:
            made = self._made[node]
            if made is None:
                raise self._refused(node, "an alias stands in what it stands for")
            return made
        self._made[node] = None
        value, size = self._value(node)
        if size > _MOST:
            raise self._refused(node, f"its aliases write out more than {_MOST} values")
        line = node.start_mark.line + 1
        made = Node(value, Place(self.file, line), self._tag(node)), size
        self._made[node] = made
        return made

    def _refused(self, node: yaml.Node, rule: str) -> SourceError:
        return SourceError(f"{Place(self.file, node.start_mark.line + 1)}: {rule}; write it out")

    def _known(self, node: yaml.Node) -> bool:
        return node.tag in yaml.SafeLoader.yaml_constructors or node.tag == _MERGE

    def _tag(self, node: yaml.Node) -> str:
        word: str = node.tag
        return "" if self._known(node) else word.removeprefix("tag:yaml.org,2002:").lstrip("!")

    def _value(self, node: yaml.Node) -> tuple[Any, int]:
        if isinstance(node, yaml.MappingNode):
            pairs = self._pairs(node)
            return {key: one for key, (one, _) in pairs.items()}, 1 + _sum(pairs.values())
        if isinstance(node, yaml.SequenceNode):
            items = [self._sized(item) for item in node.value]
            return [one for one, _ in items], 1 + _sum(items)
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node), 1

    def _pairs(self, node: yaml.MappingNode) -> dict[str, tuple[Node, int]]:
        own, merged = dict[str, tuple[Node, int]](), dict[str, tuple[Node, int]]()
        for key, value in node.value:
            if key.tag == _MERGE:
                several = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for one in several:
                    if not isinstance(one, yaml.MappingNode):
                        raise self._refused(one, "<< takes a mapping or a list of them")
                    merged = {**self._pairs(one), **merged}
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise self._refused(key, "a key is a list or a mapping")
            found, size = self._sized(value)
            own[key.value] = _at_key(found, key.start_mark.line + 1), size
        return {**merged, **own}

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if not self._known(node):
            plain = (node.style is None, node.style is not None)
            tag = self.loader.resolve(yaml.ScalarNode, node.value, plain)  # type: ignore[no-untyped-call]
            node = yaml.ScalarNode(tag, node.value, node.start_mark, node.end_mark, node.style)
        try:
            return self.loader.construct_object(node)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as fault:
            rule = f"not a value of its kind: {fault}. Received: {node.value[:80]!r}"
            raise SourceError(f"{Place(self.file, node.start_mark.line + 1)}: {rule}") from None


def _sum(sized: Iterator[tuple[Node, int]] | Any) -> int:
    return sum(size for _, size in sized)


def _at_key(node: Node, line: int) -> Node:
    """A value at the line of its key, unless an alias has it from elsewhere."""
    return node if node.place.line < line else replace(node, place=Place(node.place.file, line))


def json_node(text: str, file: str) -> Node:
    """What a JSON document says; `1e-4` is a number here.

    Raises `SourceError`: it is no JSON, or has a key twice in one object.

    >>> tree = json_node('{"lr": 1e-4,\\n "betas": [0.9, 0.99]}', "a.json")
    >>> tree.plain(), str(tree.get("betas.1").place)
    ({'lr': 0.0001, 'betas': [0.9, 0.99]}, 'a.json:2')
    """
    try:
        parse_json(text)
        tokens = _tokens(text)
        first, line = next(tokens)
        return _json(first, line, tokens, file)
    except json.JSONDecodeError as fault:
        raise SourceError(_refusal(file, fault.lineno, f"not JSON: {fault.msg}", text)) from None
    except RecursionError:
        raise SourceError(f"{file}: {_DEEP}") from None
    except ValueError as fault:
        raise SourceError(f"{file}: {fault}") from None


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line, at = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        yield match[0], line


def _json(token: str, line: int, tokens: Iterator[tuple[str, int]], file: str) -> Node:
    """The value that begins with this token; the text is valid JSON."""
    place = Place(file, line)
    if token == "{":
        members = dict[str, Node]()
        for key, at in tokens:
            if key == "}":
                break
            if key != ",":
                next(tokens)  # the colon
                value, _ = next(tokens)
                members[json.loads(key)] = _json(value, at, tokens, file)
        return Node(members, place)
    if token == "[":
        items = list[Node]()
        for one, at in tokens:
            if one == "]":
                break
            if one != ",":
                items.append(_json(one, at, tokens, file))
        return Node(items, place)
    return Node(json.loads(token), place)
