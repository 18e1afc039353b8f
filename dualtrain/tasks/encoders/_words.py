"""The words for the model of a text classification: a fresh one, or a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from dualtrain.fields import LARGEST_COUNT, Count, Part, Proportion, by_name
from dualtrain.tasks._task import Text

__all__ = ["MOST_LAYERS", "AnyModel", "CheckpointModel", "Family", "FreshModel", "Head"]

Family = Literal["bert", "ernie", "roberta"]
"""Architecture, as transformers and paddlenlp both have it."""

Head = Literal["stored", "fresh"]
"""Where a checkpoint's classification head comes from."""

MOST_LAYERS = 10_000
"""Each has sixteen parameters, which are listed by name."""


_CURES = by_name(
    {
        "write family: VALUE": "type model_type name",
        "write path: VALUE": "model_name_or_path",
        "write layers: VALUE": "num_layers num_hidden_layers",
        "write heads: VALUE": "num_heads num_attention_heads",
        "write max_length: VALUE": "max_seq_length max_seq_len",
        "write hidden_size: VALUE": "d_model hidden",
        "write dropout: VALUE": "hidden_dropout_prob",
    }
)


class FreshModel(Part):
    """A model of a known family with random initial weights, the same ones in both frameworks."""

    family: Family
    """Architecture, as transformers and paddlenlp both have it."""
    hidden_size: Count
    """Width; a multiple of `heads`."""
    layers: Annotated[int, Field(ge=1, le=MOST_LAYERS)]
    """Transformer blocks."""
    heads: Count
    """Attention heads."""
    intermediate_size: Count | None = None
    """Width of the feed-forward layer; 4 x hidden_size if absent."""
    max_length: Annotated[int, Field(ge=4, le=LARGEST_COUNT)]
    """Longest input, in tokens; longer texts are cut."""
    vocab_size: Annotated[int, Field(ge=16, le=LARGEST_COUNT)] = 8000
    """Most tokens the tokenizer may learn from the train split."""
    dropout: Proportion = 0.1
    """For hidden states and attention. Parity runs set it to 0: masks cannot match."""

    cures: ClassVar[Mapping[str, str]] = _CURES

    @field_validator("heads")
    @classmethod
    def _heads_divide_hidden_size(cls, heads: int, info: ValidationInfo) -> int:
        hidden_size = info.data.get("hidden_size")
        if hidden_size is not None and hidden_size % heads:
            raise ValueError(
                f"must divide hidden_size. Received: heads {heads}, hidden_size {hidden_size}"
            )
        return heads


class CheckpointModel(Part):
    """A local folder that transformers or paddlenlp wrote: config.json, safetensors, tokenizer."""

    path: Text
    """The folder, relative to the spec's."""
    max_length: Annotated[int, Field(ge=4, le=LARGEST_COUNT)]
    """Longest input, in tokens; longer texts are cut."""
    dropout: Proportion | None = None
    """Instead of the checkpoint's own. Parity runs set it to 0: masks cannot match."""
    head: Head = "stored"
    """`stored`: the folder's classification head, if it has one; its labels must be the data's, and
    their order is kept. `fresh`: a new head for the data's classes, whatever the folder has."""

    cures: ClassVar[Mapping[str, str]] = _CURES


def _kind(value: Any) -> str:
    has_path = "path" in value if isinstance(value, dict) else isinstance(value, CheckpointModel)
    return "checkpoint" if has_path else "fresh"


AnyModel = Annotated[
    Annotated[FreshModel, Tag("fresh")] | Annotated[CheckpointModel, Tag("checkpoint")],
    Discriminator(_kind),
]
