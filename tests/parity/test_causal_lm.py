"""Causal language modelling: data, model and score in both frameworks, held to transformers."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import torch
import transformers

from dualtrain import Spec
from dualtrain.errors import DataError, SpecError
from dualtrain.parity import compare
from dualtrain.tasks.causal_lm import DecoderConfig
from dualtrain.trace import read_trace
from dualtrain.training import train
from tests.pairs import PADDLE, SIDES, TORCH
from tests.tasks import FILLER, WORDS, prepare, small_spec

LENGTH = 16
CONFIG = DecoderConfig(
    vocab_size=40,
    hidden_size=16,
    layers=2,
    heads=4,
    intermediate_size=16,
    max_length=LENGTH,
    dropout=0.1,
)


def write_texts(folder: Path) -> None:
    """train.txt and eval.txt."""
    draw = random.Random(3)
    words = [*FILLER, *(word for kind in sorted(WORDS) for word in WORDS[kind])]
    for name, count in (("train", 900), ("eval", 300)):
        text = " ".join(draw.choices(words, k=count))
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def spec_of(folder: Path, **changes: Any) -> Spec:
    sizes = {"hidden_size": 16, "layers": 1, "heads": 2, "max_length": LENGTH, "vocab_size": 300}
    task = {
        "name": "causal_lm",
        "train": "train.txt",
        "eval": "eval.txt",
        "model": {"family": "gpt2", **sizes, "dropout": 0.0},
    }
    return small_spec(folder, **{"task": task} | changes)


def test_the_model_is_the_same_in_both() -> None:
    """Logits, and the parameters by name and shape: transformers' own, and as they were known."""
    random_ids = np.random.default_rng(0).integers(0, CONFIG.vocab_size, (3, LENGTH))
    models = [side.models.build_model(CONFIG) for side in SIDES]
    native = {name: tuple(p.shape) for name, p in models[0].named_parameters()}
    draw = np.random.default_rng(1)
    weights = {n: draw.normal(0, 0.2, s).astype(np.float32) for n, s in native.items()}
    for side, model in zip(SIDES, models, strict=True):
        assert {p.name: p.shape for p in side.parameters(model)} == native
        side.weights.load_weights(model, weights)
    assert {p.name: p.shape for p in CONFIG.tensors()} == native
    expected = TORCH.run(models[0], {"input_ids": random_ids})
    assert expected.shape == (3, LENGTH, CONFIG.vocab_size)
    np.testing.assert_allclose(
        PADDLE.run(models[1], {"input_ids": random_ids}), expected, rtol=0, atol=1e-5
    )


def test_dropout_is_in_the_same_places() -> None:
    """Embeddings; in each block attention and two sums; paddlenlp's attention by its config."""
    expected = 1 + CONFIG.layers * 3
    native, layers = (side.models.build_model(CONFIG) for side in SIDES)
    rates = [m.p for m in native.modules() if isinstance(m, torch.nn.Dropout)]
    assert rates == [CONFIG.dropout] * expected
    found = list(layers.sublayers())
    counted = [m.p for m in found if isinstance(m, paddle.nn.Dropout)]
    counted += [
        m.config.attention_probs_dropout_prob
        for m in found
        if type(m).__name__ == "MultiHeadAttention"
    ]
    assert counted == [CONFIG.dropout] * expected


def test_every_process_learns_the_same_tokens(tmp_path: Path) -> None:
    write_texts(tmp_path)
    script = (
        "import sys; from pathlib import Path\n"
        "from dualtrain.tasks.causal_lm._tokenizer import train_bpe\n"
        "text = Path(sys.argv[1]).read_text(encoding='utf-8')\n"
        "print(train_bpe([text], vocab_size=300).to_str())\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "train.txt")]
    told = {subprocess.run(command, capture_output=True, check=True).stdout for _ in range(4)}
    assert len(told) == 1


@pytest.mark.parametrize("normalise", ["micro_mean", "token_mean"])
def test_both_frameworks_train_alike(tmp_path: Path, normalise: str) -> None:
    write_texts(tmp_path)
    spec = spec_of(tmp_path, batch={"size": 8, "accumulate": 3, "normalise": normalise})
    for backend in ("torch", "paddle"):
        train(spec, backend, trace=tmp_path / f"{backend}.jsonl")
    one, other = (read_trace(tmp_path / f"{backend}.jsonl") for backend in ("torch", "paddle"))
    agrees = {finding.stage: finding.agrees for finding in compare(one, other).findings}
    assert {stage for stage, does in agrees.items() if not does} <= {"update"}
    assert agrees["loss"]
    assert agrees["evaluation"]


def test_blocks_and_perplexity_are_the_native_ones(tmp_path: Path) -> None:
    """Of the folder that a run leaves: transformers' tokenizer, and its loss with labels=ids."""
    write_texts(tmp_path)
    spec = spec_of(tmp_path)
    score = train(spec, "torch", output=tmp_path / "out")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    text = (tmp_path / "eval.txt").read_text(encoding="utf-8")
    ids = [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
    blocks = np.array(ids[: len(ids) // LENGTH * LENGTH]).reshape(-1, LENGTH)
    data = prepare(spec)
    np.testing.assert_array_equal(data.eval.ids, blocks)
    assert tokenizer.decode(ids[:-1]) == text

    rows = torch.from_numpy(blocks)
    with torch.no_grad():
        loss = model(input_ids=rows, labels=rows).loss.item()
    assert score is not None
    assert score.examples == blocks.shape[0] * (LENGTH - 1)
    assert score.loss == pytest.approx(loss, rel=1e-5)
    assert score.metrics["perplexity"] == pytest.approx(math.exp(loss), rel=1e-5)


def test_texts_of_a_column_end_one_by_one(tmp_path: Path) -> None:
    lines = "".join(f"{' '.join(FILLER)} {i}\n" for i in range(30))
    (tmp_path / "train.csv").write_text(f"text\n{lines}", encoding="utf-8")
    task = spec_of(tmp_path).model_dump()["task"] | {"train": "train.csv", "eval": None}
    data = prepare(spec_of(tmp_path, task=task | {"text": "text"}))
    assert 30 - LENGTH < np.count_nonzero(data.train.ids == 0) <= 30
    with pytest.raises(DataError, match=r"task\.text must name"):
        prepare(spec_of(tmp_path, task=task))


def test_too_few_tokens_are_refused(tmp_path: Path) -> None:
    write_texts(tmp_path)
    (tmp_path / "eval.txt").write_text("the", encoding="utf-8")
    with pytest.raises(DataError, match=r"one block or more, task\.model\.max_length 16"):
        prepare(spec_of(tmp_path))


def test_the_task_shifts(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"leave loss\.shift_labels out"):
        spec_of(tmp_path, loss={"shift_labels": True})
