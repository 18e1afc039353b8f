"""Specs: what is accepted says, at each place, what an independent reader finds written there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import numpy as np
import yaml

from benchmarks.fuzz._bytes import damaged
from benchmarks.fuzz._call import REFUSED, answer_of, call, complaints
from benchmarks.fuzz._kind import Judgement, Kind, damage
from benchmarks.fuzz._trees import Members, changed, flat, parsed, quoted, tree_of, written
from dualtrain.errors import DualtrainError
from dualtrain.spec import load_spec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Specs"]

RECIPES = Path(__file__).parents[3] / "examples"
TREE = "tree"
"""A copy of a spec as JSON, from which a changed one is written in any format."""

EVERYTHING = """{
  "task": {"name": "text_classification", "train": "train.csv", "eval": "eval.csv",
    "text": "text", "label": "label", "model": {"family": "bert", "hidden_size": 8, "layers": 1,
    "heads": 2, "max_length": 8, "vocab_size": 100, "dropout": 0.1}},
  "optimizer": {"name": "adamw", "lr": 3e-4, "betas": [0.9, 0.999], "eps": 1e-8},
  "schedule": {"name": "cosine_annealing", "min_lr": 3e-6},
  "warmup": {"proportion": 0.1, "rounding": "ceil", "start": 0.01},
  "horizon": 60, "weight_decay": {"value": 0.01, "exclude": ["bias", "norm"]},
  "lr_multipliers": [{"pattern": "classifier.*", "multiplier": 10}], "layer_decay": 0.8,
  "freeze": {"patterns": ["*.embeddings.*"]}, "clip": {"global_norm": 1.0},
  "batch": {"size": 4, "accumulate": 2, "tail": "flush", "normalise": "micro_mean"},
  "own_betas": [{"pattern": "*.bias", "betas": [0.8, 0.99]}],
  "loss": {"label_smoothing": 0.1}, "ema": {"decay": 0.99, "warmup": true},
  "amp": {"dtype": "float16", "level": "O1", "loss_scale": {"init": 128}},
  "evaluation": {"every": {"updates": 5}},
  "early_stopping": {"metric": "accuracy", "mode": "max", "patience": 3, "threshold": 0.01},
  "best": {"metric": "loss"}, "checkpoint": {"every": {"epochs": 1}, "keep": 3},
  "duration": {"updates": 50, "time_limit": 600}, "seed": 7, "device": "cpu"}"""

SEQUENCE = """{
  "task": {"name": "regression", "train": "numbers.csv", "features": ["a", "b"], "target": "y",
    "standardise": false, "model": {"hidden": [4], "activation": "tanh"}},
  "optimizer": {"name": "momentum", "lr": 0.1, "momentum": 0.95, "nesterov": true},
  "schedule": {"name": "piecewise", "boundaries": [1, 2, 3], "values": [0.1, 0.01, 1e-3, 1e-4],
    "per": "epoch"},
  "weight_decay": {"value": 5e-4, "kind": "coupled"}, "batch": {"size": 2},
  "duration": {"epochs": 4}}"""

REST = """
  "optimizer": {"name": "momentum", "lr": 0.1, "momentum": 0.9}, "schedule": {"name": "linear"},
  "weight_decay": {"value": 0.01, "kind": "decoupled"}, "batch": {"size": 2},
  "duration": {"epochs": 2}}"""

TASKS = {
    "pairs": """{"name": "text_classification", "train": "pairs.tsv", "eval": "pairs.tsv",
    "text": "text", "pair": "other", "label": "label", "model": {"family": "ernie",
    "hidden_size": 8, "layers": 1, "heads": 2, "max_length": 8}}""",
    "tags": """{"name": "token_classification", "train": "train.conll", "eval": "train.conll",
    "tokens": "tokens", "labels": "labels", "model": {"family": "roberta", "hidden_size": 8,
    "layers": 1, "heads": 2, "max_length": 8}}""",
    "causal": """{"name": "causal_lm", "train": "train.txt", "model": {"family": "gpt2",
    "hidden_size": 8, "layers": 1, "heads": 2, "max_length": 8, "vocab_size": 300,
    "dropout": 0.1}}""",
    "images": """{"name": "image_classification", "train": "train.npz", "images": "images",
    "labels": "labels", "standardise": true, "model": {"name": "vit", "patch_size": 2,
    "hidden_size": 8, "layers": 1, "heads": 2, "intermediate_size": 16}}""",
    "module": """{"name": "module", "train": "train.txt", "module": "own.py:Own"}""",
}
"""The other tasks, in a spec of few words."""


class Specs(Kind):
    """YAML, TOML and JSON, with the data that they name; the commands that need no framework."""

    name = "specs"

    def make(self, folder: Path) -> None:
        """Two with much in them, one of each other task, and the recipes."""
        tasks = {name: f'{{"task": {task},{REST}' for name, task in TASKS.items()}
        for name, text in {"everything": EVERYTHING, "sequence": SEQUENCE, **tasks}.items():
            here = folder / name
            here.mkdir()
            (here / TREE).write_text(text, encoding="utf-8")
            (here / "spec.json").write_text(text, encoding="utf-8")
            _write_data(here)
        for recipe in sorted(RECIPES.rglob("*.yaml")):
            here = folder / f"{recipe.parent.name}-{recipe.stem}"
            here.mkdir()
            (here / "spec.yaml").write_bytes(recipe.read_bytes())
            _write_data(here)

    def mutate(self, draw: Random, folder: Path) -> str:
        """A change to the tree, written in one of the formats; else to the file itself."""
        if (folder / TREE).exists():
            tree, told = changed(draw, tree_of((folder / TREE).read_text(encoding="utf-8")))
            (folder / TREE).unlink()
            (folder / "spec.json").unlink()
            ending = draw.choice(sorted(FORMATS))
            text = FORMATS[ending](tree)
            (folder / f"spec.{ending}").write_bytes(text.encode("utf-8", "surrogatepass"))
            return told
        path = next(folder.glob("spec.*"), None)
        if path is None:
            return "nothing more"
        return damage(draw, path, lambda draw, data, path: damaged(draw, data))

    def judge(self, original: Path, folder: Path) -> Judgement:
        """`check`, and of what it takes the other commands."""
        path = next(folder.glob("spec.*"), folder / "spec.yaml")
        sizes = _sizes(path)
        answer = call("check", path, *sizes)
        faults = list(complaints(answer, folder, allowed=(0, REFUSED)))
        if answer.status != 0:
            return Judgement("refused", tuple(faults))
        faults += _unheard(path)
        command = ("plan", "explain", "compare")[crc32(path.read_bytes()) % 3]
        one = call(command, path, *sizes)
        faults += (f"{command}: {fault}" for fault in complaints(one, folder, allowed=(0,)))
        counted = call("check", path)  # the data as well
        faults += complaints(counted, folder, allowed=(0, REFUSED))
        return Judgement("accepted", tuple(faults))


def _sizes(path: Path) -> tuple[object, ...]:
    """What a command is told of an epoch, for data that are not there: nothing if the spec says."""
    try:
        said = load_spec(path).batch.micro_batches_per_epoch
    except (DualtrainError, OSError):
        said = None
    return () if said else ("--micro-batches", 1000)


def _write_data(folder: Path) -> None:
    rows = [f"{word} {other},{word}" for word in ("tin", "oak") for other in ("a", "b", "c")]
    for name in ("train.csv", "eval.csv", "data/train.csv", "data/eval.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("\n".join(["text,label", *rows, ""]), encoding="utf-8")
    numbers = [f"{a},{a * a},{a + 1}" for a in range(6)]
    (folder / "numbers.csv").write_text("\n".join(["a,b,y", *numbers, ""]), encoding="utf-8")
    pairs = [row.replace(",", "\tand\t") for row in rows]
    (folder / "pairs.tsv").write_text("\n".join(["text\tother\tlabel", *pairs, ""]), "utf-8")
    (folder / "train.conll").write_text("tin B-M\nroof I-M\n\nan O\noak B-T\n", "utf-8")
    (folder / "train.txt").write_text("a tin roof, an oak, " * 20, encoding="utf-8")
    for name in ("own.py", "task.py"):
        (folder / name).write_text(OWN, encoding="utf-8")
    images = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
    np.savez(folder / "train.npz", images=images, labels=np.arange(6) % 2)


def _yaml(tree: Any) -> str:
    if not isinstance(tree, Members):
        return written(tree)
    return "".join(f"{_bare(key)}: {written(value)}\n" for key, value in tree)


def _bare(key: str) -> str:
    return key if key.isidentifier() and key.isascii() else quoted(key)


def _toml(tree: Any) -> str:
    if not isinstance(tree, Members):
        return written(tree, " = ")
    return "".join(f"{_bare(key)} = {written(value, ' = ')}\n" for key, value in tree)


OWN = """\
import numpy as np

