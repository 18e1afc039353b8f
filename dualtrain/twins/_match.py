"""Which layer of one model is which of the other: by size in the tree, by words, by order.

Two modules whose numbers are as many, in matrices, in vectors and in statistics, are one; of
several alike, those whose names share the words that tell them apart. A module that has no such
counterpart is taken for what it holds: so another nesting does not matter. The largest come first;
what a smaller one could be mistaken for has its counterpart by then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from dualtrain.twins._tree import Layer, Module, Node, Weight, layers_in

__all__ = ["BY_ORDER", "Pairs", "match"]

BY_ORDER = "by order alone"
"""Why a pair is no more than likely."""

N = TypeVar("N", Layer, Module)


Pairs = list[tuple[Layer, Layer, str]]


def match(source: Sequence[Node], target: Sequence[Node]) -> Pairs:
    """The layers of two trees that go together, each pair with its doubt."""
    found: Pairs = []
    _into(found, list(source), list(target), "")
    return found


def _into(found: Pairs, source: list[Node], target: list[Node], doubt: str) -> None:
    """Match the layers in these parts of two models, which go together."""
    while modules := [node for node in (*source, *target) if isinstance(node, Module)]:
        largest = max(sum(module.weight) for module in modules)
        for weight in {one.weight for one in modules if sum(one.weight) == largest}:
            ours, theirs = (_of(weight, side, Module) for side in (source, target))
            if len(ours) != len(theirs):
                for side, those in ((source, ours), (target, theirs)):
                    for module in those:
                        place = side.index(module)
                        side[place : place + 1] = module.children
                continue
            for x, y, unsure in _paired(ours, theirs):
                source.remove(x)
                target.remove(y)
                _into(found, list(x.children), list(y.children), doubt or unsure)
    _layers(found, list(layers_in(source)), list(layers_in(target)), doubt)


def _layers(found: Pairs, source: list[Layer], target: list[Layer], doubt: str) -> None:
    for weight in dict.fromkeys(layer.weight for layer in source):
        ours, theirs = _of(weight, source, Layer), _of(weight, target, Layer)
        if len(ours) == len(theirs):
            found += [(x, y, doubt or unsure) for x, y, unsure in _paired(ours, theirs)]


def _of(weight: Weight, nodes: Sequence[Node], kind: type[N]) -> list[N]:
    return [node for node in nodes if isinstance(node, kind) and node.weight == weight]


def _paired(source: Sequence[N], target: Sequence[N]) -> list[tuple[N, N, str]]:
    """As many nodes of one size, each with its own: by the words of their names, else by order."""
    if len(source) == 1:
        return [(source[0], target[0], "")]
    ours, theirs = _telling(source), _telling(target)
    left, right, pairs = list(range(len(source))), list(range(len(target))), []
    while best := _best(ours, theirs, left, right):
        pairs += [(x, y, "") for x, y in best]
        left = [x for x in left if x not in {x for x, _ in best}]
        right = [y for y in right if y not in {y for _, y in best}]
    doubt = BY_ORDER if len(left) > 1 else ""
    pairs += [(x, y, doubt) for x, y in zip(left, right, strict=True)]
    return [(source[x], target[y], unsure) for x, y, unsure in sorted(pairs)]


Words = list[frozenset[str]]


def _telling(nodes: Sequence[Node]) -> Words:
    """Of each its words, without those that all have; and its place, where it is of a series.

    A series are those that differ in their numbers alone: layers.0 and layers.1, norm1 and norm2.
    The place counts, not the number: one side may begin at 1, or have activations between.
    """
    series: dict[str, list[tuple[int, ...]]] = {}
    for node in nodes:
        series.setdefault(_without_numbers(node), []).append(_numbers(node))
    shared = frozenset.intersection(*(node.words for node in nodes))
    told = []
    for node in nodes:
        words = {word for word in node.words - shared if not word.isdecimal()}
        members = sorted(series[_without_numbers(node)])
        if len(members) > 1:
            words.add(str(members.index(_numbers(node))))
        told.append(frozenset(words))
    return told


def _without_numbers(node: Node) -> str:
    return re.sub(r"\d+", "#", node.path)


def _numbers(node: Node) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", node.path)))


def _best(ours: Words, theirs: Words, left: list[int], right: list[int]) -> list[tuple[int, int]]:
    """The pairs that share more words, of those that either has, than either with any other."""
    scores = {(x, y): _shared(ours[x], theirs[y]) for x in left for y in right}
    rows = {x: sorted(scores[x, y] for y in right)[-2:] for x in left}
    columns = {y: sorted(scores[x, y] for x in left)[-2:] for y in right}
    return [
        (x, y)
        for (x, y), score in scores.items()
        if score and _leads(score, rows[x]) and _leads(score, columns[y])
    ]


def _leads(score: float, two: list[float]) -> bool:
    """Whether it is the larger of the two that are best, and no other is as large."""
    return two[-1] == score and two[:-1] != [score]


def _shared(x: frozenset[str], y: frozenset[str]) -> float:
    return len(x & y) / len(x | y) if x & y else 0.0
