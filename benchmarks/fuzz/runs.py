"""Real runs, each made twice or by two backends: `python -m benchmarks.fuzz.runs FOLDER`.

With `--left` runs that were left: a folder of checkpoints, the trace beside it, the spec.

In a process of its own, because it needs a framework, which whoever judges mutants does without.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

__all__ = ["FLOOR", "LEFT", "OTHER", "SPEC", "A", "B", "make_left", "make_runs"]

A, B, FLOOR, SPEC = "a.trace.jsonl", "b.trace.jsonl", "floor.trace.jsonl", "spec.yaml"
LEFT, OTHER = "checkpoints", "of-another-run"
"""Folders of checkpoints: of the run itself, and of one by another spec."""

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


RUNS_LEFT = {
    "watched": f"""\
{SPECS["linear"]}ema: {{decay: 0.9}}
early_stopping: {{patience: 9}}
best: {{metric: r2}}
evaluation: {{every: {{updates: 2}}}}
checkpoint: {{every: {{updates: 2}}}}
""",
    "waiting": """\
optimizer: {name: momentum, lr: 0.01, momentum: 0.9}
schedule: {name: reduce_on_plateau, factor: 0.5, patience: 0, mode: min, threshold: 1e-4,
           threshold_mode: rel, cooldown: 0, min_lr: 0.0, eps: 1e-8}
checkpoint: {every: {epochs: 1}, keep: 3}
duration: {epochs: 4}
""",
}
"""With averages, early stopping and a best model; with a schedule that has a state."""


def make_left(folder: Path) -> None:
    """A folder for each run that was left, with checkpoints, trace and spec."""
    _copied(folder, "--left")


def make_runs(folder: Path) -> None:
    """A folder for each spec with both traces, and their weights in folders beside them."""
    _copied(folder)


def _copied(folder: Path, *more: str) -> None:
    shutil.copytree(_in_a_process(*more).name, folder, dirs_exist_ok=True)


@cache
def _in_a_process(*more: str) -> tempfile.TemporaryDirectory[str]:
    """Made once, for all kinds of input; removed at the end of this process."""
    made = tempfile.TemporaryDirectory(prefix="dualtrain-fuzz-runs-")
    environment = {name: value for name, value in os.environ.items() if name != "USE_TORCH"}
    command = [sys.executable, "-m", "benchmarks.fuzz.runs", made.name, *more]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return made


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


def leave(folder: Path) -> None:
    """Train them with one backend, each to its end, which is no hindrance to going on."""
    from dualtrain.spec import load_spec
    from dualtrain.training import train

    backend = list(_installed())[-1]
    for name, text in RUNS_LEFT.items():
        here = folder / name
        _write(here, text)
        spec, trace = load_spec(here / SPEC), here / A
        train(spec, backend, trace=trace, checkpoints=here / LEFT)
    for name, other in zip(RUNS_LEFT, reversed(RUNS_LEFT), strict=True):
        shutil.copytree(folder / other / LEFT, folder / name / OTHER)


def _train(here: Path, spec: str, backends: Mapping[str, str]) -> None:
    """Traces in a new folder, each made by its backend."""
    from dualtrain.spec import load_spec
    from dualtrain.training import train

    _write(here, spec)
    for trace, backend in backends.items():
        train(
            load_spec(here / SPEC),
            backend,
            trace=here / trace,
            output=here / trace.partition(".")[0],
            nudge=int(trace == FLOOR),
        )


def _write(here: Path, spec: str) -> None:
    """The spec and its data, in a new folder."""
    rows = [f"{x},{x * x - 3},{2 * x + 1}" for x in range(-6, 7)]
    here.mkdir()
    (here / "data.csv").write_text("\n".join(["x,z,y", *rows, ""]), encoding="utf-8")
    (here / SPEC).write_text(spec + TASK, encoding="utf-8")


if __name__ == "__main__":
    (leave if "--left" in sys.argv else main)(Path(sys.argv[1]))
