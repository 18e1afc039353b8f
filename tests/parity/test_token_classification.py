"""Token classification: data, model and score in both frameworks, held to the native libraries."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from seqeval.metrics import f1_score, precision_score

from dualtrain import Spec
from dualtrain.errors import DataError, SpecError
from dualtrain.parity import compare
from dualtrain.tasks.token_classification._sentences import read_sentences
from dualtrain.trace import read_trace
from dualtrain.training import predict, train
from tests.pairs import PADDLE, SIDES, TORCH, make_batch, make_config, make_pair
from tests.tasks import FILLER, WORDS, prepare, small_spec

FAMILIES = ("bert", "ernie", "roberta")
LENGTH = 12


def write_tags(folder: Path, *, train: int = 72, held_out: int = 24) -> list[list[str]]:
    """train.conll and eval.conll: entities of one or two words; the words of `train`."""
    draw, written = random.Random(3), []
    for name, count in (("train", train), ("eval", held_out)):
        lines = []
        for _ in range(count):
            rows = [(word, "O") for word in draw.choices(FILLER, k=draw.randint(2, 9))]
            kind = draw.choice(sorted(WORDS))
            found = draw.choices(WORDS[kind], k=draw.randint(1, 2))
            place = draw.randint(0, len(rows))
            rows[place:place] = [(w, f"{'I' if i else 'B'}-{kind}") for i, w in enumerate(found)]
            lines += [*(f"{word} _ {tag}" for word, tag in rows), ""]
            if name == "train":
                written.append([word for word, _ in rows])
        text = "\n".join(lines)
        (folder / f"{name}.conll").write_text(text, encoding="utf-8")
    return written


def spec_of(folder: Path, family: str = "bert", *, epochs: int = 3, **changes: Any) -> Spec:
    model = {"family": family, "hidden_size": 16, "layers": 1, "heads": 2, "max_length": LENGTH}
    task = {
        "name": "token_classification",
        "train": "train.conll",
        "eval": "eval.conll",
        "model": {**model, "vocab_size": 60, "dropout": 0.0},
    }
    return small_spec(folder, task=task | changes, duration={"epochs": epochs})


@pytest.mark.parametrize("family", FAMILIES)
def test_the_model_is_the_same_in_both(family: Any) -> None:
    """Logits, and the parameters by name and shape: transformers' own, and as they were known."""
    config = make_config(family, per_token=True)
    batch = make_batch(config)
    models = make_pair(config)
    expected = TORCH.run(models[0], batch)
    assert expected.shape == (6, config.max_length, config.classes)
    tokens = batch["attention_mask"] == 1
    np.testing.assert_allclose(
        PADDLE.run(models[1], batch)[tokens], expected[tokens], rtol=0, atol=1e-6
    )
    native = {name: tuple(p.shape) for name, p in models[0].named_parameters()}
    for side, model in zip(SIDES, models, strict=True):
        assert {p.name: p.shape for p in side.parameters(model)} == native
    assert {p.name: p.shape for p in config.tensors()} == native


@pytest.mark.parametrize("family", FAMILIES)
def test_both_frameworks_train_alike(tmp_path: Path, family: str) -> None:
    write_tags(tmp_path)
    spec = spec_of(tmp_path, family)
    for backend in ("torch", "paddle"):
        train(spec, backend, trace=tmp_path / f"{backend}.jsonl")
    one, other = (read_trace(tmp_path / f"{backend}.jsonl") for backend in ("torch", "paddle"))
    agrees = {finding.stage: finding.agrees for finding in compare(one, other).findings}
    assert {stage for stage, does in agrees.items() if not does} <= {"update"}
    assert agrees["loss"]
    assert agrees["evaluation"]


