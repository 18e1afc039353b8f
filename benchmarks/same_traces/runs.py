"""The runs themselves, made by whichever version is on the path: `python runs.py FOLDER UPDATES`.

Only what users call is called here, so that both versions can run it: `load_spec`, `fit`, the
command `train`, and the zoo. UPDATES 0 leaves every run as long as it is written.
Each run leaves `NAME/BACKEND.jsonl` and its weights in the folder `NAME/BACKEND`.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from dualtrain import Spec, fit, load_spec

SOURCES = Path.cwd()
zoo = import_module("benchmarks.zoo" if (SOURCES / "benchmarks/zoo").is_dir() else "tests.zoo")
"""Older versions have it among their tests."""
BACKENDS = ("torch", "paddle")
RECIPES = {
    "ernie_fine_tuning": ("ernie", 7),
    "bert_lamb": ("bert", 18),
    "cifar_one_cycle": ("cnn", 4),
}
"""Recipe -> model of the zoo, micro-batches an epoch: AdamW with paddlenlp's words, LAMB with
accumulation, SGD whose momentum is cycled."""
ZOO_UPDATES = 20


def main(folder: Path, updates: int) -> None:
    """All runs, one after the other."""
    demo(folder / "demo", updates)
    for recipe, (model, batches) in RECIPES.items():
        spec = load_spec(SOURCES / "examples" / "recipes" / f"{recipe}.yaml")
        fields = spec.model_dump(mode="json", exclude={"seed", "task"}) | {
            "device": "cpu",
            "amp": None,
            "duration": {"updates": updates or 60},
        }
        if recipe == "bert_lamb":
            fields["batch"] = {"accumulate": 4, "tail": "drop"}
        trained(folder / recipe, model, batches=batches, **_that_fits(fields))
    for model in zoo.NAMES:
        trained(folder / f"zoo {model}", model, updates=updates or ZOO_UPDATES)


def _that_fits(fields: dict[str, Any]) -> dict[str, Any]:
    """A short run has fewer micro-batches, and no room for the warmup and horizon of a long one."""
    fields["batch"].pop("micro_batches_per_epoch", None)
    most = fields["duration"]["updates"]
    warmup = fields.get("warmup")
    if warmup and (warmup.get("steps") or 0) >= most:
        fields["warmup"] = {"steps": most // 3}
    fields["horizon"] = None
    return fields


def trained(folder: Path, model: str, **how: Any) -> None:
    """Both sides of a pair of the zoo."""
    pair = zoo.pair(model, **how)
    for backend, native in zip(BACKENDS, pair.models, strict=True):
        fit(
            pair.spec,
            native,
            pair.batches,
            trace=folder / f"{backend}.jsonl",
            output=folder / backend,
        )


def demo(folder: Path, updates: int) -> None:
    """The example's task by the command line, dropout and all."""
    example = SOURCES / "examples" / "text_classification"
    if not (example / "data").is_dir():
        subprocess.run([sys.executable, str(example / "make_data.py")], check=True)
    folder.mkdir(parents=True)
    spec = example / "spec.yaml"
    if updates:
        short: dict[str, Any] = load_spec(spec).model_dump(mode="json")
        short["duration"] = {"updates": updates}
        short["task"] |= {split: str(example / short["task"][split]) for split in ("train", "eval")}
        spec = folder / "spec.json"
        spec.write_text(Spec.model_validate(short).model_dump_json(), encoding="utf-8")
    for backend in BACKENDS:
        command = [sys.executable, "-m", "dualtrain", "train", str(spec), "--backend", backend]
        files = ["--trace", str(folder / f"{backend}.jsonl"), "--output", str(folder / backend)]
        subprocess.run([*command, *files], check=True, capture_output=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]), int(sys.argv[2]))
