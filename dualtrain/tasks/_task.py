"""What a task is: its words in a spec, and what it does with them. One object, asked by every room.

A task knows nothing of specs, frameworks or runs: what it needs of them it is given, so that the
spec is made of tasks and not the other way round.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dualtrain.data import MicroBatch, PreparedData
from dualtrain.fields import Part
from dualtrain.tasks._model import ModelConfig, ParameterLike
from dualtrain.tasks._predictor import Predictor
from dualtrain.tasks._score import Score

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["SampleLoss", "Task", "Text"]

Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class SampleLoss:
    """A loss in operations that tensors of every framework have."""

    name: str
    """As a sentence names it."""
    total: Callable[[Any, Any], Any]
    """(the model's output, `labels`) -> the sum of the losses of all targets, a scalar tensor."""
    count: Callable[[Mapping[str, NDArray[Any]]], int] | None = None
    """A micro-batch -> how many targets it has; None: its labels that are not -100."""


class Task(Part, ABC):
    """Base of all tasks; a subclass's fields are its words in a spec.

    Paths are relative to `folder`, the spec's own. Whatever cannot be used is refused by
    `DataError` or `CheckpointError`, as early as it can be seen.
    """

    name: Any
    """The kind of task."""
    train: Text
    """File of the train split, relative to the spec's folder."""
    eval: Text | None = None
    """File of the held-out split; absent means no evaluation."""
    if TYPE_CHECKING:  # each task says what its own is
        model: Any

    loss: ClassVar[SampleLoss | None] = None
    """Of its samples; None for a classifier: the cross-entropy that the spec's `loss` words."""
    excluded: ClassVar[Mapping[str, str]] = {}
    """Words of a spec that mean nothing here, as `loss.shift_labels` -> why."""

    measures: ClassVar[tuple[str, ...] | None] = ("loss",)
    """The metrics of a score, by the names that `early_stopping` and `best` have for them; None
    where they are known only when a score is made."""
    has_batch_norm: ClassVar[bool] = False
    """Whether its models may have batch norms."""
    files: ClassVar[tuple[str, ...]] = ()
    """What `save` writes, and what a library would read in its place: names or patterns."""

    def inputs(self, folder: Path) -> dict[str, Path]:
        """What a run of it reads: the word of the spec -> the file or folder."""
        named = {"train": self.train, "eval": self.eval}
        return {name: folder / file for name, file in named.items() if file is not None}

    def own_loss(self, folder: Path, data: Any = None) -> SampleLoss | None:
        """Of its samples; None where the spec's `loss` words the cross-entropy.

        data: what `prepare` has made, if that is known.
        """
        return self.loss

    def running(self, data: Any) -> AbstractContextManager[None]:
        """The context in which its model runs; data: what `prepare` has made."""
        return nullcontext()

    def check_excluded(self, parts: Mapping[str, Any]) -> None:
        """Refuse words that mean nothing for the task; parts: those of the spec so far."""
        for word, reason in self.excluded.items():
            first, *rest = word.split(".")
            value = parts.get(first)
            for name in rest:
                value = getattr(value, name, None)
            if value:
                received = str(value).lower() if isinstance(value, bool) else value
                raise ValueError(f"{reason}: leave {word} out. Received: {received}")

    @abstractmethod
    def read(self, folder: Path) -> Sized:
        """The rows of its files, as many as the train split has.

        All that is refused about data files is refused here.
        """

    @abstractmethod
    def prepare(self, folder: Path) -> PreparedData[Any]:
        """Read the files and make them what both frameworks train from."""

    @abstractmethod
    def load(self, folder: Path) -> PreparedData[Any]:
        """What `prepare` has made and `Prepared.save` has written to a folder."""

    @abstractmethod
    def config(self, folder: Path, data: Any = None) -> ModelConfig:
        """What the model is built from.

        data: what `prepare` has made. Without it the names and the number of the model's
            parameters are right, and sizes that follow from the data are anything.
        """

    def check_start(self, folder: Path, rows: Any) -> None:
        """Refuse initial weights that could not be loaded; for models that start from a file."""
        return

    @abstractmethod
    def initial_weights(
        self, folder: Path, config: Any, parameters: Sequence[ParameterLike], *, seed: int
    ) -> dict[str, NDArray[np.float32]]:
        """Canonical name -> initial weights for each parameter: the same in every framework."""

    def start_notes(
        self, folder: Path, config: Any, parameters: Sequence[ParameterLike], data: Any
    ) -> list[str]:
        """What a user must know of what the model starts from: plain sentences."""
        return []

    @abstractmethod
    def score(self, outputs: Iterable[tuple[NDArray[np.float32], MicroBatch]], data: Any) -> Score:
        """How the model does on the held-out split; `DataError` for outputs of another shape.

        outputs: the model's output and the micro-batch that it is for, over the whole split.
        """

    @abstractmethod
    def randomness(self) -> str | None:
        """What is random in training, as `dropout 0.1`; None where nothing is."""

    @abstractmethod
    def without_randomness(self) -> Self:
        """The same task with nothing random in training: masks cannot match across frameworks."""

    def notes(self, config: Any) -> list[str]:
        """Sentences for a trace: what its numbers do not show."""
        return []

    @abstractmethod
    def save(self, folder: Path, config: Any, data: Any) -> None:
        """Write what a trained model consists of beside its weights (model.safetensors).

        The folder is there.
        """

    @abstractmethod
    def predictor(self, folder: Path) -> Predictor:
        """What predicts with the model of a folder that `save` wrote; nothing else is read.

        Raises `CheckpointError` for a folder that is not whole.
        """
