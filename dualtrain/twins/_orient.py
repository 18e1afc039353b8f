"""From layers that go together to lines: which way round a matrix lies, what is joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dualtrain.twins._match import BY_ORDER
from dualtrain.twins._tensors import Tensor
from dualtrain.twins._term import Term
from dualtrain.twins._tree import Layer
from dualtrain.twins._twins import Line

__all__ = ["Proposed", "lines_of"]

SQUARE = "square, so that no shape tells whether it is .T"
PATCHES = "if a patch is flattened channels first; else {}.permute(0, 2, 3, 1)"

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


def lines_of(pairs: Sequence[tuple[Layer, Layer, str]]) -> tuple[list[Proposed], list[Tensor]]:
    """The lines of all layers; and tensors of the source's layers that fit in no way.

    What the shapes say of two classes that hold matrices holds for their square ones too.
    """
    cases, open_ones = [], []
    for source, target, doubt in pairs:
        for ours, theirs, unsure in _groups(source, target):
            ways = list(_ways(ours, theirs))
            if ways:
                owners = ours[0].owner, theirs[0].owner
                cases.append(_Case(ways, owners, doubt or unsure))
            else:
                open_ones += ours
    votes: dict[tuple[str, str], Counter[bool]] = {}
    for case in cases:
        if case.settled is not None:
            votes.setdefault(case.owners, Counter())[case.settled] += 1
    return [_decided(case, votes.get(case.owners, Counter())) for case in cases], open_ones


def _groups(
    source: Layer, target: Layer
) -> Iterator[tuple[Sequence[Tensor], Sequence[Tensor], str]]:
    """What of two layers is one line."""
    roles = list(zip(source.tensors, target.tensors, strict=False))
    doubt = BY_ORDER
    if source.tensors.keys() == target.tensors.keys():
        roles, doubt = [(role, role) for role in source.tensors], ""
    for ours, theirs in roles:
        yield from ((x, y, doubt) for x, y in _by_part(source.tensors[ours], target.tensors[theirs]))


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


def _ways(
    source: Sequence[Tensor], target: Sequence[Tensor]
) -> Iterator[tuple[Line, bool]]:
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
    return Proposed(line, case.doubt or _of_patches(line))


def _of_patches(line: Line) -> str:
    """What is assumed of a convolution whose twin is a matrix."""
    for ours, others in ((line.source, line.target), (line.target, line.source)):
        shape = ours[0].shape
        if len(shape) > 2 > 1 < shape[1] and len([n for n in others[0].shape if n > 1]) == 2:
            if len([n for n in shape if n > 1]) > 2:
                return PATCHES.format(replace(ours[0], axes=()))
    return ""
