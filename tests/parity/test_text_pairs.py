"""Pairs of texts: what both frameworks are given is what transformers' own tokenizer gives."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from dualtrain import Spec
from dualtrain.errors import DataError, SpecError
from dualtrain.parity import compare
from dualtrain.trace import Trace, read_trace
from dualtrain.training import predict, train
from tests.tasks import FILLER, WORDS, prepare, small_spec

LENGTH = 12


def write_pairs(folder: Path, *, train: int = 72, held_out: int = 24) -> list[tuple[str, str]]:
    """train.csv and eval.csv: two texts, and whether they are of one kind; those of `train`."""
    draw, written = random.Random(3), []
    for name, count in (("train", train), ("eval", held_out)):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["premise", "hypothesis", "label"])
            for _ in range(count):
                kinds = draw.choices(sorted(WORDS), k=2)
                a, b = (
                    " ".join([*draw.choices(FILLER, k=draw.randint(1, 9)), draw.choice(WORDS[k])])
                    for k in kinds
                )
                rows.writerow([a, b, "same" if kinds[0] == kinds[1] else "other"])
                if name == "train":
                    written.append((a, b))
    return written


def spec_of(folder: Path, family: str = "bert", **changes: Any) -> Spec:
    task = small_spec(folder).model_dump()["task"]
    task |= {"text": "premise", "pair": "hypothesis"} | changes
    task["model"] |= {"family": family, "max_length": LENGTH}
    return small_spec(folder, task=task)


def traced(folder: Path, backend: str, family: str) -> Trace:
    spec = spec_of(folder, family)
    train(spec, backend, trace=folder / f"{backend}.jsonl", output=folder / backend)
    return read_trace(folder / f"{backend}.jsonl")


def test_ids_types_and_truncation_are_the_native_tokenizers(tmp_path: Path) -> None:
    """Of the folder that a run leaves, read by transformers; texts up to twice as long."""
    texts = write_pairs(tmp_path)
    spec = spec_of(tmp_path)
    train(spec, "torch", output=tmp_path / "out")
    native = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    expected = native(
        [a for a, _ in texts],
        [b for _, b in texts],
        truncation="longest_first",
        max_length=LENGTH,
        padding=True,
        return_tensors="np",
    )

    data = prepare(spec)
    batch = data.batch(data.train, np.arange(len(texts)))
    for name in ("input_ids", "token_type_ids", "attention_mask"):
        np.testing.assert_array_equal(batch[name], expected[name])
    assert batch["token_type_ids"].any()
    lengths = [len(native(a, b)["input_ids"]) for a, b in texts]
    assert max(lengths) > LENGTH > min(lengths)


def test_words_of_second_texts_are_learnt(tmp_path: Path) -> None:
    """A fresh tokenizer knows a word that no first text has."""
    rows = ["premise,hypothesis,label", *["a tin roof,zebu,same", "an oak,quagga,other"] * 4]
    for name in ("train", "eval"):
        (tmp_path / f"{name}.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    train(spec_of(tmp_path), "torch", output=tmp_path / "out")
    native = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert {"zebu", "quagga", "roof"} <= native.get_vocab().keys()


def test_predictions_are_those_of_transformers(tmp_path: Path) -> None:
    """Of the folder that a run leaves, in either framework; both texts count."""
    texts = write_pairs(tmp_path)[:9]
    train(spec_of(tmp_path), "torch", output=tmp_path / "out")
    with (tmp_path / "new.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("premise", "hypothesis"), *texts])
    native = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    words: dict[str, Any] = {"max_length": LENGTH, "padding": True, "return_tensors": "pt"}
    encoded = native(*map(list, zip(*texts, strict=True)), truncation="longest_first", **words)
    with torch.no_grad():
        likeliest = model.eval()(**encoded).logits.softmax(-1).max(-1)
    for backend in ("torch", "paddle"):
        rows = predict(tmp_path / "out", tmp_path / "new.csv", backend=backend)
        found = [row["probability"] for row in rows]
        assert found == pytest.approx(likeliest.values.tolist(), rel=1e-5)
        names = [model.config.id2label[number] for number in likeliest.indices.tolist()]
        assert [row["prediction"] for row in rows] == names


@pytest.mark.parametrize("family", ["bert", "ernie", "roberta"])
def test_both_frameworks_train_alike(tmp_path: Path, family: str) -> None:
    write_pairs(tmp_path)
    one, other = (traced(tmp_path, backend, family) for backend in ("torch", "paddle"))
    agrees = {finding.stage: finding.agrees for finding in compare(one, other).findings}
    wrong = {stage for stage, does in agrees.items() if not does}
    assert wrong <= {"update"}, wrong  # without the floor, as for single texts
    assert agrees["loss"]
    assert agrees["evaluation"]


def test_the_second_text_counts(tmp_path: Path) -> None:
    """Another one gives other logits before training."""
    write_pairs(tmp_path)
    paired = traced(tmp_path, "torch", "bert").header.probe
    spec = spec_of(tmp_path, pair=None)
    train(spec, "torch", trace=tmp_path / "single.jsonl")
    assert read_trace(tmp_path / "single.jsonl").header.probe != paired


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    with pytest.raises(DataError, match="'second'"):
        prepare(spec_of(tmp_path, pair="second"))


def test_a_pair_is_of_two_columns(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="another column than text"):
        spec_of(tmp_path, pair="premise")
