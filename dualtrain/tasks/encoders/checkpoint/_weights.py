"""A checkpoint's weights, by canonical name and in canonical layout.

Names become canonical here: paddlenlp's become transformers', an encoder that was saved alone gets
its prefix, and the `gamma` and `beta` of old BERT checkpoints become `weight` and `bias`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import CheckpointError, Problem
from dualtrain.listing import listed
from dualtrain.printable import printable
from dualtrain.shapes import mismatches
from dualtrain.tasks._model import ParameterLike
from dualtrain.tasks.encoders._config import HEAD, EncoderConfig
from dualtrain.tasks.encoders._words import Family, Head
from dualtrain.tasks.encoders.checkpoint._files import CONFIG, refusal
from dualtrain.tasks.encoders.checkpoint._paddlenlp_names import (
    is_paddlenlp,
    is_transposed,
    transformers_name,
)
from dualtrain.tasks.encoders.checkpoint._prefix import check_prefix
from dualtrain.tasks.encoders.checkpoint._safetensors import (
    StoredTensor,
    read_headers,
    read_tensors,
)

__all__ = ["read_weights", "stored_tensors"]

ENCODER = ("embeddings.", "encoder.", "pooler.")
FLOATS = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
IN_FLOAT32 = "save the model in float32: model.float().save_pretrained(folder)"

ZERO_IN_PADDLENLP = ("ernie", "roberta")
"""Families whose padding token paddlenlp embeds as 0, whatever its row holds."""

MOST = 12
"""Lines of a message."""


def read_weights(
    folder: Path, parameters: Sequence[ParameterLike], config: EncoderConfig, *, head: Head
) -> dict[str, NDArray[np.float32]]:
    """Canonical name -> float32 array, for each of `parameters` that the folder has.

    The pooler and the classification head may be absent, each as a whole; another task's head is
    not read, and with `head` "fresh" none. bfloat16 and float16 become float32.

    Raises `CheckpointError` naming each tensor that is missing, has another shape or type, or is
    of an encoder that config.json does not describe: by the files' headers, before a number is
    read. Then for numbers that are not finite.
    """
    stored = stored_tensors(folder, config.family)
    _check_layers(folder, stored, config)
    needed = {p.name: p.shape for p in parameters}
    if head == "fresh":
        stored = {name: tensor for name, tensor in stored.items() if not name.startswith(HEAD)}
    for part in (HEAD, f"{config.family}.pooler."):
        if not any(name.startswith(part) for name in stored):
            needed = {name: shape for name, shape in needed.items() if not name.startswith(part)}
    blocks = (f"{config.family}.embeddings.", f"{config.family}.encoder.")
    used = {name: raw for name, raw in stored.items() if name in needed or name.startswith(blocks)}
    problems = mismatches(needed, {name: tensor.shape for name, tensor in used.items()})
    problems += [
        Problem(
            where=name,
            rule=f"must be one of {', '.join(FLOATS)}; {IN_FLOAT32}",
            received=tensor.dtype,
        )
        for name, tensor in used.items()
        if tensor.dtype not in FLOATS
    ]
    if problems:
        lines = [printable(str(problem)) for problem in problems]
        raise CheckpointError(
            f"{folder}: the weights are not those of the model in config.json.\n"
            f"{listed(lines, MOST, between=chr(10))}"
        )
    read = dict(_arrays(used, needed))
    _check_finite(folder, read)
    words = f"{config.family}.embeddings.word_embeddings.weight"
    if config.family in ZERO_IN_PADDLENLP and any(t.transposed for t in used.values()):
        read[words][config.pad_id] = 0.0
    return read


def stored_tensors(folder: Path, family: Family) -> dict[str, StoredTensor]:
    """Canonical name -> tensor, for all that the folder has, buffers of token numbers left out.

    Raises `CheckpointError` for a folder without weights, with others than safetensors, with names
    that a wrapper has made longer, or of two libraries.
    """
    headers = read_headers(folder)
    names = frozenset(tensor.name for tensor in headers)
    check_prefix(folder, names, family)
    paddlenlp = is_paddlenlp(folder, names)
    found: dict[str, StoredTensor] = {}
    for tensor in headers:
        name = transformers_name(tensor.name) if paddlenlp else tensor.name
        canonical = _canonical(name, family)
        if canonical in found:
            received = f"{tensor.name} as another {canonical}"
            raise refusal(tensor.file, "two tensors must not stand for one", received)
        if paddlenlp and is_transposed(canonical, tensor.shape):
            tensor = tensor._replace(shape=tensor.shape[::-1], transposed=True)
        if not canonical.endswith("_ids"):
            found[canonical] = tensor
    return found


def _canonical(name: str, family: Family) -> str:
    for old, new in ((".gamma", ".weight"), (".beta", ".bias")):
        if name.endswith(old):
            name = name.removesuffix(old) + new
    return f"{family}.{name}" if name.startswith(ENCODER) else name


def _check_layers(folder: Path, stored: Mapping[str, StoredTensor], config: EncoderConfig) -> None:
    """One line for what would be sixteen a layer."""
    numbered = re.compile(rf"{config.family}\.encoder\.layer\.(\d+)\.")
    layers = len({match[1] for match in map(numbered.match, stored) if match})
    if layers not in (0, config.layers):
        rule = f"num_hidden_layers: must be the number of layers of the weights, {layers}"
        raise refusal(folder / CONFIG, rule, config.layers)


def _arrays(
    used: Mapping[str, StoredTensor], needed: Mapping[str, object]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for file in sorted({used[name].file for name in needed}):
        data = read_tensors(file)
        for name in needed:
            if used[name].file == file:
                yield name, _float32(used[name], data[used[name].name])


def _float32(tensor: StoredTensor, data: bytes) -> NDArray[np.float32]:
    shape = tensor.shape[::-1] if tensor.transposed else tensor.shape
    values = np.frombuffer(data, FLOATS[tensor.dtype]).reshape(shape)
    if tensor.dtype == "BF16":  # the upper half of a float32
        values = (values.astype(np.uint32) << 16).view(np.float32)
    if tensor.transposed:
        values = np.ascontiguousarray(values.T)
    return values.astype(np.float32, copy=False)


def _check_finite(folder: Path, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    wrong = []
    for name, values in arrays.items():
        count = int(values.size - np.isfinite(values).sum())
        if count:
            wrong.append(f"{name}, {count} of {values.size}")
    if wrong:
        raise refusal(
            folder,
            "every weight must be a finite number: train from an earlier checkpoint of that run",
            f"NaN or infinity in {listed(wrong)}",
        )
