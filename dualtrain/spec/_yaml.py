"""Reads YAML with the line of every key.

Plain words mean what YAML 1.2 says, not what PyYAML's YAML 1.1 does: `5e-5` is a number (PyYAML
reads text), `no` is text (it reads false), `010` is ten (it reads eight). A spec is data, so tags
and aliases are refused, and with them whatever they could construct or expand to.
"""

from __future__ import annotations

import re

import yaml

from dualtrain.fields import Malformed, Positions, Steps

__all__ = ["read_yaml"]

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def read_yaml(text: str) -> tuple[object, Positions]:
    """The data of a YAML document, and where its keys stand; `Malformed` if it is not one."""
    _check_line_ends(text)
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = None if mark is None else mark.line + 1
        rule = ", ".join(filter(None, (error.context, error.problem)))
        written = text.split("\n")[line - 1] if line is not None else ""
        raise Malformed(f"not valid YAML: {rule}{_cure(rule, written)}", line) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Malformed(f"not valid YAML: {error.reason}", line) from None
    positions = Positions()
    return (None if root is None else _build(root, (), positions)), positions


def _check_line_ends(text: str) -> None:
    """Refuse what ends a line in YAML 1.1, to PyYAML, and is a character in YAML 1.2."""
    found = re.search("[\x85\u2028\u2029]", text)
    if found is not None:
        rule = f"U+{ord(found[0]):04X} ends a line to some who read YAML only: leave it out"
        raise Malformed(f"not valid YAML: {rule}", text.count("\n", 0, found.start()) + 1)


_WIDE = re.compile("[\uff0c\uff1a\uff1b\uff3b\uff3d\uff5b\uff5d\u3001\u201c\u201d\u2018\u2019]")
_CURES = {
    "'\\t'": "indent with spaces",
    "mapping values": "a part's keys begin in one column, each with a space after its colon",
    "<block end>": "a part's keys begin in one column",
    "',' or '}'": "a comma parts two fields, and every { has its }",
}
"""What PyYAML's words have in them -> the way out."""


def _cure(rule: str, line: str) -> str:
    """What to mend in a line that is no YAML, as the end of the rule."""
    if re.match(r"\s*\w+:\s+\w+:", line):
        return "; a part on one line stands in braces: {key: value, ...}"
    if _WIDE.search(line):
        return "; write punctuation as ASCII has it, : and , and quotes"
    return next((f"; {cure}" for words, cure in _CURES.items() if words in rule), "")


class _Loader(yaml.SafeLoader):
    """Composes nodes without aliases and without tags; constructs nothing."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise Malformed(f"a spec has no aliases; write *{event.anchor} out", line)
        if getattr(event, "tag", None) is not None:
            raise Malformed(f"a spec has no YAML tags; leave {event.tag!r} out", line)
        return super().compose_node(parent, index)


def _build(node: yaml.Node, steps: Steps, positions: Positions) -> object:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, steps, positions)
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            positions.add((*steps, index), item.start_mark.line + 1)
            items.append(_build(item, (*steps, index), positions))
        return items
    assert isinstance(node, yaml.ScalarNode)
    return _scalar(node)


def _mapping(node: yaml.MappingNode, steps: Steps, positions: Positions) -> dict[str, object]:
    data = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise Malformed("a key must be plain text, not a list or a mapping", line)
        positions.add((*steps, key.value), line)
        data[key.value] = _build(value, (*steps, key.value), positions)
    return data


def _scalar(node: yaml.ScalarNode) -> object:
    text: str = node.value
    if node.style is not None:  # quoted, or a block of text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text
