"""Time per update of `fit` and of a hand-written loop: `python rounds.py BACKEND ROUNDS UPDATES`.

Prints a JSON list of rounds, each [hand-written, fit, fit with a trace], in seconds of processor
time an update. The three take turns within a round, so that a machine that slows down slows all.
The model is a tiny MLP: nearly all of an update is then what the loop itself does.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dualtrain import Spec, fit

BATCH, INPUTS, HIDDEN, CLASSES = 32, 16, 32, 4
LR, DECAY, CLIP, BATCHES = 1e-3, 0.01, 1.0, 50

Batches = list[dict[str, Any]]


def main(backend: str, rounds: int, updates: int) -> list[list[float]]:
    """All rounds, after one that is not counted."""
    random = np.random.default_rng(0)
    batches: Batches = [
        {
            "x": random.normal(size=(BATCH, INPUTS)).astype(np.float32),
            "labels": random.integers(0, CLASSES, BATCH),
        }
        for _ in range(BATCHES)
    ]
    model, by_hand = {"torch": _torch, "paddle": _paddle}[backend]
    spec = Spec.model_validate(
        {
            "optimizer": {"name": "adamw", "lr": LR},
            "schedule": {"name": "linear"},
            "warmup": {"proportion": 0.1},
            "weight_decay": {"value": DECAY, "exclude": ["bias"]},
            "clip": {"global_norm": CLIP},
            "duration": {"updates": updates},
        }
    )
    made = []
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.jsonl"
        for _ in range(rounds + 1):
            made.append(
                [
                    _timed(lambda: by_hand(model(), batches, updates), updates),
                    _timed(lambda: fit(spec, model(), batches), updates),
                    _timed(lambda: fit(spec, model(), batches, trace=trace), updates),
                ]
            )
    return made[1:]


def _timed(run: Callable[[], Any], updates: int) -> float:
    begun = time.process_time()
    run()
    return (time.process_time() - begun) / updates


def _rate(t: int, updates: int) -> float:
    warmup = int(0.1 * updates)
    return t / warmup if t < warmup else (updates - t) / max(1, updates - warmup)


def _torch_model() -> Any:
    import torch

    class Mlp(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Linear(INPUTS, HIDDEN)
            self.second = torch.nn.Linear(HIDDEN, CLASSES)

        def forward(self, x: Any) -> Any:
            return self.second(torch.relu(self.first(x)))

    return Mlp()


def _torch_by_hand(model: Any, batches: Batches, updates: int) -> None:
    import torch
    from torch.optim.lr_scheduler import LambdaLR

    decaying = [p for n, p in model.named_parameters() if not n.endswith("bias")]
    others = [p for n, p in model.named_parameters() if n.endswith("bias")]
    groups = [
        {"params": decaying, "weight_decay": DECAY},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=LR, fused=True)
    schedule = LambdaLR(optimizer, lambda t: _rate(t, updates))
    model.train()
    losses = []
    for t in range(updates):
        batch = batches[t % len(batches)]
        logits = model(torch.from_numpy(batch["x"]))
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch["labels"]))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.detach())
    torch.stack(losses).tolist()


def _paddle_model() -> Any:
    import paddle

    class Mlp(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.first = paddle.nn.Linear(INPUTS, HIDDEN)
            self.second = paddle.nn.Linear(HIDDEN, CLASSES)

        def forward(self, x: Any) -> Any:
            return self.second(paddle.nn.functional.relu(self.first(x)))

    return Mlp()


def _paddle_by_hand(model: Any, batches: Batches, updates: int) -> None:
    import paddle

    decaying = {p.name for n, p in model.named_parameters() if not n.endswith("bias")}
    schedule = paddle.optimizer.lr.LambdaDecay(LR, lambda t: _rate(t, updates))
    optimizer = paddle.optimizer.AdamW(
        schedule,
        parameters=model.parameters(),
        weight_decay=DECAY,
        apply_decay_param_fun=decaying.__contains__,
        grad_clip=paddle.nn.ClipGradByGlobalNorm(CLIP),
    )
    model.train()
    losses = []
    for t in range(updates):
        batch = batches[t % len(batches)]
        logits = model(paddle.to_tensor(batch["x"]))
        loss = paddle.nn.functional.cross_entropy(logits, paddle.to_tensor(batch["labels"]))
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.clear_grad(set_to_zero=False)
        losses.append(loss.detach())
    paddle.stack(losses).tolist()


_torch, _paddle = (_torch_model, _torch_by_hand), (_paddle_model, _paddle_by_hand)

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
