"""The loop begins where the run stands: from a state within an epoch, on a loader that shuffles."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dualtrain.backend import Backend
from dualtrain.state import Arrays, RunState
from dualtrain.trace import Update
from dualtrain.training.loop._epochs import Epochs
from dualtrain.training.loop._loop import make_updates
from dualtrain.training.loop._objective import objective_of
from dualtrain.training.run._observer import Observer
from dualtrain.training.run._random import random_of, set_random
from dualtrain.training.run._run import Run
from dualtrain.training.sides._start import begin
from dualtrain.training.turns._turn import Turn
from tests.builders import spec_of


class Shuffled:
    """Five micro-batches, in an order and with noise of the moment, from numpy and from Python."""

    def __len__(self) -> int:
        return 5

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for index in np.random.permutation(5):
            x = np.full((4, 3), float(index), "float32") + random.random() * np.eye(4, 3)
            yield {"x": x.astype("float32"), "labels": np.arange(4) % 2}


class Told(Observer):
    def __init__(self) -> None:
        self.updates: list[Update] = []

    def updated(self, update: Update, total: int) -> None:
        self.updates.append(update)


class Left(Turn):
    """Keeps all that the run goes on from after so many updates."""

    def __init__(self, run: Run, after: int) -> None:
        self._run, self._after = run, after
        self.kept: tuple[RunState, Arrays, Arrays] | None = None

    def is_due(self) -> bool:
        return self._run.attempts == self._after

    def take(self) -> None:
        self.kept = self._run.state(), self._run.epoch_random, random_of(self._run)


@pytest.mark.parametrize("tail", ["flush", "drop", "leak"])
@pytest.mark.parametrize("after", [1, 2, 3, 4, 5])
def test_the_rest_is_what_it_would_have_been(backend: Backend, tail: str, after: int) -> None:
    spec = spec_of(batch={"accumulate": 2, "tail": tail}, duration={"updates": 7})

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    def begun() -> Run:
        return begin(spec, backend.build_linear(3, 2), 5, backend=None, measure=False)

    random.seed(1)
    np.random.seed(1)
    whole, run = Told(), begun()
    left = Left(run, after)
    make_updates(run, Epochs(Shuffled()), objective_of(run, loss), [whole], turns=[left])
    assert left.kept is not None
    state, epoch_random, now = left.kept

    rest, again = Told(), begun()
    again.restore(state)
    again.epoch_random = epoch_random
    set_random(again, now)
    make_updates(again, Epochs(Shuffled()), objective_of(again, loss), [rest])
    assert rest.updates == whole.updates[after:]
    weights = backend.dump_weights(run.model)
    for name, array in backend.dump_weights(again.model).items():
        assert array.tobytes() == weights[name].tobytes()
