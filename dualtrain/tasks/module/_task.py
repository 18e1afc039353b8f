"""A task of the user's own: an object that reads data and makes a model for each framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from dualtrain.data import MicroBatch
from dualtrain.errors import DataError
from dualtrain.tasks._classes import score_classes
from dualtrain.tasks._model import ParameterLike, fresh_weights
from dualtrain.tasks._score import Score
from dualtrain.tasks._task import SampleLoss, Task, Text
from dualtrain.tasks.module._code import Code
from dualtrain.tasks.module._config import ModuleConfig
from dualtrain.tasks.module._own import Own, load_own, split_reference
from dualtrain.tasks.module._predictor import OwnPredictor
from dualtrain.tasks.module._prepared import ArraySplit, PreparedArrays
from dualtrain.tasks.module._saved import FILES, save_code

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
    files: ClassVar[tuple[str, ...]] = FILES
    has_batch_norm: ClassVar[bool] = True
    cures: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("path", "file", "code", "function"), "write module: path.py:function"
    )

    def inputs(self, folder: Path) -> dict[str, Path]:
        """The file of Python too."""
        return {**super().inputs(folder), "module": self._file(folder)}

    def _file(self, folder: Path) -> Path:
        return folder / split_reference(self.module)[0]

    def _own(self, code: Code) -> Own:
        return load_own(code, split_reference(self.module)[1])

    def _code(self, folder: Path, data: PreparedArrays | None) -> Code:
        """What has read the data; without them, what the file says now."""
        return Code.of(self._file(folder)) if data is None else data.source

    def own_loss(self, folder: Path, data: PreparedArrays | None = None) -> SampleLoss | None:
        """The object's loss, if it has one."""
        own = self._own(self._code(folder, data))
        return SampleLoss(name="your own", total=own.loss) if own.has("loss") else None

    def running(self, data: PreparedArrays) -> AbstractContextManager[None]:
        """That of the user's code."""
        return self._own(data.source).running()

    def read(self, folder: Path) -> ArraySplit:
        """The train split, after both have been read."""
        return self.prepare(folder).train

    def prepare(self, folder: Path) -> PreparedArrays:
        """The arrays of both files."""
        code = self._code(folder, None)
        own, splits = self._own(code), list[ArraySplit]()
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
            own=code.facts(),
            train=train,
            eval=others[0] if others else None,
        )

    def load(self, folder: Path) -> PreparedArrays:
        """The same, prepared before."""
        return PreparedArrays.load(folder)

    def config(self, folder: Path, data: PreparedArrays | None = None) -> ModuleConfig:
        """The object's own function."""

        def build(backend: str, kind: type[Any]) -> Any:
            return self._own(self._code(folder, data)).model(backend, kind)

        return ModuleConfig(build=build)

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
        own = self._own(data.source)
        found = list(outputs)
        if not own.has("score"):
            if own.has("loss"):
                rule = "an object with a loss must have score(output, labels) too, for task.eval"
                raise DataError(f"{self.module}: {rule}. Received: none")
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
        """module.json and the user's code, by which `predict` builds the model again."""
        save_code(folder, data.source)

    def predictor(self, folder: Path) -> OwnPredictor:
        """By module.json."""
        return OwnPredictor(folder, split_reference(self.module)[1])


def _shapes(split: ArraySplit) -> dict[str, str]:
    return {name: f"{a.dtype.name} {a.shape[1:]}" for name, a in split.arrays.items()}
