"""One checkpoint: all that a run needs to go on, in this process or another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.spec import Spec
from dualtrain.state import Arrays, RunState
from dualtrain.trace import TraceMark

__all__ = ["Checkpoint"]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of a run, and what is around it."""

    state: RunState
    spec: Spec
    """What the run follows; its folder is absolute."""
    place: str | None = None
    """The folder of checkpoints that it was written to, absolute; None before."""
    micro_batches: int
    """In one epoch."""
    random: Arrays
    """What random numbers came from: the frameworks', numpy's, Python's."""
    epoch_random: Arrays
    """The same when the epoch was begun, from which a loader that shuffles gives it again."""
    seconds: float
    """That the loop has taken, over all of its processes."""
    data: str | None = None
    """Digest of the prepared data of a task."""
    code: Mapping[str, str] = field(default_factory=dict)
    """Digest of each of the user's own files that the task runs, by its name."""
    trace: TraceMark | None = None
    versions: Mapping[str, str]
    """Package -> version."""

    @property
    def made(self) -> int:
        """Updates made or skipped."""
        return self.state.attempts

    @property
    def is_sound(self) -> bool:
        """Whether its weights are numbers, all of them."""
        return all(np.isfinite(array).all() for array in self.state.tensors.weights.values())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array under one flat name."""
        parts = {"state": self.state.arrays(), "random": self.random, "epoch": self.epoch_random}
        return {
            f"{part}/{name}": np.asarray(array, order="C")
            for part, held in parts.items()
            for name, array in held.items()
        }

    def document(self) -> dict[str, Any]:
        """All the rest, as JSON has it."""
        return {
            "state": self.state.scalars(),
            "spec": self.spec.model_dump(mode="json"),
            "folder": str(self.spec.folder.absolute()),
            "place": self.place,
            "micro_batches": self.micro_batches,
            "seconds": self.seconds,
            "data": self.data,
            "code": dict(self.code),
            "trace": None if self.trace is None else asdict(self.trace),
            "versions": dict(self.versions),
        }

    @classmethod
    def joined(cls, arrays: Arrays, document: Mapping[str, Any]) -> Checkpoint:
        """The checkpoint that gave these."""
        parts: dict[str, dict[str, Any]] = {"state": {}, "random": {}, "epoch": {}}
        for flat, array in arrays.items():
            part, _, name = flat.partition("/")
            parts[part][name] = array
        spec = Spec.model_validate(document["spec"]).located(Path(document["folder"]))
        trace = document["trace"]
        return cls(
            state=RunState.joined(parts["state"], document["state"]),
            spec=spec,
            place=document.get("place"),
            micro_batches=document["micro_batches"],
            random=parts["random"],
            epoch_random=parts["epoch"],
            seconds=document["seconds"],
            data=document["data"],
            code=document.get("code", {}),
            trace=None if trace is None else TraceMark(**trace),
            versions=document["versions"],
        )
