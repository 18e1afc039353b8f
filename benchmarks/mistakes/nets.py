"""Small nets in both frameworks, from the same weights, fed the same batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray

import dualtrain_paddle._compat
import dualtrain_torch._compat
from benchmarks import zoo
from dualtrain.backend import Backend
from dualtrain.ledger import roles_of

__all__ = ["BERT", "CNN", "NUDGED", "Arrays", "Net", "initial_weights"]

Arrays = dict[str, NDArray[Any]]

CLASSES, TOKENS = 4, 60

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


@dataclass(frozen=True, kw_only=True)
class Net:
    """A model in both frameworks, and what it is trained on."""

    build: Mapping[str, Callable[[], Any]]
    """By the backend's name."""
    batches: Callable[[int, int], list[Arrays]]
    """(how many, samples in each) -> micro-batches; the same every time."""


def _tokens(count: int, samples: int) -> list[Arrays]:
    """Of 16 tokens each; 0 to 100 % of a micro-batch's labels are -100, but never all.

    Each token's class is a function of the token, so the model learns.
    """
    random = np.random.RandomState(0)
    classes = random.randint(0, CLASSES, TOKENS)
    batches = []
    for _ in range(count):
        tokens = random.randint(1, TOKENS, (samples, 16))
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


def _bert_in_torch() -> Any:
    native = dualtrain_torch._compat.native_models()
    return native.BertForTokenClassification(native.BertConfig(**CONFIG))


def _bert_in_paddle() -> Any:
    native = dualtrain_paddle._compat.native_models()
    with paddle.utils.unique_name.guard():
        model = native.BertForTokenClassification(native.BertConfig(**CONFIG))
    model.bert.pooler = NoPooler()
    return model


BERT = Net(build={"torch": _bert_in_torch, "paddle": _bert_in_paddle}, batches=_tokens)
CNN = Net(
    build={name: partial(zoo.build, "cnn", name) for name in ("torch", "paddle")},
    batches=lambda count, samples: zoo.pair("cnn", batches=count).batches,
)
"""With batch norm."""


def initial_weights(verbs: Backend, model: Any, *, nudge: bool = False) -> Arrays:
    """normal(0, 0.02); norms 1, biases 0; one after the other in the order of canonical names."""
    random = np.random.RandomState(1)
    weights: Arrays = {}
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
