"""300 updates of a BERT: where training ends, Paddle against torch.

Everything that has to be right is on: warmup, decay, clipping, accumulation with a short tail. The
measured difference is printed beside the chaos floor, torch against itself with one weight matrix
moved by 1 ULP.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain import Spec
from dualtrain.parity import Comparison, compare_files
from dualtrain.trace import read_trace
from dualtrain.training import train

UPDATES = 300


def write_task(folder: Path) -> None:
    """Sixteen words each, half of them from the vocabulary of the text's class."""
    random = np.random.RandomState(0)
    with (folder / "train.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "kind"])
        for kind in random.randint(0, 4, 996):
            words = [*random.randint(0, 200, 8), *(random.randint(0, 50, 8) + 50 * kind)]
            random.shuffle(words)
            rows.writerow([" ".join(f"w{word}" for word in words), f"kind {kind}"])


def spec_of(folder: Path) -> Spec:
    parts: dict[str, Any] = {
        "task": {
            "name": "text_classification",
            "train": "train.csv",
            "text": "text",
            "label": "kind",
            "model": {
                "family": "bert",
                "hidden_size": 64,
                "layers": 2,
                "heads": 2,
                "intermediate_size": 128,
                "max_length": 20,
                "vocab_size": 1000,
                "dropout": 0.0,
            },
        },
        "optimizer": {"name": "adamw", "lr": 7e-4},
        "schedule": {"name": "linear"},
        "warmup": {"proportion": 0.1},
        "weight_decay": {"value": 0.01, "exclude": ["bias", "norm"]},
        "clip": {"global_norm": 1.0},
        "batch": {"size": 8, "accumulate": 2},
        "duration": {"updates": UPDATES},
    }
    return Spec(**parts).located(folder)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("updates")
    write_task(folder)
    spec = spec_of(folder)
    for name, backend in (("torch", "torch"), ("paddle", "paddle"), ("floor", "torch")):
        trace, output = folder / f"{name}.trace.jsonl", folder / name
        train(spec, backend, trace=trace, output=output, nudge=int(name == "floor"))
    paths = [folder / f"{name}.trace.jsonl" for name in ("torch", "paddle", "floor")]
    assert len(read_trace(paths[0]).updates) == UPDATES
    return compare_files(*paths[:2], floors=paths[2:])


def test_losses_agree_at_every_update(comparison: Comparison) -> None:
    pairs = zip(comparison.a.updates, comparison.b.updates, strict=True)
    assert max(abs(a.loss - b.loss) for a, b in pairs) <= 1e-5


def test_it_is_training_that_is_compared(comparison: Comparison) -> None:
    """The clip was at work, the tail was short, and the loss fell."""
    updates = comparison.a.updates
    assert any((u.grad_norm or 0.0) > 1.0 for u in updates)
    assert {len(u.micro_losses) for u in updates} == {1, 2}
    assert np.mean([u.loss for u in updates[-20:]]) < 0.1 * updates[0].loss


def test_weights_agree_tensor_by_tensor(
    comparison: Comparison, capsys: pytest.CaptureFixture[str]
) -> None:
    """Update-relative, 1e-5 at most; the attention keys' biases have no gradient of their own."""
    weights = comparison.weights
    assert weights is not None
    assert weights.floor is not None
    worst = max(weights.judged, key=lambda tensor: tensor.difference)
    with capsys.disabled():
        print(
            f"\n{len(weights.judged)} tensors after {UPDATES} updates: at most "
            f"{worst.difference:.2g} of their movement apart ({worst.name}); "
            f"chaos floor {weights.floor:.2g}"
        )
    assert worst.difference <= 1e-5
    assert all(tensor.name.endswith("self.key.bias") for tensor in weights.by_rounding)
    assert comparison.agrees
