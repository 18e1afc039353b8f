"""A checkpoint's weights: the safetensors files of a local Hugging Face folder.

Nothing is ever unpickled. Names become canonical here: an encoder that was saved alone gets its
prefix, and the `gamma` and `beta` of old BERT checkpoints become `weight` and `bias`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize, safe_open

from dualtrain.errors import CheckpointError, Problem
from dualtrain.shapes import mismatches
from dualtrain.tasks._model import ParameterLike
from dualtrain.tasks.text_classification._config import EncoderConfig, Family
from dualtrain.tasks.text_classification._words import Head

__all__ = ["HEAD", "RawTensor", "read_weights", "stored_tensors"]

RawTensor = Mapping[str, Any]
"""As safetensors gives it: `dtype` by name, `shape`, and `data`, little-endian bytes."""

HEAD = "classifier."
"""What the names of a classification head's parameters begin with, in all families."""

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
ENCODER = ("embeddings.", "encoder.", "pooler.")
FLOATS = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def read_weights(
    folder: Path, parameters: Sequence[ParameterLike], config: EncoderConfig, *, head: Head
) -> dict[str, NDArray[np.float32]]:
    """Canonical name -> float32 array, for each of `parameters` that the folder has.

    The pooler and the classification head may be absent, each as a whole; another task's head is
    not read, and with `head` "fresh" none. bfloat16 and float16 become float32.

    Raises `CheckpointError` naming each tensor that is missing, has another shape or type, or is
    of an encoder that config.json does not describe.
    """
    stored = _by_canonical_name(folder, config.family, _whole_tensors)
    needed = {p.name: p.shape for p in parameters}
    if head == "fresh":
        stored = {name: raw for name, raw in stored.items() if not name.startswith(HEAD)}
    for part in (HEAD, f"{config.family}.pooler."):
        if not any(name.startswith(part) for name in stored):
            needed = {name: shape for name, shape in needed.items() if not name.startswith(part)}
    blocks = (f"{config.family}.embeddings.", f"{config.family}.encoder.")
    used = {name: raw for name, raw in stored.items() if name in needed or name.startswith(blocks)}
    problems = mismatches(needed, {name: tuple(raw["shape"]) for name, raw in used.items()})
    problems += [
        Problem(where=name, rule=f"must be one of {', '.join(FLOATS)}", received=raw["dtype"])
        for name, raw in used.items()
        if raw["dtype"] not in FLOATS
    ]
    if problems:
        lines = [f"{folder}: the weights are not those of the model in config.json."]
        raise CheckpointError("\n".join([*lines, *map(str, problems)]))
    return {name: _float32(used[name]) for name in needed}


def stored_tensors(folder: Path, family: Family) -> dict[str, RawTensor]:
    """Canonical name -> tensor without its data, for all that the folder has: no weight is read.

    Raises `CheckpointError` for a folder without weights, or with others than safetensors.
    """
    return _by_canonical_name(folder, family, _headers)


Reader = Callable[[Path], Iterator[tuple[str, RawTensor]]]


def _by_canonical_name(folder: Path, family: Family, reader: Reader) -> dict[str, RawTensor]:
    """Canonical name -> tensor, for all that the folder has, buffers of token numbers left out."""
    found: dict[str, RawTensor] = {}
    for file in _files(folder):
        for name, raw in _checked(file, reader):
            canonical = _canonical(name, family)
            if canonical in found:
                raise CheckpointError(
                    f"{file}: two tensors must not stand for one. "
                    f"Received: {name} as another {canonical}"
                )
            if not canonical.endswith("_ids"):
                found[canonical] = raw
    return found


def _canonical(name: str, family: Family) -> str:
    for old, new in ((".gamma", ".weight"), (".beta", ".bias")):
        if name.endswith(old):
            name = name.removesuffix(old) + new
    return f"{family}.{name}" if name.startswith(ENCODER) else name


def _files(folder: Path) -> list[Path]:
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    if (folder / INDEX).is_file():
        return _shards(folder / INDEX)
    pickles = sorted(p.name for suffix in ("bin", "pdparams") for p in folder.glob(f"*.{suffix}"))
    raise CheckpointError(
        f"{folder}: a checkpoint's weights are read from {WHOLE} alone, because other formats can "
        f"run code when they are opened. In transformers, convert them with "
        f"model.save_pretrained(folder); in Paddle, with "
        f"safetensors.numpy.save_file(dualtrain_paddle.dump_weights(model), {WHOLE!r}). "
        f"Received: {', '.join(pickles) or 'no weights'}"
    )


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f'{index}: must be a JSON object with "weight_map", an object of tensor names and '
            f"file names. Received: {type(error).__name__}: {error}"
        ) from None
    for name in names:
        if Path(str(name)).name != name or not (index.parent / name).is_file():
            raise CheckpointError(
                f"{index}: each shard must be a file of the same folder. Received: {name!r}"
            )
    return [index.parent / name for name in names]


def _whole_tensors(file: Path) -> Iterator[tuple[str, RawTensor]]:
    yield from deserialize(file.read_bytes())  # type: ignore[no-untyped-call]


def _headers(file: Path) -> Iterator[tuple[str, RawTensor]]:
    with safe_open(file, framework="numpy") as opened:
        for name in opened.keys():  # noqa: SIM118 (it is no dict)
            piece = opened.get_slice(name)
            yield name, {"dtype": piece.get_dtype(), "shape": piece.get_shape()}


def _checked(file: Path, reader: Reader) -> Iterator[tuple[str, RawTensor]]:
    try:
        yield from reader(file)
    except SafetensorError as error:
        raise CheckpointError(f"{file}: must be a safetensors file. Received: {error}") from None


def _float32(raw: RawTensor) -> NDArray[np.float32]:
    values = np.frombuffer(raw["data"], FLOATS[raw["dtype"]]).reshape(raw["shape"])
    if raw["dtype"] == "BF16":  # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32, copy=False)
