"""A trained GPT-2 as a Hugging Face checkpoint folder, written and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dualtrain.aside import write_aside
from dualtrain.errors import CheckpointError
from dualtrain.extras import needed_for
from dualtrain.fields import Count, Part, Proportion
from dualtrain.files import read_bytes, reason
from dualtrain.tasks._record import read_record, write_record
from dualtrain.tasks.causal_lm._config import DecoderConfig

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "CONFIG",
    "DEVIATION",
    "END",
    "TOKENIZER",
    "TOKENIZER_CONFIG",
    "read_config",
    "read_tokenizer",
    "save",
]

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"

END = "<|endoftext|>"
"""Stands after each text."""

DEVIATION = 0.02
"""Standard deviation of fresh weights, GPT-2's."""


class _Described(Part):
    """config.json, by transformers' names."""

    architectures: Annotated[tuple[Literal["GPT2LMHeadModel"]], Field(strict=False)]
    model_type: Literal["gpt2"]
    vocab_size: Count
    n_embd: Count
    n_layer: Count
    n_head: Count
    n_inner: Count
    n_positions: Count
    activation_function: Literal["gelu_new"]
    layer_norm_epsilon: float
    initializer_range: float
    embd_pdrop: Proportion
    attn_pdrop: Proportion
    resid_pdrop: Proportion
    bos_token_id: int
    eos_token_id: int


def save(folder: Path, config: DecoderConfig, tokenizer: str) -> None:
    """Write all but the weights; tokenizer: the content of tokenizer.json."""
    end = json.loads(tokenizer)["model"]["vocab"][END]
    described = _Described(
        architectures=("GPT2LMHeadModel",),
        model_type="gpt2",
        vocab_size=config.vocab_size,
        n_embd=config.hidden_size,
        n_layer=config.layers,
        n_head=config.heads,
        n_inner=config.intermediate_size,
        n_positions=config.max_length,
        activation_function="gelu_new",
        layer_norm_epsilon=1e-5,
        initializer_range=DEVIATION,
        embd_pdrop=config.dropout,
        attn_pdrop=config.dropout,
        resid_pdrop=config.dropout,
        bos_token_id=end,
        eos_token_id=end,
    )
    write_record(folder / CONFIG, described)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.max_length,
        **dict.fromkeys(("bos_token", "eos_token", "unk_token"), END),
    }
    files = {TOKENIZER: tokenizer, TOKENIZER_CONFIG: json.dumps(settings, indent=2) + "\n"}
    for name, text in files.items():
        with write_aside(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def read_config(folder: Path) -> DecoderConfig:
    """The model of a folder that `save` wrote. Raises `CheckpointError`."""
    said = read_record(folder / CONFIG, _Described)
    return DecoderConfig(
        vocab_size=said.vocab_size,
        hidden_size=said.n_embd,
        layers=said.n_layer,
        heads=said.n_head,
        intermediate_size=said.n_inner,
        max_length=said.n_positions,
        dropout=said.resid_pdrop,
    )


def read_tokenizer(folder: Path, *, vocab_size: int) -> Tokenizer:
    """The tokenizer of such a folder.

    Raises `CheckpointError` for a file that holds none, or one of more tokens than the model has
    rows; `ExtraError` without the package tokenizers.
    """
    with needed_for("a task on texts needs"):
        from tokenizers import Tokenizer
    path = folder / TOKENIZER
    try:
        tokenizer = Tokenizer.from_str(read_bytes(path).decode())
    except OSError as error:
        rule = "must be what `dualtrain train --output` writes"
        raise CheckpointError(f"{path}: {rule}. Received: {reason(error)}") from None
    except Exception as error:  # of tokenizers, which raises no class of its own
        raise CheckpointError(f"{path}: must be a tokenizer. Received: {error}") from None
    found = tokenizer.get_vocab_size()
    if found > vocab_size or tokenizer.token_to_id(END) is None:
        rule = f"must have {END}, and at most config.json's vocab_size, {vocab_size}"
        raise CheckpointError(f"{path}: {rule}. Received: {found} tokens")
    return tokenizer
