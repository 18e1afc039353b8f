"""From layers that go together to lines: which way round a matrix lies, what is joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dualtrain.twins._match import BY_ORDER, Pairs
from dualtrain.twins._tensors import Tensor
from dualtrain.twins._term import Term
from dualtrain.twins._tree import Layer
from dualtrain.twins._twins import Line

__all__ = ["Proposed", "lines_of"]

SQUARE = "square, so that no shape tells whether it is .T"
PATCHES = "if a patch is flattened channels first; else {}.permute(0, 2, 3, 1)"
ROWS = "if its rows are all of query, then of key, of value; where head by head, .heads(n)"

_IN_ORDER = {"MultiheadAttention", "Conv1D"}
"""Classes of torch and transformers whose fused tensors hold query, key, value in this order."""

_OUT_IN = {"Linear", "MultiheadAttention", "NonDynamicallyQuantizableLinear", "Embedding"}
"""Classes of the frameworks whose matrices are canonical: (out, in), (rows, size)."""


@dataclass(frozen=True)
class Proposed:
    """A line, and what of it is no more than likely."""

    line: Line
    doubt: str


@dataclass(frozen=True)
class _Case:
    """Tensors that are one line, and the ways in which their shapes fit."""

    ways: Sequence[tuple[Line, bool]]
    """Each with whether one side lies the other way round."""
    owners: tuple[str, str]
    doubt: str

    @property
    def settled(self) -> bool | None:
        """What its shapes alone say of its owners' matrices; None if nothing."""
        is_matrix = len(self.ways[0][0].source[0].shape) == 2
        return self.ways[0][1] if len(self.ways) == 1 and is_matrix else None


def lines_of(pairs: Pairs) -> list[Proposed]:
    """The lines of all layers, but for tensors whose shapes fit in no way.

    What the shapes say of two classes that hold matrices holds for their square ones too.
    """
    cases = []
    for source, target, doubt in pairs:
        for ours, theirs, unsure in _groups(source, target):
            ways = list(_ways(ours, theirs))
            if ways:
                owners = ours[0].owner, theirs[0].owner
                cases.append(_Case(ways, owners, doubt or unsure))
    votes: dict[tuple[str, str], Counter[bool]] = {}
    for case in cases:
        if case.settled is not None:
            votes.setdefault(case.owners, Counter())[case.settled] += 1
    return [_decided(case, votes.get(case.owners, Counter())) for case in cases]


def _groups(
    source: Layer, target: Layer
) -> Iterator[tuple[Sequence[Tensor], Sequence[Tensor], str]]:
    """What of two layers is one line."""
    roles = list(zip(source.tensors, target.tensors, strict=False))
    doubt = BY_ORDER
    if source.tensors.keys() == target.tensors.keys():
        roles, doubt = [(role, role) for role in source.tensors], ""
    for ours, theirs in roles:
        yield from (
            (x, y, doubt) for x, y in _by_part(source.tensors[ours], target.tensors[theirs])
        )


def _by_part(
    source: Mapping[str, Tensor], target: Mapping[str, Tensor]
) -> Iterator[tuple[Sequence[Tensor], Sequence[Tensor]]]:
    """Query, key and value, by what both sides hold together."""
    for part, tensor in source.items():
        finer = [other for other in target if other in part]
        if part in target:
            yield [tensor], [target[part]]
        elif finer:
            yield [tensor], [target[other] for other in finer]
    for part, tensor in target.items():
        finer = [other for other in source if other in part]
        if part not in source and len(finer) > 1:
            yield [source[other] for other in finer], [tensor]


def _ways(source: Sequence[Tensor], target: Sequence[Tensor]) -> Iterator[tuple[Line, bool]]:
    """The lines that the shapes allow, each with whether one side lies the other way round."""
    one_each = len(source) == len(target)
    for ours, theirs in ((), ()), ((), (1, 0)), ((1, 0), ()), ((1, 0), (1, 0)):
        line = Line(_terms(source, ours), _terms(target, theirs))
        if line.problem() is None:
            yield line, ours != theirs
        if one_each and theirs:
            return


def _terms(tensors: Sequence[Tensor], axes: tuple[int, ...]) -> tuple[Term, ...]:
    return tuple(Term(name=one.name, axes=axes, shape=one.shape) for one in tensors)


def _decided(case: _Case, votes: Counter[bool]) -> Proposed:
    """The way that the owners' other matrices lie; without any, as they are."""
    turned = len(votes) == 1 and next(iter(votes))
    known = len(votes) == 1 or set(case.owners) <= _OUT_IN
    line = next((line for line, way in case.ways if way is turned), case.ways[0][0])
    if len(case.ways) > 1 and not known:
        return Proposed(line, case.doubt or SQUARE)
    return Proposed(line, case.doubt or _of_rows(case, line) or _of_patches(line))


def _of_rows(case: _Case, line: Line) -> str:
    """What is assumed of the order in a tensor of query, key and value."""
    for owner, terms, others in zip(
        case.owners, (line.source, line.target), (line.target, line.source), strict=True
    ):
        if len(terms) < len(others) and owner not in _IN_ORDER:
            return ROWS
    return ""


def _of_patches(line: Line) -> str:
    """What is assumed of a convolution whose twin is a matrix."""
    for ours, others in ((line.source, line.target), (line.target, line.source)):
        sizes, flat = (_sizes(terms[0]) for terms in (ours, others))
        if len(sizes) > 2 > 1 < ours[0].shape[1] and len(flat) == 2:
            return PATCHES.format(replace(ours[0], axes=()))
    return ""


def _sizes(term: Term) -> list[int]:
    return [size for size in term.shape if size > 1]
