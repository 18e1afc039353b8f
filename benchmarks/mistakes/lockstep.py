"""The two sides of a mistake in lockstep: one leads, both follow, and one of them is wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from benchmarks.mistakes.bench import make_spec
from benchmarks.mistakes.mistake import Named, Slipped
from benchmarks.mistakes.nets import BERT, Arrays, Net, initial_weights
from dualtrain import Spec, fit
from dualtrain.backend import load_backend
from dualtrain.lockstep import Judged, Reading, Shown, judge_folder
from dualtrain.training import follow

__all__ = ["SIDES", "Pairs", "first_found"]

SIDES = ("torch", "paddle")
"""Either leads, and either is wrong; where nothing is said, the first one leads."""

UPDATES = 6
"""Without warmup, or one update of it rounded up."""


class Pairs:
    """Trains and follows a net, each right leader once; keeps its files in a folder.

    leader: the side that leads; the other one only follows.
    """

    def __init__(self, folder: Path, *, leader: str = SIDES[0], every: int = 1) -> None:
        self._folder, self._every = folder, every
        (other,) = (side for side in SIDES if side != leader)
        self.sides = (leader, other)
        self._right: dict[tuple[int, int, str], tuple[Path, _Kept]] = {}

    def judged(self, mistake: Slipped, side: str) -> Iterator[Judged]:
        """Each judged update of the pair of which one side makes this mistake, in order.

        The leading side's spec is the rule of both.
        """
        length = {"duration": {"updates": UPDATES}}
        right = make_spec(**{**mistake.spec, **length})
        specs: dict[str, Spec] = dict.fromkeys(SIDES, right)
        specs[side] = make_spec(**{**mistake.spec, **mistake.wrong, **length})
        a, b = self.sides
        folder: Path | None = None
        first: Iterable[Shown] = ()
        if side == b:
            folder, first = self._led(right, mistake)
        with pytest.MonkeyPatch.context() as patch:
            if mistake.slip is not None:
                mistake.slip(patch, side)
            if folder is None:
                folder = self._lead(specs[a], mistake)
                first = self._follow(a, specs[a], mistake, folder)
            yield from judge_folder(folder, first, self._follow(b, specs[b], mistake, folder))

    def nearest(self, spec: Mapping[str, Any]) -> float:
        """How near its bar the nearest reading of the pair without a mistake is, if none differs.

        spec: what stands in it instead of the usual.
        """
        right = Slipped(title="none", spec=spec, named=Named(half="rule", what="", knob=""))
        updates = list(self.judged(right, self.sides[1]))
        assert first_found(updates) is None
        return max(reading.times for update in updates for reading in update.readings)

    def _led(self, spec: Spec, mistake: Slipped) -> tuple[Path, _Kept]:
        """What the right leader leaves, and what it shows of it."""
        key = id(mistake.net), mistake.samples, str(spec)
        if key not in self._right:
            folder = self._lead(spec, mistake)
            self._right[key] = folder, _Kept(self._follow(self.sides[0], spec, mistake, folder))
        return self._right[key]

    def _lead(self, spec: Spec, mistake: Slipped) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self._folder)) / "states"
        model, batches = _model(mistake.net, self.sides[0]), _batches(mistake)
        fit(spec, model, batches, states=folder, every=self._every)
        return folder

    def _follow(self, side: str, spec: Spec, mistake: Slipped, folder: Path) -> Iterator[Shown]:
        return follow(spec, _model(mistake.net, side), _batches(mistake), states=folder)


class _Kept:
    """What an iterator gives, kept for who iterates again."""

    def __init__(self, source: Iterator[Shown]) -> None:
        self._source, self._kept = source, list[Shown]()

    def __iter__(self) -> Iterator[Shown]:
        for index in count():
            if index == len(self._kept):
                try:
                    self._kept.append(next(self._source))
                except StopIteration:
                    return
            yield self._kept[index]


def _model(net: Net, backend: str) -> Any:
    model = net.build[backend]()
    if net is BERT:
        verbs = load_backend(backend)
        verbs.load_weights(model, initial_weights(verbs, model))
    return model


def _batches(mistake: Slipped) -> list[Arrays]:
    accumulated = make_spec(**mistake.spec).batch.accumulate
    return mistake.net.batches(UPDATES * accumulated, mistake.samples)


def first_found(updates: Iterable[Judged]) -> tuple[Judged, Reading] | None:
    """The first update in which something differs, and what is named of it: the gravest reading,
    of gradients before the rule, which begins with them. None where nothing differs."""
    for update in updates:
        found = [r for r in update.readings if r.outcome == "differs"]
        if found:
            return update, min(found, key=lambda r: (r.half != "gradients", -r.times))
    return None
