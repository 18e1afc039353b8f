"""A task of the user's own: an object that reads data and makes a model for each framework."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from dualtrain.aside import write_aside
from dualtrain.data import MicroBatch
from dualtrain.errors import DataError
from dualtrain.tasks._classes import score_classes
from dualtrain.tasks._model import ParameterLike, fresh_weights
from dualtrain.tasks._score import Score
from dualtrain.tasks._task import SampleLoss, Task, Text
from dualtrain.tasks.module._code import Own, load_own, split_reference
from dualtrain.tasks.module._config import ModuleConfig
from dualtrain.tasks.module._predictor import COPY, OwnPredictor
from dualtrain.tasks.module._prepared import ArraySplit, PreparedArrays

__all__ = ["ModuleTask"]


def _reference(value: str) -> str:
    split_reference(value)
    return value


class ModuleTask(Task):
    """Model, data and loss of your own, in a file of Python: an object with a few methods.

    `read(path)` gives arrays by name, samples first, `labels` among them; `model(backend)` the
    native model for `torch` or `paddle`, whose forward takes the arrays by name. `loss(output,
    labels)`, the sum over the samples, takes the place of the cross-entropy; `score(output,
    labels)` that of the right answers; `predict(output)` is for predictions. Reading a spec runs
    nothing of the file.
    """

    name: Literal["module"]
    """The kind of task."""
    module: Annotated[Text, AfterValidator(_reference)]
    """`path.py:function`: the file, relative to the spec's folder, and the function or class in it
    that makes the object; it is called without arguments."""

    measures: ClassVar[tuple[str, ...] | None] = None
    files: ClassVar[tuple[str, ...]] = (COPY,)
    has_batch_norm: ClassVar[bool] = True
    cures: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("path", "file", "code", "function"), "write module: path.py:function"
    )

    def inputs(self, folder: Path) -> dict[str, Path]:
        """The file of Python too."""
        return {**super().inputs(folder), "module": self._file(folder)}

    def _file(self, folder: Path) -> Path:
        return folder / split_reference(self.module)[0]

    def _own(self, folder: Path) -> Own:
        return load_own(self._file(folder).absolute(), split_reference(self.module)[1])

    def own_loss(self, folder: Path) -> SampleLoss | None:
        """The object's loss, if it has one."""
        own = self._own(folder)
        return SampleLoss(name="your own", total=own.loss) if own.has("loss") else None

    def read(self, folder: Path) -> ArraySplit:
        """The train split, after both have been read."""
        return self.prepare(folder).train

    def prepare(self, folder: Path) -> PreparedArrays:
        """The arrays of both files."""
        own, splits = self._own(folder), list[ArraySplit]()
        for file in (self.train, self.eval):
            if file is not None:
                arrays = own.read(folder / file)
                if "labels" not in arrays:
                    raise DataError(
                        f"{folder / file}: what read gives must have 'labels'. "
                        f"Received: {', '.join(map(repr, arrays))}"
                    )
                splits.append(ArraySplit(arrays=arrays))
        train, *others = splits
        for other in others:
            if _shapes(other) != _shapes(train):
                raise DataError(
                    f"{folder / str(self.eval)}: must have the train split's arrays, "
                    f"{_shapes(train)}. Received: {_shapes(other)}"
                )
        return PreparedArrays(
            names=tuple(train.arrays),
            file=str(self._file(folder).absolute()),
            train=train,
            eval=others[0] if others else None,
        )

    def load(self, folder: Path) -> PreparedArrays:
        """The same, prepared before."""
        return PreparedArrays.load(folder)

    def config(self, folder: Path, data: PreparedArrays | None = None) -> ModuleConfig:
        """The object's own function."""
        return ModuleConfig(build=lambda backend: self._own(folder).model(backend))

    def initial_weights(
        self, folder: Path, config: ModuleConfig, parameters: Sequence[ParameterLike], *, seed: int
    ) -> dict[str, NDArray[np.float32]]:
        """Fresh ones, the same under the same name in either framework."""
        return fresh_weights(parameters, seed=seed)

    def score(
        self, outputs: Iterable[tuple[NDArray[np.float32], MicroBatch]], data: PreparedArrays
    ) -> Score:
        """The object's own; without one, right answers and mean cross-entropy.

        Raises `DataError` for an object with a loss of its own and no score.
        """
        own = load_own(Path(data.file), split_reference(self.module)[1])
        found = list(outputs)
        if not own.has("score"):
            if own.has("loss"):
                rule = "an object with a loss must have score(output, labels) too, for task.eval"
                raise DataError(f"{data.file}: {rule}. Received: none")
            return score_classes(found, classes=found[0][0].shape[-1], samples="samples")
        output = np.concatenate([one for one, _ in found])
        labels = np.concatenate([batch["labels"] for _, batch in found])
        metrics = own.score(output, labels)
        return Score(examples=len(labels), loss=metrics.pop("loss"), metrics=metrics)

    def randomness(self) -> str | None:
        """Not known: a parity run wants a model without dropout."""
        return None

    def without_randomness(self) -> ModuleTask:
        """As it is."""
        return self

    def save(self, folder: Path, config: ModuleConfig, data: PreparedArrays) -> None:
        """module.py, a copy of the user's file, by which `predict` builds the model again."""
        with write_aside(folder / COPY) as temporary:
            shutil.copyfile(data.file, temporary)

    def predictor(self, folder: Path) -> OwnPredictor:
        """By module.py."""
        return OwnPredictor(folder, split_reference(self.module)[1])


def _shapes(split: ArraySplit) -> dict[str, tuple[int, ...]]:
    return {name: array.shape[1:] for name, array in split.arrays.items()}
