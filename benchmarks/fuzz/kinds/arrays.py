"""Arrays in .npz files, of images and of a task of one's own: taken is what numpy reads."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.fuzz._bytes import damaged
from benchmarks.fuzz._call import REFUSED, call, complaints
from benchmarks.fuzz._extremes import NUMBERS
from benchmarks.fuzz._kind import Judgement, Kind, damage
from dualtrain.spec import load_spec

__all__ = ["Arrays"]

Named = dict[str, NDArray[Any]]

SPEC = """\
optimizer: {{name: adamw, lr: 0.1}}
schedule: {{name: linear}}
batch: {{size: 2}}
duration: {{epochs: 2}}
task: {0}
"""
TASKS = {
    "cnn": "{name: image_classification, train: train.npz, eval: eval.npz, "
    "model: {name: cnn, channels: [4]}}",
    "vit": "{name: image_classification, train: train.npz, eval: eval.npz, standardise: false, "
    "model: {name: vit, patch_size: 2, hidden_size: 8, layers: 1, heads: 2}}",
    "own": '{name: module, train: train.npz, eval: eval.npz, module: "own.py:Own"}',
}
OWN = """\
import numpy as np

class Own:
    def read(self, path):
        with np.load(path) as opened:
            return {name: opened[name] for name in opened}

    def model(self, backend):
        raise RuntimeError("check builds no model")
"""
"""What it raises is the user's, and is told as it is."""

_WORDS_OF_THE_USER = ("own.py:Own: read must not fail", "a library's words")


class Arrays(Kind):
    """Grey and colour images, of bytes and of floats, and a module's arrays, through `check`."""

    name = "arrays"

    def make(self, folder: Path) -> None:
        """One of each task, its arrays plain and packed."""
        draw = np.random.default_rng(0)
        grey = draw.integers(0, 256, (8, 4, 4)).astype(np.uint8)
        colour = draw.normal(size=(8, 4, 6, 3)).astype(np.float64)
        tables: dict[str, dict[str, Any]] = {
            "cnn": {"images": grey, "labels": np.array([10, 2] * 4)},
            "vit": {"images": colour, "labels": np.array(["ox", "cow"] * 4)},
            "own": {"x": colour[:, 0], "n": grey[:, 0, 0].astype("i2"), "labels": np.arange(8) % 2},
        }
        for name, arrays in tables.items():
            for save in (np.savez, np.savez_compressed):
                here = folder / f"{name}-{save.__name__}"
                here.mkdir()
                (here / "spec.yaml").write_text(SPEC.format(TASKS[name]), encoding="utf-8")
                (here / "own.py").write_text(OWN, encoding="utf-8")
                save(here / "train.npz", **arrays)
                save(here / "eval.npz", **{key: array[:4] for key, array in arrays.items()})

    def mutate(self, draw: Random, folder: Path) -> str:
        """Another array, a change to an array's header or to bytes, or to what stands there."""
        return damage(draw, draw.choice(sorted(folder.glob("*.npz"))), _change)

    def judge(self, original: Path, folder: Path) -> Judgement:
        """`check`, and the arrays that it is of."""
        spec = folder / "spec.yaml"
        answer = call("check", spec)
        faults = list(complaints(answer, folder, allowed=(0, REFUSED)))
        rule, theirs = _WORDS_OF_THE_USER
        if rule in " ".join(answer.err.split()):
            faults = [fault for fault in faults if not fault.startswith(theirs)]
        if "not planned" in answer.out:  # the file is not there
            return Judgement("not there", tuple(faults))
        if answer.status:
            return Judgement("refused", tuple(faults))
        return Judgement("accepted", (*faults, *_unlike(spec)))


def _change(draw: Random, data: bytes, path: Path) -> tuple[bytes, str]:
    what = draw.random()
    try:
        if what < 0.4:
            return _other_array(draw, data)
        if what < 0.7:
            return _other_member(draw, data)
    except Exception:  # of numpy and zipfile, dozens for a file that was changed before
        pass
    return damaged(draw, data)


