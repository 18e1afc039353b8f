"""A tiny BERT token classifier in both frameworks, from the same weights, fed the same batches.

Half of its labels are -100 (not counted), more in one batch than in the next; each token's class
is a function of the token, so the model learns.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from numpy.typing import NDArray

import dualtrain_paddle._compat
import dualtrain_torch._compat
from benchmarks.mistakes.table import Mistake
from dualtrain import Spec, fit
from dualtrain.backend import Backend, load_backend
from dualtrain.ledger import roles_of
from dualtrain.parity import read_weights
from dualtrain.trace import read_trace

__all__ = ["UPDATES", "Bench", "Cost"]

UPDATES, CLASSES, TOKENS = 120, 4, 60

CONFIG: dict[str, Any] = {
    "vocab_size": TOKENS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 32,
    "type_vocab_size": 2,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "num_labels": CLASSES,
}

NUDGED = "bert.encoder.layer.0.intermediate.dense.weight"
"""The matrix that is moved by 1 ULP to measure the chaos floor."""


def make_spec(**changes: Any) -> Spec:
    """The right recipe; warmup 0.104 x 120 = 12.48: floor 12, ceil 13."""
    parts: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 3e-3},
        "schedule": {"name": "linear"},
        "warmup": {"proportion": 0.104},
        "weight_decay": {"value": 0.1, "exclude": ["bias", "norm"]},
        "clip": {"global_norm": 0.5},
        "duration": {"updates": UPDATES},
    }
    return Spec(**(parts | changes))


def make_batches(count: int) -> list[dict[str, NDArray[np.int64]]]:
    """Micro-batches of 8 x 16 tokens; 0 to 100 % of each one's labels are -100, but never all."""
    random = np.random.RandomState(0)
    classes = random.randint(0, CLASSES, TOKENS)
    batches = []
    for _ in range(count):
        tokens = random.randint(1, TOKENS, (8, 16))
        labels = classes[tokens]
        ignored = random.random_sample(tokens.shape) < random.random_sample()
        ignored[:, 0] = False
        labels = np.where(ignored, -100, labels)
        mask = np.ones_like(tokens)
        batches.append({"input_ids": tokens, "attention_mask": mask, "labels": labels})
    return batches


class NoPooler(paddle.nn.Layer):
    """Stands where transformers' token classifier has nothing: no parameters."""

    def forward(self, hidden: Any) -> Any:
        return hidden[:, 0]


def _build_torch() -> Any:
    native = dualtrain_torch._compat.native_models()
    return native.BertForTokenClassification(native.BertConfig(**CONFIG))


def _build_paddle() -> Any:
    native = dualtrain_paddle._compat.native_models()
    with paddle.utils.unique_name.guard():
        model = native.BertForTokenClassification(native.BertConfig(**CONFIG))
    model.bert.pooler = NoPooler()
    return model


BUILD: Mapping[str, Callable[[], Any]] = {"torch": _build_torch, "paddle": _build_paddle}


def initial_weights(verbs: Backend, model: Any, *, nudge: bool) -> dict[str, NDArray[np.float32]]:
    """normal(0, 0.02); norms 1, biases 0; one after the other in the order of canonical names."""
    random = np.random.RandomState(1)
    weights = {}
    for parameter in sorted(verbs.parameters(model), key=lambda p: p.name):
        roles = roles_of(parameter)
        if "one_dimensional" in roles:
            weights[parameter.name] = np.full(parameter.shape, "bias" not in roles, np.float32)
        else:
            normal = random.standard_normal(parameter.shape)
            weights[parameter.name] = (0.02 * normal).astype(np.float32)
    if nudge:
        weights[NUDGED] = np.nextafter(weights[NUDGED], np.float32(np.inf))
    return weights


@dataclass(frozen=True, kw_only=True)
class Cost:
    """How far two runs are apart."""

    weights: float
    """|b - a|_2 / |a - initial|_2, over all weights together."""
    loss: float
    """The largest difference of an update's loss."""
    first_loss: float
    """That of update 0."""


class Bench:
    """Trains the classifier, each right recipe once per framework; keeps its files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._right: dict[Any, Path] = {}

    def train(self, backend: str, spec: Spec, *, nudge: bool = False) -> Path:
        """Train it through dualtrain's public API; the path of its trace."""
        path = Path(tempfile.mkdtemp(dir=self._folder)) / "trace.jsonl"
        verbs, model = load_backend(backend), BUILD[backend]()
        verbs.load_weights(model, initial_weights(verbs, model, nudge=nudge))
        batches = make_batches(UPDATES * spec.batch.accumulate)
        fit(spec, model, batches, trace=path, output=path.parent)
        return path

    def right(self, backend: str, spec: Mapping[str, Any], *, nudge: bool = False) -> Path:
        """The run without a mistake; its trace."""
        key = backend, str(spec), nudge
        if key not in self._right:
            self._right[key] = self.train(backend, make_spec(**spec), nudge=nudge)
        return self._right[key]

    def sides(self, mistake: Mistake) -> tuple[Path, Path]:
        """The traces of the torch run and of the Paddle run, one of them with this mistake."""
        if mistake.side == "torch":
            return self._wrong(mistake), self.right("paddle", mistake.spec)
        return self.right("torch", mistake.spec), self._wrong(mistake)

    def _wrong(self, mistake: Mistake) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            if mistake.fault is not None:
                mistake.fault(patch)
            return self.train(mistake.side, make_spec(**{**mistake.spec, **mistake.wrong}))

    def cost(self, a: Path, b: Path) -> Cost:
        """How far two runs are apart."""
        traces = read_trace(a), read_trace(b)
        x, y = (read_weights(path, trace) for path, trace in zip((a, b), traces, strict=True))
        assert x is not None and y is not None
        losses = [abs(p.loss - q.loss) for p, q in zip(*(t.updates for t in traces), strict=True)]
        apart = math.hypot(*(norm(x.final[n], y.final[n]) for n in x.final))
        moved = math.hypot(*(norm(x.final[n], x.initial[n]) for n in x.final))
        return Cost(weights=apart / moved, loss=max(losses), first_loss=losses[0])


def norm(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """|a - b|_2 in float64."""
    return float(np.linalg.norm(a.astype(np.float64) - b))
