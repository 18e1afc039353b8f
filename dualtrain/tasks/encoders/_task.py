"""What tasks with an encoder share: where it starts from, dropout, the folder it is saved in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from dualtrain.tasks._model import ParameterLike
from dualtrain.tasks._task import Task
from dualtrain.tasks.encoders._config import EncoderConfig, fresh_config
from dualtrain.tasks.encoders._initial import initial_weights
from dualtrain.tasks.encoders._prepared import PreparedTexts
from dualtrain.tasks.encoders._words import AnyModel, CheckpointModel, FreshModel
from dualtrain.tasks.encoders.checkpoint import checkpoint_notes, read_checkpoint_config
from dualtrain.tasks.encoders.saved import FAST_ALONE, has_slow_class, save_config

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["EncoderTask"]


class EncoderTask(Task):
    """Base of the tasks on texts whose model is an encoder, fresh or a checkpoint's."""

    if TYPE_CHECKING:  # each task has its own place for it among its words
        model: AnyModel

    files: ClassVar[tuple[str, ...]] = (
        "*.bin",
        "*.index.json",
        "*.pdparams",
        "*.safetensors",
        "*_config.json",
        "added_tokens.json",
        "config.json",
        "merges.txt",
        "special_tokens_map.json",
        "tokenizer.json",
        "vocab.*",
    )

    def inputs(self, folder: Path) -> dict[str, Path]:
        """The checkpoint too."""
        files = super().inputs(folder)
        if isinstance(self.model, CheckpointModel):
            files["model.path"] = folder / self.model.path
        return files

    def config(self, folder: Path, data: PreparedTexts | None = None) -> EncoderConfig:
        """The encoder; without data of the most tokens that it may have, for two classes."""
        classes = 2 if data is None else len(data.classes)
        if isinstance(self.model, CheckpointModel):
            folder = folder / self.model.path
            return read_checkpoint_config(folder, classes=classes, dropout=self.model.dropout)
        return fresh_config(
            self.model,
            vocab_size=self.model.vocab_size if data is None else data.vocab_size,
            pad_id=0 if data is None else data.pad_id,
            classes=classes,
        )

    def initial_weights(
        self, folder: Path, config: EncoderConfig, parameters: Sequence[ParameterLike], *, seed: int
    ) -> dict[str, NDArray[np.float32]]:
        """The checkpoint's, and fresh ones."""
        model = self.model
        if isinstance(model, FreshModel):
            return initial_weights(parameters, config, seed=seed, checkpoint=None)
        return initial_weights(
            parameters, config, seed=seed, checkpoint=folder / model.path, head=model.head
        )

    def start_notes(
        self,
        folder: Path,
        config: EncoderConfig,
        parameters: Sequence[ParameterLike],
        data: PreparedTexts,
    ) -> list[str]:
        """What became of the checkpoint; nothing of a fresh model."""
        if isinstance(self.model, FreshModel):
            return []
        notes = checkpoint_notes(
            folder / self.model.path,
            parameters,
            config,
            classes=data.classes,
            head=self.model.head,
        )
        return notes if has_slow_class(data.tokenizer_config) else [*notes, FAST_ALONE]

    def randomness(self) -> str | None:
        """Dropout."""
        rate = self.model.dropout
        if rate is None:
            return "dropout is that of the checkpoint"
        return f"dropout {rate:g}" if rate else None

    def without_randomness(self) -> Self:
        """With dropout 0."""
        model = self.model.model_copy(update={"dropout": 0.0})
        return self.model_copy(update={"model": model})

    def notes(self, config: EncoderConfig) -> list[str]:
        """That there is no dropout."""
        if config.dropout or config.attention_dropout or config.classifier_dropout:
            return []
        return ["dropout is 0: masks cannot match across frameworks"]

    def save(self, folder: Path, config: EncoderConfig, data: PreparedTexts) -> None:
        """config.json and the tokenizer's files: a Hugging Face checkpoint."""
        save_config(
            folder,
            config,
            classes=data.classes,
            tokenizer=data.tokenizer,
            tokenizer_config=data.tokenizer_config,
        )
