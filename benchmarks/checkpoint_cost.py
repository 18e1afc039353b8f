"""What a checkpoint costs, beside the framework's own saving of the same state.

    python -m benchmarks.checkpoint_cost
    python -m benchmarks.checkpoint_cost --backend torch --weights 4000000 --rounds 9 --folder /mnt

An MLP with AdamW: the state is the weights and two moments, 12 bytes a weight. A run writes between
two updates, so the seconds are the pause of its loop; the median over rounds in which all take
turns. `saved and synced` is the framework's save and an fsync, which a checkpoint has too: without
it a power cut may lose what was written, but not the name.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import dualtrain
from dualtrain import Spec
from dualtrain.backend import load_backend
from dualtrain.training import Run

LAYERS = 8
WAYS = ("native, saved", "native, saved and synced", "checkpoint", "checkpoint: the state copied")
SPEC = Spec.model_validate(
    {
        "optimizer": {"name": "adamw", "lr": 1e-3},
        "schedule": {"name": "constant"},
        "weight_decay": {"value": 0.01},
        "duration": {"updates": 1000},
        "checkpoint": {"keep": 1},
    }
)


def main(arguments: Sequence[str]) -> int:
    """Measure, and print one row for each framework and way."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.checkpoint_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--backend", choices=MODELS, action="append")
    parser.add_argument("--weights", type=int, action="append", help="about so many, each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where is written; else a temporary folder")
    options = parser.parse_args(arguments)
    print("| framework | weights | what | seconds | MB | MB/s |\n|---|---|---|---|---|---|")
    for backend in options.backend or MODELS:
        for weights in options.weights or (1_000_000, 20_000_000):
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                _measure(backend, weights, options.rounds, Path(folder))
    return 0


def _measure(backend: str, weights: int, rounds: int, folder: Path) -> None:
    width = round((weights / LAYERS) ** 0.5)
    model, save = MODELS[backend](width)
    run = dualtrain.start(SPEC, model, micro_batches_per_epoch=1000)
    verbs = load_backend(backend)
    batch = verbs.to_device({"x": np.ones((4, width), np.float32)}, run.device)
    file, place = folder / "native", folder / "kept"
    ways: tuple[Callable[[], object], ...] = (
        lambda: save(run, file),
        lambda: _synced(save, run, file),
        lambda: run.save(place),
        run.state,
    )
    seconds: list[list[float]] = [[] for _ in ways]
    with run:
        for number in range(rounds + 1):
            run.step(run.model(batch["x"]).mean())
            for way, took in zip(ways, seconds, strict=True):
                file.unlink(missing_ok=True)
                begun = time.perf_counter()
                way()
                if number:  # the first warms up
                    took.append(time.perf_counter() - begun)
        save(run, file)
    native = file.stat().st_size
    kept = sum(one.stat().st_size for one in place.glob("update-*/*"))
    count = sum(int(np.prod(p.shape)) for p in run.model.parameters())
    for name, took, size in zip(WAYS, seconds, (native, native, kept, kept), strict=True):
        second, mb = median(took), size / 1e6
        cells = (backend, f"{count:,}", name, f"{second:.3f}", f"{mb:.1f}", f"{mb / second:.0f}")
        print(f"| {' | '.join(cells)} |")


def _synced(save: Callable[[Run, Path], None], run: Run, file: Path) -> None:
    save(run, file)
    with file.open("r+b") as written:
        os.fsync(written.fileno())


def _torch(width: int) -> tuple[Any, Callable[[Run, Path], None]]:
    import torch

    def save(run: Run, file: Path) -> None:
        torch.save({"model": run.model.state_dict(), "optimizer": run.optimizer.state_dict()}, file)

    return torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(LAYERS))), save


def _paddle(width: int) -> tuple[Any, Callable[[Run, Path], None]]:
    import paddle

    def save(run: Run, file: Path) -> None:
        state = {"model": run.model.state_dict(), "optimizer": run.optimizer.state_dict()}
        paddle.save(state, str(file))

    return paddle.nn.Sequential(*(paddle.nn.Linear(width, width) for _ in range(LAYERS))), save


MODELS: dict[str, Callable[[int], tuple[Any, Callable[[Run, Path], None]]]] = {
    "torch": _torch,
    "paddle": _paddle,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