def test_tokens_and_score_are_the_native_ones(tmp_path: Path) -> None:
    """Of the folder that a run leaves, opened by transformers; F1 over its tags by seqeval."""
    words = write_tags(tmp_path)
    spec = spec_of(tmp_path, epochs=40)
    score = train(spec, "torch", output=tmp_path / "out")
    native = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    settings: dict[str, Any] = {
        "is_split_into_words": True,
        "truncation": True,
        "max_length": LENGTH,
        "padding": True,
    }
    data = prepare(spec)
    batch = data.batch(data.train, np.arange(len(words)))
    expected = native(words, return_tensors="np", **settings)
    for name in ("input_ids", "token_type_ids", "attention_mask"):
        np.testing.assert_array_equal(batch[name], expected[name])
    assert (batch["labels"][:, 0] == -100).all()  # [CLS]

    model = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path / "out").eval()
    held_out = [
        [line.split() for line in block.splitlines()]
        for block in (tmp_path / "eval.conll").read_text(encoding="utf-8").strip().split("\n\n")
    ]
    wanted, given = [], []
    for rows in held_out:
        encoded = native([row[0] for row in rows], return_tensors="pt", **settings)
        with torch.no_grad():
            best = model(**encoded).logits[0].argmax(-1).tolist()
        places = encoded.word_ids()
        first = [places.index(i) for i in range(len(rows)) if i in places]
        wanted.append([row[-1] for row in rows[: len(first)]])
        given.append([model.config.id2label[best[place]] for place in first])
    right = sum(
        a == b for x, y in zip(wanted, given, strict=True) for a, b in zip(x, y, strict=True)
    )
    assert score is not None
    assert (score.correct, score.examples) == (right, sum(map(len, wanted)))
    assert score.metrics["f1"] == pytest.approx(f1_score(wanted, given))
    assert score.metrics["f1"] > 0


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n \t\n\n"])
def test_the_last_sentence_needs_no_empty_line(tmp_path: Path, end: str) -> None:
    (tmp_path / "a.conll").write_text(f"a B-X\n\n\nb O\nc B-X{end}", encoding="utf-8")
    found = read_sentences(tmp_path / "a.conll", tokens="tokens", labels="labels").sentences
    assert [(one.words, one.tags, one.lines) for one in found] == [
        (["a"], ["B-X"], [1]),
        (["b", "c"], ["O", "B-X"], [4, 5]),
    ]


def test_entities_do_not_reach_over_sentences(tmp_path: Path) -> None:
    """An I that begins a sentence is an entity of its own, as in conlleval: 1 of 2 is right."""
    rows = "the O\noak B-tree\n\nthe O\nroof O\n\noak B-tree\nroof I-tree\n"
    for name in ("train", "eval"):
        (tmp_path / f"{name}.conll").write_text(rows, encoding="utf-8")
    spec = spec_of(tmp_path)
    data, task = prepare(spec), spec.task
    assert task is not None
    batch = data.batch(data.train, np.arange(2))
    given = [["O", "B-tree"], ["I-tree", "O"]]
    logits = np.zeros((*batch["labels"].shape, len(data.classes)), np.float32)
    for sentence, tags in enumerate(given):
        first = np.flatnonzero(batch["labels"][sentence] != -100)
        logits[sentence, first, [data.classes.index(tag) for tag in tags]] = 1.0
    wanted = [["O", "B-tree"], ["O", "O"]]
    measured = task.score([(logits, batch)], data).metrics
    assert measured["precision"] == precision_score(wanted, given) == 0.5
    assert measured["f1"] == pytest.approx(f1_score(wanted, given)) == pytest.approx(2 / 3)


@pytest.mark.parametrize("kind", ["conll", "jsonl"])
def test_tags_are_predicted_as_transformers_does(tmp_path: Path, kind: str) -> None:
    """For each word on its line, in either framework; one cut off, or without a token, has none."""
    write_tags(tmp_path)
    train(spec_of(tmp_path, epochs=20), "torch", output=tmp_path / "out")
    sentences = [
        ["the", "\ufe0f", "old", "apple"],
        ["in", *["silver", "and"] * LENGTH, "nile"],
        ["\ufe0f"],
        ["the", "apple", "\ufe0f"],
    ]
    if kind == "conll":
        text = "\n".join("\n".join([*words, ""]) for words in sentences)
        lines = [i for i, line in enumerate(text.split("\n"), start=1) if line]
    else:
        text = "\n".join(json.dumps({"tokens": words}) for words in sentences)
        lines = [i for i, words in enumerate(sentences, start=1) for _ in words]
    (tmp_path / f"new.{kind}").write_text(text, encoding="utf-8")
    tagger = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path / "out").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    wanted, probabilities = [], []
    for words in sentences:
        encoded = tokenizer(
            words,
            is_split_into_words=True,
            truncation=True,
            max_length=LENGTH,
            return_tensors="pt",
        )
        places = encoded.word_ids()
        with torch.no_grad():
            found = tagger(**encoded).logits[0].softmax(-1).max(-1)
        for i in range(len(words)):
            place = places.index(i) if i in places else None
            wanted.append(
                None if place is None else tagger.config.id2label[found.indices[place].item()]
            )
            if place is not None:
                probabilities.append(found.values[place].item())
    for backend in ("torch", "paddle"):
        rows = predict(tmp_path / "out", tmp_path / f"new.{kind}", backend=backend)
        assert [row["line"] for row in rows] == lines
        assert [row["word"] for row in rows] == [word for words in sentences for word in words]
        assert [row["prediction"] for row in rows] == wanted
        told = [row["probability"] for row in rows if row["prediction"] is not None]
        assert told == pytest.approx(probabilities, rel=1e-5)
    assert {"O", None} < set(wanted)


