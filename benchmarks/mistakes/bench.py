"""The two sides of a mistake, each trained alone, and how far they end apart."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.mistakes.mistake import Mistake
from benchmarks.mistakes.nets import BERT, initial_weights
from dualtrain import Spec, fit
from dualtrain.backend import load_backend
from dualtrain.parity import read_weights
from dualtrain.trace import read_trace

__all__ = ["UPDATES", "Bench", "Cost", "make_spec"]

UPDATES = 120


def make_spec(**changes: Any) -> Spec:
    """The right recipe; warmup 0.104 x 120 = 12.48: floor 12, ceil 13."""
    parts: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 3e-3},
        "schedule": {"name": "linear"},
        "warmup": {"proportion": 0.104},
        "weight_decay": {"value": 0.1, "exclude": ["bias", "norm"]},
        "clip": {"global_norm": 0.5},
        "duration": {"updates": UPDATES},
    }
    return Spec(**(parts | changes))


@dataclass(frozen=True, kw_only=True)
class Cost:
    """How far two runs are apart."""

    weights: float
    """|b - a|_2 / |a - initial|_2, over all weights together."""
    loss: float
    """The largest difference of an update's loss."""
    first_loss: float
    """That of update 0."""


class Bench:
    """Trains a tiny BERT, each right recipe once per framework; keeps its files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._right: dict[Any, Path] = {}

    def train(self, backend: str, spec: Spec, *, nudge: bool = False) -> Path:
        """Train it through dualtrain's public API; the path of its trace."""
        path = Path(tempfile.mkdtemp(dir=self._folder)) / "trace.jsonl"
        verbs, model = load_backend(backend), BERT.build[backend]()
        verbs.load_weights(model, initial_weights(verbs, model, nudge=nudge))
        batches = BERT.batches(UPDATES * spec.batch.accumulate, 8)
        fit(spec, model, batches, trace=path, output=path.parent)
        return path

    def right(self, backend: str, spec: Mapping[str, Any], *, nudge: bool = False) -> Path:
        """The run without a mistake; its trace."""
        key = backend, str(spec), nudge
        if key not in self._right:
            self._right[key] = self.train(backend, make_spec(**spec), nudge=nudge)
        return self._right[key]

    def sides(self, mistake: Mistake) -> tuple[Path, Path]:
        """The traces of the torch run and of the Paddle run, one of them with this mistake."""
        if mistake.side == "torch":
            return self._wrong(mistake), self.right("paddle", mistake.spec)
        return self.right("torch", mistake.spec), self._wrong(mistake)

    def _wrong(self, mistake: Mistake) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            if mistake.slip is not None:
                mistake.slip(patch, mistake.side)
            return self.train(mistake.side, make_spec(**{**mistake.spec, **mistake.wrong}))

    def cost(self, a: Path, b: Path) -> Cost:
        """How far two runs are apart."""
        traces = read_trace(a), read_trace(b)
        x, y = (read_weights(path, trace) for path, trace in zip((a, b), traces, strict=True))
        assert x is not None and y is not None
        losses = [abs(p.loss - q.loss) for p, q in zip(*(t.updates for t in traces), strict=True)]
        apart = math.hypot(*(norm(x.final[n], y.final[n]) for n in x.final))
        moved = math.hypot(*(norm(x.final[n], x.initial[n]) for n in x.final))
        return Cost(weights=apart / moved, loss=max(losses), first_loss=losses[0])


def norm(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """|a - b|_2 in float64."""
    return float(np.linalg.norm(a.astype(np.float64) - b))
