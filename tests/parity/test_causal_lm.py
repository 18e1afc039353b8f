"""Causal language modelling: data, model and score in both frameworks, held to transformers."""

from __future__ import annotations

import json
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
from dualtrain.errors import CheckpointError, DataError, SpecError
from dualtrain.parity import compare
from dualtrain.tasks.causal_lm import DecoderConfig
from dualtrain.trace import read_trace
from dualtrain.training import predict, train
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


def of_a_column(folder: Path) -> dict[str, Any]:
    """The words of a task whose texts stand in a column."""
    task: dict[str, Any] = spec_of(folder).model_dump()["task"]
    return task | {"train": "train.csv", "eval": None, "text": "text"}


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


def test_the_next_token_is_the_one_of_transformers(tmp_path: Path) -> None:
    """With its probability, and the perplexity of the text itself, in either framework."""
    write_texts(tmp_path)
    train(spec_of(tmp_path), "torch", output=tmp_path / "out")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    texts = ["the old", " ".join(FILLER * 5), "t"]
    expected = []
    for text in texts:
        ids = torch.tensor([tokenizer(text)["input_ids"][-LENGTH:]])
        with torch.no_grad():
            answer = model(input_ids=ids, labels=ids)
        probability, token = answer.logits[0, -1].softmax(-1).max(-1)
        own = pytest.approx(answer.loss.exp().item(), rel=1e-5) if ids.shape[1] > 1 else None
        expected.append(
            {
                "prediction": tokenizer.decode([token]),
                "probability": pytest.approx(probability.item(), rel=1e-5),
                "tokens": ids.shape[1],
                "perplexity": own,
            }
        )
    assert [row["tokens"] for row in expected][1:] == [LENGTH, 1]
    task = tmp_path / "out" / "task.json"
    task.write_text(
        json.dumps(json.loads(task.read_text()) | {"task": of_a_column(tmp_path)}), encoding="utf-8"
    )
    (tmp_path / "new.csv").write_text("text\n" + "\n".join(texts) + "\n", encoding="utf-8")
    for backend in ("torch", "paddle"):
        rows = predict(tmp_path / "out", tmp_path / "new.csv", backend=backend)
        assert rows == [{"line": i, **one} for i, one in enumerate(expected, start=2)]


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("config.json", {"n_embd": "16"}, r"config\.json: n_embd: must be"),
        ("config.json", {"vocab_size": 200}, r"tokenizer\.json: must have .* vocab_size, 200"),
        ("tokenizer.json", {"model": None}, r"tokenizer\.json: must be a tokenizer"),
    ],
)
def test_a_damaged_folder_is_refused(
    tmp_path: Path, name: str, changes: dict[str, Any], message: str
) -> None:
    write_texts(tmp_path)
    train(spec_of(tmp_path), "torch", output=tmp_path / "out")
    file = tmp_path / "out" / name
    file.write_text(json.dumps(json.loads(file.read_text()) | changes), encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        predict(tmp_path / "out", tmp_path / "eval.txt")


def test_texts_of_a_column_end_one_by_one(tmp_path: Path) -> None:
    lines = "".join(f"{' '.join(FILLER)} {i}\n" for i in range(30))
    (tmp_path / "train.csv").write_text(f"text\n{lines}", encoding="utf-8")
    task = of_a_column(tmp_path)
    data = prepare(spec_of(tmp_path, task=task))
    assert 30 - LENGTH < np.count_nonzero(data.train.ids == 0) <= 30
    with pytest.raises(DataError, match=r"task\.text must name"):
        prepare(spec_of(tmp_path, task=task | {"text": None}))


def test_the_tokens_are_learnt_of_the_train_split_alone(tmp_path: Path) -> None:
    write_texts(tmp_path)
    learnt = prepare(spec_of(tmp_path)).tokenizer
    (tmp_path / "eval.txt").write_text("hippopotamus zygote " * 900, encoding="utf-8")
    assert prepare(spec_of(tmp_path)).tokenizer == learnt


def test_too_few_tokens_are_refused(tmp_path: Path) -> None:
    write_texts(tmp_path)
    (tmp_path / "eval.txt").write_text("the", encoding="utf-8")
    with pytest.raises(DataError, match=r"one block or more, task\.model\.max_length 16"):
        prepare(spec_of(tmp_path))


def test_the_task_shifts(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"leave loss\.shift_labels out"):
        spec_of(tmp_path, loss={"shift_labels": True})