def test_labels_stand_on_the_words_that_have_a_token(tmp_path: Path) -> None:
    """As transformers' `word_ids` has them; a no-break space is a part of its word."""
    text = "a O\n\ufe0f O\nfig B-fruit\nmy\xa0po _ B-river\n\ufe0f O\n"
    for name in ("train", "eval"):
        (tmp_path / f"{name}.conll").write_text(text, encoding="utf-8")
    spec = spec_of(tmp_path)
    train(spec, "torch", output=tmp_path / "out")
    data, words = prepare(spec), ["a", "\ufe0f", "fig", "my\xa0po", "\ufe0f"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    encoded = tokenizer(words, is_split_into_words=True)
    batch = data.batch(data.train, np.arange(1))
    assert batch["input_ids"][0].tolist() == encoded["input_ids"]
    places, number = encoded.word_ids(), {0: "O", 2: "B-fruit", 3: "B-river"}
    wanted = [
        -100 if word is None or word == before else data.classes.index(number[word])
        for word, before in zip(places, [None, *places], strict=False)
    ]
    assert batch["labels"][0].tolist() == wanted


def test_json_lines_hold_the_same(tmp_path: Path) -> None:
    write_tags(tmp_path)
    for name in ("train", "eval"):
        blocks = (tmp_path / f"{name}.conll").read_text(encoding="utf-8").strip().split("\n\n")
        rows = [[line.split() for line in block.splitlines()] for block in blocks]
        lines = [
            json.dumps({"words": [r[0] for r in one], "tags": [r[-1] for r in one]}) for one in rows
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    spec = spec_of(tmp_path, train="train.jsonl", eval="eval.jsonl", tokens="words", labels="tags")
    assert prepare(spec).digest == prepare(spec_of(tmp_path)).digest


def test_an_encoder_of_a_checkpoint_is_the_start(tmp_path: Path) -> None:
    """Its encoder's weights as they are, in a run of no change; its head is another one."""
    write_tags(tmp_path)
    train(spec_of(tmp_path), "torch", output=tmp_path / "out")
    start = {"path": "out", "max_length": LENGTH, "head": "fresh"}
    spec = spec_of(tmp_path, model=start)
    task = spec.task
    assert task is not None
    config = task.config(tmp_path, prepare(spec))
    weights = task.initial_weights(tmp_path, config, list(config.tensors()), seed=9)
    native = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path / "out")
    for name, tensor in native.state_dict().items():
        if name.startswith("bert."):
            np.testing.assert_array_equal(weights[name], tensor.numpy())
    assert not np.array_equal(weights["classifier.weight"], native.classifier.weight.detach())
    with pytest.raises(SpecError, match="head: fresh"):
        spec_of(tmp_path, model={"path": "out", "max_length": LENGTH})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a B-X\nb I-Y\n", "2: I-Y must follow B-Y or I-Y"),
        ("a I-X\n", "1: I-X must follow"),
        ("a NOUN\n", "1: a tag must be O, B-NAME or I-NAME"),
        ("a\n", "1: a line must have a word"),
        ("a O\n", "two tags or more"),
        ("-DOCSTART- O\n\n", "must have a sentence"),
        ("a B-river\n\ufe0f I-river\n", r"2: the tokenizer must find a token.*'\\ufe0f'"),
        ("a B-river\nb O\n\n\u200b O\n", "4: the tokenizer must find a token"),
    ],
)
def test_what_is_no_tagged_sentence_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "train.conll").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        prepare(spec_of(tmp_path, eval=None))


def test_a_tag_of_the_held_out_split_alone_is_refused(tmp_path: Path) -> None:
    write_tags(tmp_path)
    (tmp_path / "eval.conll").write_text("a B-planet\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"1: a tag of the held-out split.*B-planet"):
        prepare(spec_of(tmp_path))
