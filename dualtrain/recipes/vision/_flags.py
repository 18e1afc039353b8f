"""What a command changes in a configuration: `-o Optimizer.lr.learning_rate=0.1`, `--iters 100`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dualtrain.reading import Node
from dualtrain.reading._data_text import yaml_node
from dualtrain.recipes.vision._reading import number

__all__ = ["applied"]

OPTIONS = ("o", "opt", "opts", "override")
"""Flags whose words are `key=value`, the key dotted."""


def applied(tree: Node, words: Sequence[Node], known: Mapping[str, str]) -> Node:
    """A tree after the words of a command; `known`: flag -> the key that it sets.

    Flags that set no key are left out: they name files, or what is printed. A flag without a
    value is a switch.

    >>> from dualtrain.reading import Place
    >>> at = Place("the command line", 0)
    >>> words = [Node(word, at) for word in "--iters 100 -o lr.end=0 lr.name=Step --amp".split()]
    >>> applied(Node({}, at), words, {"iters": "iters", "amp": "--amp"}).plain()
    {'iters': 100, 'lr': {'end': 0, 'name': 'Step'}, '--amp': True}
    """
    flag = ""
    for word in words:
        text = str(word.value)
        if text.startswith("-") and number(text) is None:
            flag, equals, text = text.lstrip("-").partition("=")
            if not equals:
                if flag in known:
                    tree = _put(tree, known[flag].split("."), Node(True, word.place))
                continue
        if flag in OPTIONS and "=" in text:
            key, _, value = text.partition("=")
            tree = _put(tree, key.split("."), _read(value, word))
        elif flag in known:
            tree = _put(tree, known[flag].split("."), _typed(_read(text, word)))
    return tree


def _read(text: str, word: Node) -> Node:
    return Node(yaml_node(text, word.place.file).value, word.place)


def _typed(node: Node) -> Node:
    """A flag is read by `type=float`, to which `1e-4` is a number."""
    read = number(node.value) if isinstance(node.value, str) else None
    return node if read is None else Node(read, node.place)


def _put(tree: Node, keys: Sequence[str], new: Node) -> Node:
    first, *rest = keys
    if isinstance(tree.value, list) and first.isdigit() and int(first) < len(tree.value):
        items = list(tree.value)
        items[int(first)] = _put(items[int(first)], rest, new) if rest else new
        return Node(items, tree.place, tree.tag)
    below = dict(tree.value) if isinstance(tree.value, dict) else {}
    below[first] = _put(below.get(first, Node({}, new.place)), rest, new) if rest else new
    return Node(below, tree.place, tree.tag)
