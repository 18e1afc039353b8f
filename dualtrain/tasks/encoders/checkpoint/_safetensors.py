"""The safetensors files of a checkpoint's folder: which they are, and what they hold.

A header is read long before its tensors, and nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError, deserialize

from dualtrain.errors import CheckpointError
from dualtrain.files import irregular, read_bytes, read_header
from dualtrain.listing import listed
from dualtrain.shapes import Shape
from dualtrain.tasks.encoders.checkpoint._files import (
    read_object,
    refusal,
    shown,
    unreadable,
)

__all__ = ["StoredTensor", "read_headers", "read_tensors"]

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

_FROM_PADDLE = (
    "import paddle, safetensors.numpy as s; "
    "s.save_file(paddle.load('{file}', return_numpy=True), 'model.safetensors')"
)
_FROM_TORCH = (
    "import torch, safetensors.torch as s; "
    "w = torch.load('{file}', map_location='cpu', weights_only=True); "
    "s.save_file({{k: v.clone() for k, v in w.items()}}, 'model.safetensors', {{'format': 'pt'}})"
)
_WAYS_OUT = {
    ".pdparams": f'in the folder, python -c "{_FROM_PADDLE}"',
    ".bin": f'in the folder, python -c "{_FROM_TORCH}"',
    ".h5": "in transformers, from_pretrained(folder, from_tf=True).save_pretrained(folder)",
    ".msgpack": "in transformers, from_pretrained(folder, from_flax=True).save_pretrained(folder)",
}
"""How to convert weights of another format, by how their file's name ends."""

MOST = 12
"""Files that a message repeats."""

_ADAPTER = "adapter_model.safetensors"


class StoredTensor(NamedTuple):
    """What a file's header says of a tensor; no number is read."""

    file: Path
    name: str
    """In the file."""
    dtype: str
    """By safetensors' name, as `F32`."""
    shape: Shape
    """In torch's layout: a Linear's weight is (out, in)."""
    transposed: bool = False
    """Whether the file has it the other way round."""


def read_headers(folder: Path) -> list[StoredTensor]:
    """All tensors of the folder.

    Raises `CheckpointError` for a folder without weights, with others than safetensors, or whose
    index and shards say different things.
    """
    for path in (folder / WHOLE, folder / INDEX):
        kind = irregular(path) or _broken(path)
        if kind is not None:
            raise refusal(path, "must be a regular file", kind)
    if (folder / WHOLE).exists():
        return list(_header(folder / WHOLE))
    if (folder / INDEX).exists():
        return _of_shards(folder / INDEX)
    raise _without_weights(folder)


def read_tensors(file: Path) -> dict[str, bytes]:
    """Name -> little-endian bytes, for each tensor of a file."""
    try:
        pairs = deserialize(read_bytes(file))  # type: ignore[no-untyped-call]
    except OSError as error:
        raise unreadable(file, error) from None
    except SafetensorError as error:
        raise _no_safetensors(file, error) from None
    return {name: raw["data"] for name, raw in pairs}


def _broken(path: Path) -> str | None:
    return "a link to nothing" if path.is_symlink() and not path.exists() else None


def _header(file: Path) -> Iterator[StoredTensor]:
    try:
        for name, (dtype, shape) in read_header(file).items():
            yield StoredTensor(file, name, dtype, shape)
    except OSError as error:
        raise unreadable(file, error) from None
    except ValueError as error:
        raise _no_safetensors(file, error) from None


def _of_shards(index: Path) -> list[StoredTensor]:
    """What the shards hold, which must be what the index says of each."""
    places = _weight_map(index)
    found: list[StoredTensor] = []
    for shard in sorted(set(places.values())):
        file = index.parent / shard
        kind = irregular(file) or _broken(file)
        if Path(shard).name != shard or kind is not None or not file.exists():
            received = f"{shown(shard)}, {kind}" if kind else shown(shard)
            raise refusal(index, _BESIDE, received)
        held = list(_header(file))
        stray = {name for name, place in places.items() if place == shard} ^ {t.name for t in held}
        if stray:
            raise refusal(
                index,
                f"each shard must hold the tensors that weight_map puts there, and no other; "
                f"{_AGAIN}",
                f"{shard}, apart in {listed(sorted(stray))}",
            )
        found += held
    return found


_BESIDE = "each shard must be a file of the same folder"
_AGAIN = "write all shards and the index again with one model.save_pretrained(folder)"


def _weight_map(index: Path) -> dict[str, str]:
    places = read_object(index).get("weight_map")
    if not isinstance(places, dict):
        rule = 'must have "weight_map", an object of tensor names and file names'
        raise refusal(index, rule, shown(places))
    for place in places.values():
        if not isinstance(place, str):
            raise refusal(index, _BESIDE, shown(place))
    return places


def _without_weights(folder: Path) -> CheckpointError:
    if (folder / _ADAPTER).exists():
        return refusal(
            folder,
            "an adapter must be merged into its model: in peft, "
            "model.merge_and_unload().save_pretrained(folder)",
            _ADAPTER,
        )
    others = sorted(path.name for path in folder.glob("*") if path.suffix in _WAYS_OUT)
    ways = [way.format(file=name) for name in others for way in [_WAYS_OUT[Path(name).suffix]]]
    return refusal(
        folder,
        f"a checkpoint's weights are read from {WHOLE} alone, because other formats can run code "
        f"when they are opened; {ways[0] if ways else 'save them with safetensors'}",
        listed(others, MOST) or "no weights",
    )


def _no_safetensors(file: Path, error: Exception) -> CheckpointError:
    with file.open("rb") as opened:
        if opened.read(len(_POINTER)) == _POINTER:
            rule = "must be a safetensors file; fetch it with git lfs pull"
            return refusal(file, rule, "a pointer of Git LFS")
    return refusal(file, "must be a safetensors file", error)


_POINTER = b"version https://git-lfs"
"""How a file begins that a clone without Git LFS has in place of a large one."""