class Own:
    def read(self, path):
        return {"x": np.zeros((6, 2)), "labels": np.arange(6) % 2}

    def model(self, backend):
        raise RuntimeError("no command builds it")

Wave = Own  # which the example has
"""
"""A module task's file."""

SHORT = {"layer_decay": "layer_decay.rate"}
"""Where a plain value may stand for a part -> the field that it is."""

FORMATS = {"json": written, "toml": _toml, "yaml": _yaml}


def _unheard(path: Path) -> Iterator[str]:
    """What is written in a spec that was accepted, and is not what the spec says."""
    answer = answer_of(lambda: load_spec(path))
    if answer.status:
        yield f"check takes it, load_spec does not: {answer.err[:600]}"
        return
    held = flat(load_spec(path).model_dump())
    try:
        said = flat(_read(path))
    except ValueError as error:
        yield f"accepted, though it cannot be read: {type(error).__name__} {error}"
        return
    for place, value in said.items():
        place = place if place in held else SHORT.get(place, place)
        if value not in ({}, []) and not (place in held and _same(value, held[place])):
            yield f"accepted, though {place} is {value!r}, and the spec has {held.get(place)!r}"


def _read(path: Path) -> Any:
    text = path.read_bytes().decode("utf-8-sig")
    match path.suffix:
        case ".toml":
            return tomllib.loads(text)
        case ".json":
            return parsed(text)
    return _plain(yaml.compose(text, Loader=yaml.BaseLoader))


class Plain(str):
    """A word that stands in YAML without quotes: what it means is for who reads it."""


def _plain(node: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        pairs = [(key.value, _plain(value)) for key, value in node.value]
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(one) for one in node.value]
    return node.value if node.style else Plain(node.value)


_YAML_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


def _same(said: Any, held: Any) -> bool:
    """Whether a value that is written is the value that a spec holds."""
    if isinstance(said, Plain) and not isinstance(held, str):
        word = said.lower()
        said = _YAML_WORDS[word] if word in _YAML_WORDS else float(said)
    if isinstance(said, bool) or isinstance(held, bool) or said is None:
        return said is held
    if isinstance(said, float | int):
        return isinstance(held, float | int) and said == held
    return bool(said == held)
