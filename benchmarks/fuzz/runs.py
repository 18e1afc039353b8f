"""Real runs, each made twice or by two backends: `python -m benchmarks.fuzz.runs FOLDER`.

In a process of its own, because it needs a framework, which whoever judges mutants does without.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["FLOOR", "SPEC", "A", "B", "make_runs"]

A, B, FLOOR, SPEC = "a.trace.jsonl", "b.trace.jsonl", "floor.trace.jsonl", "spec.yaml"

TASK = """\
task:
  {name: regression, train: data.csv, eval: data.csv, features: [x, z], target: y,
   model: {hidden: [3], activation: tanh}}
batch: {size: 4, accumulate: 2}
"""
SPECS = {
    "linear": """\
optimizer: {name: adamw, lr: 0.01}
schedule: {name: linear}
warmup: {proportion: 0.3}
weight_decay: {value: 0.1, exclude: [bias]}
clip: {global_norm: 0.5}
duration: {epochs: 3}
""",
    "averages": """\
optimizer: {name: adam, lr: 0.01}
schedule: {name: piecewise, boundaries: [1, 2], values: [0.01, 0.005, 0.001], per: epoch}
lr_multipliers: [{pattern: "*.bias", multiplier: 2}]
ema: {decay: 0.9}
duration: {epochs: 3}
""",
    "cycle": """\
optimizer: {name: momentum, lr: 0.01, momentum: 0.95}
schedule: {name: one_cycle, start_lr: 0.001, end_lr: 1e-4, rise: 0.3, shape: cosine,
           momentum: {low: 0.85, high: 0.95}}
weight_decay: {value: 5e-4, kind: coupled}
clip: {value: 0.1}
duration: {updates: 8}
""",
    "mixed": """\
optimizer: {name: adamw, lr: 0.01}
schedule: {name: constant}
amp: {dtype: bfloat16, level: O1}
duration: {updates: 6}
""",
}


PAIRS = ("cycle", "linear")
"""Specs of which there is a run by two backends as well, apart by rounding, with a chaos floor."""


def make_runs(folder: Path) -> None:
    """A folder for each spec with both traces, and their weights in folders beside them."""
    environment = {name: value for name, value in os.environ.items() if name != "USE_TORCH"}
    command = [sys.executable, "-m", "benchmarks.fuzz.runs", str(folder)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def main(folder: Path) -> None:
    """Train them with one backend twice; with two, if there are two."""
    backends = list(_installed())
    for name, text in SPECS.items():
        _train(folder / name, text, {A: backends[-1], B: backends[-1]})
        if name in PAIRS and len(backends) > 1:
            pair = {A: backends[-1], B: backends[0], FLOOR: backends[-1]}
            _train(folder / f"{name}-pair", text, pair)


def _installed() -> Iterator[str]:
    """The backends whose framework is here too."""
    from dualtrain.backend import backend_names, load_backend
    from dualtrain.errors import BackendError

    for name in backend_names():
        with contextlib.suppress(BackendError):
            load_backend(name)
            yield name


def _train(here: Path, spec: str, backends: Mapping[str, str]) -> None:
    """Traces in a new folder, each made by its backend."""
    from dualtrain.spec import load_spec
    from dualtrain.training import train

    rows = [f"{x},{x * x - 3},{2 * x + 1}" for x in range(-6, 7)]
    here.mkdir()
    (here / "data.csv").write_text("\n".join(["x,z,y", *rows, ""]), encoding="utf-8")
    (here / SPEC).write_text(spec + TASK, encoding="utf-8")
    for trace, backend in backends.items():
        train(
            load_spec(here / SPEC),
            backend,
            trace=here / trace,
            output=here / trace.partition(".")[0],
            nudge=int(trace == FLOOR),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