_ARRAYS: dict[str, Callable[[NDArray[Any]], Any]] = {
    "of other numbers": lambda a: a + 1 if a.dtype.kind in "iuf" else a[::-1],
    "of none": lambda a: a[:0],
    "of one less": lambda a: a[:-1],
    "of its first alone": lambda a: a[0],
    "in one axis more": lambda a: a[..., None],
    "in Fortran's order": np.asfortranarray,
    "of big-endian numbers": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "of booleans": lambda a: a.astype(bool),
    "of complex numbers": lambda a: a.astype(complex) if a.dtype.kind != "U" else a,
    "of float16": lambda a: a.astype(np.float16) if a.dtype.kind != "U" else a,
    "of uint64": lambda a: a.astype(np.uint64) if a.dtype.kind in "iu" else a,
    "of float64": lambda a: a.astype(np.float64) if a.dtype.kind != "U" else a,
    "of texts": lambda a: a.astype(str),
    "of bytes": lambda a: a.astype("S"),
    "of objects": lambda a: a.astype(object),
    "of times": lambda a: np.zeros(a.shape, "M8[s]"),
    "of records": lambda a: np.zeros(a.shape, [("a", "i4"), ("b", "f4")]),
    "with NaN": lambda a: np.where(a == a.flat[0], np.nan, a) if a.dtype.kind == "f" else a,
    "with 1e300": lambda a: np.where(a == a.flat[0], 1e300, a) if a.dtype.kind == "f" else a,
    "of one value": lambda a: np.full_like(a, a.flat[0]),
    "of empty texts": lambda a: np.full(a.shape, ""),
    "of texts that a terminal obeys": lambda a: np.full(a.shape, "\x1b[2J\u202e"),
}
"""What becomes of an array -> how."""


def _other_array(draw: Random, data: bytes) -> tuple[bytes, str]:
    """The file with one array changed, left out, renamed, or one more."""
    with np.load(io.BytesIO(data)) as opened:
        arrays = {name: opened[name] for name in opened}
    name = draw.choice(sorted(arrays))
    match draw.randrange(8):
        case 0:
            del arrays[name]
            told = f"{name} left out"
        case 1:
            arrays[f"{name} "] = arrays.pop(name)
            told = f"{name} renamed"
        case 2:
            arrays["more"] = np.zeros(3)
            told = "one more"
        case _:
            told = draw.choice(sorted(_ARRAYS))
            arrays[name] = _ARRAYS[told](arrays[name])
            told = f"{name} {told}"
    written = io.BytesIO()
    np.savez(written, **arrays)
    return written.getvalue(), told


def _other_member(draw: Random, data: bytes) -> tuple[bytes, str]:
    """The same archive with the bytes of one member changed, its header's numbers above all."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {one.filename: archive.read(one) for one in archive.infolist()}
    name = draw.choice(sorted(members))
    member = members[name]
    size = 10 + int.from_bytes(member[8:10], "little")
    numbers = list(re.finditer(rb"\d+", member[10:size]))
    if numbers and draw.random() < 0.6:
        at, new = draw.choice(numbers), draw.choice(NUMBERS).encode()
        header = member[10:size]
        header = header[: at.start()] + new + header[at.end() :]
        member = member[:8] + len(header).to_bytes(4, "little")[:2] + header + member[size:]
        told = f"{at[0].decode()} in its header becomes {new[:12]!r}"
    else:
        member, told = damaged(draw, member)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_LZMA))) as to:
        for each, content in (members | {name: member}).items():
            to.writestr(each, content)
    return written.getvalue(), f"{name}: {told}"


def _unlike(spec: Path) -> Iterator[str]:
    """Where the arrays that were taken are not those of the files."""
    task: Any = load_spec(spec).task
    data = task.prepare(spec.parent)
    for name, split in (("train", data.train), ("eval", data.eval)):
        path = spec.parent / f"{name}.npz"
        try:
            with np.load(path, allow_pickle=False) as opened:
                names = opened if task.name == "module" else ("images", "labels")
                found = {key: opened[key] for key in names}
        except Exception as error:
            yield f"{path.name} is accepted, but numpy refuses: {type(error).__name__}: {error}"
            continue
        if task.name == "module":
            taken, wanted = split.arrays, {key: _plain(array) for key, array in found.items()}
        else:
            taken = {"images": split.images, "labels": np.array(data.classes)[split.labels]}
            wanted = {
                "images": _scaled(found["images"], data),
                "labels": found["labels"].astype(str),
            }
        for key, array in wanted.items():
            if not _same(taken.get(key), array):
                told = f"taken is {taken.get(key)!r:.300}, there is {array!r:.300}"
                yield f"{path.name}: {key}: {told}"


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int64)


def _scaled(images: NDArray[Any], data: Any) -> NDArray[Any]:
    """Channels first, by the scale that the data say they have."""
    pixels = images.astype(np.float32)
    if images.dtype == np.uint8:
        pixels = (images / np.float32(255)).astype(np.float32)
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    scaled = (pixels - np.array(data.means)) / np.array(data.deviations)
    return np.moveaxis(scaled, -1, 1).astype(np.float32)


def _same(taken: NDArray[Any] | None, wanted: NDArray[Any]) -> bool:
    if taken is None or taken.shape != wanted.shape:
        return False
    return bool(
        (taken == wanted).all()
        if wanted.dtype.kind != "f"
        else np.array_equal(taken, wanted, equal_nan=True)
    )
