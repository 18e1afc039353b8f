"""The folder that `train --output` writes is the model that was trained, for whoever opens it."""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from dualtrain import Spec
from dualtrain.data import held_out_batches
from dualtrain.tasks import Score
from dualtrain.training import train
from dualtrain_paddle._compat import native_models
from tests.pairs import PADDLE, TORCH
from tests.tasks import prepare, small_spec, text_task
from tests.tokenizer_folders import bytes_learnt

paddlenlp = native_models()

LENGTH = 12
"""What texts are cut at."""

TEXTS = [
    "Good Film café CAFÉ naïve Ångström ÉCOLE straße İstanbul",
    "the 电影 很好看 我爱猫 日本語のテキスト、テスト。 한국어 문장",
    "русский Текст Ёлка עברית العربية हिन्दी ไทย",
    "tab\tno-break\u00a0zero\u200bwidth \u202eabc",
    "[PAD] bad [PAD] [CLS] x [SEP] [MASK]y [UNK]",
    "a </s> <pad> <mask> b <unk>",
    "Book book bookish mybook NEW_TOK new_tok [X] [x]",
    "  leading and trailing  ",
    "good, bad; (good) 3.5 don't 100%",
    "a" * 150,
    *(f"{word} film number {i}" for i, word in enumerate(["good", "Bad", "fine", "dull"])),
]
COMPOSED_BY_THE_SLOW_CLASS = "e\u0301tude"
APART_IN_PADDLENLP = "5€ good 👍 film"
NEWER_THAN_TOKENIZERS = "good\u2e43film"  # punctuation of Unicode 9
SET_APART = {"BERT": "²µºŊŋ〇", "cased BERT": "²µºØŋƱ〇"}
"""What is no symbol in Unicode and one in paddlenlp, once it is lower-cased or not."""

CHARACTERS = sorted({c for text in TEXTS for c in text + text.lower() if not c.isspace()})
WORDS = [
    "good",
    "bad",
    "Good",
    "Bad",
    "film",
    "the",
    "电影",
    "fine",
    "café",
    "CAFÉ",
    "cafe",
    "book",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDPIECES = list(dict.fromkeys((*SPECIAL, *WORDS, *CHARACTERS, *(f"##{c}" for c in CHARACTERS))))
ADDED = len(WORDPIECES)


@dataclass(frozen=True)
class Kind:
    """What is trained: a fresh model, or a checkpoint with tokenizer files of these contents."""

    family: str
    tokenizer: str = "wordpieces"
    files: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    """What config.json has beside the small sizes."""
    labels: tuple[str, str] = ("neg", "pos")
    resaved: bool = False
    """Whether transformers has saved the tokenizer, as tokenizer.json."""
    slow: bool = True
    """Whether slow classes cut texts alike, so that the folder has their files."""

    def model(self, folder: Path) -> dict[str, Any]:
        """The words of the spec."""
        if self.tokenizer == "fresh":
            sizes = {"hidden_size": 16, "layers": 1, "heads": 2, "vocab_size": 300}
            return {"family": self.family, **sizes, "max_length": LENGTH, "dropout": 0.2}
        write_checkpoint(folder / "source", self)
        return {"path": "source", "max_length": LENGTH}


def settings(**values: Any) -> dict[str, Any]:
    return {"tokenizer_config.json": values}


CHINESE = ("差评", "好评")
KINDS = {
    "fresh BERT": Kind("bert", "fresh"),
    "fresh ERNIE": Kind("ernie", "fresh", labels=CHINESE),
    "fresh RoBERTa": Kind("roberta", "fresh", labels=("2", "10")),
    "BERT": Kind("bert", labels=("2", "10")),
    "cased BERT": Kind(
        "bert",
        files=settings(do_lower_case=False),
        config={"hidden_act": "relu", "layer_norm_eps": 1e-5},
    ),
    "Chinese BERT": Kind("bert", files=settings(do_lower_case=False, strip_accents=True)),
    "BERT with Chinese words": Kind(
        "bert", files=settings(strip_accents=False, tokenize_chinese_chars=False), labels=CHINESE
    ),
    "BERT with other special tokens": Kind("bert", files=settings(mask_token="[X]", sep_token=".")),
    "BERT with added tokens": Kind("bert", files={"added_tokens.json": {"new_tok": ADDED}}),
    "BERT with whole words": Kind(
        "bert",
        files=settings(
            added_tokens_decoder={f"{ADDED}": {"content": "new_tok", "single_word": True}}
        ),
        slow=False,
    ),
    "ERNIE": Kind("ernie", config={"use_task_id": True, "task_type_vocab_size": 3}, labels=CHINESE),
    "RoBERTa": Kind("roberta", "bytes", config={"type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    "RoBERTa with a prefix space": Kind("roberta", "bytes", settings(add_prefix_space=True)),
    "RoBERTa with added tokens": Kind(
        "roberta", "bytes", settings(additional_special_tokens=["new_tok"]), slow=False
    ),
    "BERT with tokenizer.json": Kind("bert", files=settings(do_lower_case=False), resaved=True),
    "RoBERTa with tokenizer.json": Kind("roberta", "bytes", resaved=True),
    "Chinese RoBERTa": Kind("roberta", files=settings(tokenizer_class="BertTokenizer")),
}
SLOW = [name for name, kind in KINDS.items() if kind.slow]


def write_checkpoint(folder: Path, kind: Kind) -> None:
    """As transformers' users have it: no head, dropout rates of its own."""
    folder.mkdir()
    if kind.tokenizer == "bytes":
        vocabulary = write_bytes(folder)
    else:
        vocabulary = len(WORDPIECES)
        (folder / "vocab.txt").write_text("\n".join(WORDPIECES) + "\n", encoding="utf-8")
    family = {"bert": "Bert", "ernie": "Ernie", "roberta": "Roberta"}[kind.family]
    sizes = dict(
        vocab_size=vocabulary + 1,
        pad_token_id=1 if kind.tokenizer == "bytes" else 0,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=40,
        layer_norm_eps=1e-12,
        hidden_dropout_prob=0.15,
        attention_probs_dropout_prob=0.05,
        classifier_dropout=0.25,
        type_vocab_size=2,
    )
    config = getattr(transformers, f"{family}Config")(**sizes | kind.config)
    torch.manual_seed(0)
    getattr(transformers, f"{family}Model")(config).save_pretrained(folder)
    for name, values in kind.files.items():
        (folder / name).write_text(json.dumps(values), encoding="utf-8")
    if kind.resaved:
        transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder)


def write_bytes(folder: Path) -> int:
    """A byte-level BPE learnt from the texts; the size of its vocabulary."""
    learnt = bytes_learnt(tuple(TEXTS), 400)
    merges = "".join(f"{' '.join(merge)}\n" for merge in learnt["merges"])
    (folder / "vocab.json").write_text(json.dumps(learnt["vocab"]), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + merges, encoding="utf-8")
    return len(learnt["vocab"])


def spec_of(folder: Path, model: dict[str, Any]) -> Spec:
    columns = {"train": "train.jsonl", "eval": "train.jsonl", "text": "text", "label": "label"}
    task = text_task(small_spec(folder)).model_dump() | columns
    changes = {"batch": {"size": 8}, "duration": {"epochs": 1}}
    return small_spec(folder, task=task | {"model": model}, **changes)


@dataclass(frozen=True)
class Saved:
    """A trained model's folder, and what was trained."""

    kind: Kind
    spec: Spec
    score: Score
    folder: Path

    @property
    def path(self) -> str:
        """For paddlenlp, which takes text."""
        return str(self.folder)

    def ids(self) -> list[list[int]]:
        """Those that the model was trained on."""
        split = prepare(self.spec).train
        return [split.ids[a:b].tolist() for a, b in itertools.pairwise(split.offsets)]

    def config(self) -> dict[str, Any]:
        """config.json."""
        read: dict[str, Any] = json.loads((self.folder / "config.json").read_text("utf-8"))
        return read


def save(folder: Path, kind: Kind, backend: str) -> Saved:
    rows = (
        json.dumps({"text": text, "label": kind.labels[i % 2]}) + "\n"
        for i, text in enumerate(TEXTS)
    )
    (folder / "train.jsonl").write_text("".join(rows), encoding="utf-8")
    spec = spec_of(folder, kind.model(folder))
    score = train(spec, backend, output=folder / "out")
    assert score is not None
    return Saved(kind, spec, score, folder / "out")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Saved]:
    """Trained once each, every other kind in Paddle."""
    found: dict[str, Saved] = {}

    def of(name: str) -> Saved:
        if name not in found:
            backend = ("torch", "paddle")[[*KINDS].index(name) % 2]
            found[name] = save(tmp_path_factory.mktemp("saved"), KINDS[name], backend)
        return found[name]

    return of


# The tokenizer


@pytest.mark.parametrize("use_fast", [True, False])
@pytest.mark.parametrize("name", KINDS)
def test_auto_tokenizer_gives_the_ids_of_the_training(
    saved: Callable[..., Saved], name: str, use_fast: bool
) -> None:
    """Texts cut where they were; `use_fast=False` is no other tokenizer."""
    model = saved(name)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model.folder, use_fast=use_fast)
    assert tokenizer(TEXTS, truncation=True)["input_ids"] == model.ids()
    assert max(map(len, model.ids())) == LENGTH


@pytest.mark.parametrize("name", KINDS)
def test_tokenizer_json_alone_gives_them(saved: Callable[..., Saved], name: str) -> None:
    """For who has neither library: it has the length, too."""
    model = saved(name)
    tokenizer = Tokenizer.from_file(str(model.folder / "tokenizer.json"))
    assert [encoding.ids for encoding in tokenizer.encode_batch(TEXTS)] == model.ids()


@pytest.mark.parametrize("name", SLOW)
def test_slow_and_fast_classes_by_name(saved: Callable[..., Saved], name: str) -> None:
    model = saved(name)
    family = "Roberta" if model.kind.tokenizer == "bytes" else "Bert"
    for suffix in ("Tokenizer", "TokenizerFast"):
        tokenizer = getattr(transformers, family + suffix).from_pretrained(model.folder)
        assert tokenizer(TEXTS, truncation=True)["input_ids"] == model.ids()


@pytest.mark.parametrize("name", SLOW)
def test_paddlenlp_s_tokenizer(saved: Callable[..., Saved], name: str) -> None:
    model = saved(name)
    tokenizer = paddlenlp.AutoTokenizer.from_pretrained(model.path)
    ids = [list(tokenizer(text, truncation=True)["input_ids"]) for text in TEXTS]
    assert ids == model.ids()
    assert tokenizer.pad_token_id == model.config()["pad_token_id"]


def test_where_those_differ_from_the_fast_one(saved: Callable[..., Saved]) -> None:
    """The reasons why no slow class is the folder's own; docs/checkpoints.md names them."""
    model = saved("cased BERT")
    fast = transformers.AutoTokenizer.from_pretrained(model.folder)
    slow = transformers.BertTokenizer.from_pretrained(model.folder)
    theirs = paddlenlp.AutoTokenizer.from_pretrained(model.path)
    assert fast.tokenize(COMPOSED_BY_THE_SLOW_CLASS) != slow.tokenize(COMPOSED_BY_THE_SLOW_CLASS)
    assert fast.tokenize(APART_IN_PADDLENLP) != theirs.tokenize(APART_IN_PADDLENLP)
    assert fast.tokenize(NEWER_THAN_TOKENIZERS) == ["[UNK]"]
    for other in (slow, theirs):
        assert other.tokenize(NEWER_THAN_TOKENIZERS) == ["good", "[UNK]", "film"]


@pytest.mark.parametrize("name", SET_APART)
def test_no_other_character_is_cut_apart_in_paddlenlp(
    saved: Callable[..., Saved], name: str
) -> None:
    """Of the first plane's letters, marks, numbers and punctuation, as Unicode 3.2 had them."""
    model = saved(name)
    fast = Tokenizer.from_file(str(model.folder / "tokenizer.json"))
    theirs = paddlenlp.AutoTokenizer.from_pretrained(model.path).basic_tokenizer

    def words(text: str) -> list[str]:
        normal = fast.normalizer.normalize_str(text)
        return [word for word, _ in fast.pre_tokenizer.pre_tokenize_str(normal)]

    then, now = unicodedata.ucd_3_2_0.category, unicodedata.category
    characters = [c for c in map(chr, range(0x10000)) if then(c) == now(c) and now(c)[0] in "LMNP"]
    characters.append("º")  # which was no "Lo" then
    texts = {c: f"a{c}b" for c in characters}
    apart = [c for c, text in texts.items() if words(text) != theirs.tokenize(text)]
    assert sorted(apart) == sorted(SET_APART[name])
    assert len(characters) > 40_000


@pytest.mark.parametrize("name", [name for name in KINDS if name not in SLOW])
def test_a_slow_class_that_would_cut_otherwise_has_no_files(
    saved: Callable[..., Saved], name: str
) -> None:
    """It refuses the folder; the command has told it."""
    model = saved(name)
    data, task = prepare(model.spec), text_task(model.spec)
    notes = task.start_notes(model.spec.folder, task.config(model.spec.folder, data), [], data)
    assert notes[-1].startswith("no slow tokenizer, and none of paddlenlp's, cuts texts as this")
    files = {path.name for path in model.folder.iterdir()}
    assert files == {
        *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        "dualtrain.json",
        "task.json",
    }
    with pytest.raises(AssertionError, match="Can't find tokenizer PreTrainedTokenizerFast"):
        paddlenlp.AutoTokenizer.from_pretrained(model.path)


# The model


def logits_of_transformers(model: Saved) -> tuple[Any, NDArray[np.float32]]:
    """The opened model, and its logits on the batch of all texts."""
    opened = transformers.AutoModelForSequenceClassification.from_pretrained(model.folder)
    return opened, TORCH.run(opened, batch_of(model))


def batch_of(model: Saved) -> dict[str, NDArray[Any]]:
    batches = held_out_batches(prepare(model.spec), size=len(TEXTS))
    assert batches is not None
    (batch,) = batches
    return dict(batch)


@pytest.mark.parametrize("name", KINDS)
def test_transformers_model(saved: Callable[..., Saved], name: str) -> None:
    """Loss and right answers are those of the run, labels those of the data."""
    model = saved(name)
    opened, logits = logits_of_transformers(model)
    labels = batch_of(model)["labels"]
    loss = torch.nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels))

    assert float(loss) == pytest.approx(model.score.loss, rel=1e-6)
    assert (logits.argmax(-1) == labels).sum() == model.score.correct
    assert tuple(opened.config.id2label.values()) == prepare(model.spec).classes
    assert opened.config.problem_type == "single_label_classification"


@pytest.mark.parametrize("name", ["fresh ERNIE", "cased BERT", "RoBERTa"])
def test_pipeline(saved: Callable[..., Saved], name: str) -> None:
    model = saved(name)
    opened, logits = logits_of_transformers(model)
    classify = transformers.pipeline("text-classification", model=model.path, truncation=True)
    answers = classify(TEXTS)
    scores = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = [opened.config.id2label[number] for number in logits.argmax(-1)]

    assert [answer["label"] for answer in answers] == expected
    assert [answer["score"] for answer in answers] == pytest.approx(scores.max(-1), abs=1e-6)


FAMILIES = {"bert": "cased BERT", "ernie": "ERNIE", "roberta": "RoBERTa"}
DOOR = re.search(
    r"```python\n(from paddlenlp.*?)```",
    (Path(__file__).parents[2] / "docs" / "checkpoints.md").read_text(encoding="utf-8"),
    re.DOTALL,
)


@pytest.mark.parametrize("backend", ["torch", "paddle"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_door_to_paddlenlp(
    family: str, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of docs/checkpoints.md: whatever side has trained, paddlenlp alone reads on."""
    model = save(tmp_path, KINDS[FAMILIES[family]], backend)
    monkeypatch.chdir(tmp_path)
    assert DOOR is not None
    exec(DOOR.group(1), {})

    opened = paddlenlp.AutoModelForSequenceClassification.from_pretrained("out-paddlenlp")
    tokenizer = paddlenlp.AutoTokenizer.from_pretrained("out-paddlenlp")
    _, expected = logits_of_transformers(model)
    logits = PADDLE.run(opened, batch_of(model))
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-6)
    assert tuple(opened.config.id2label.values()) == prepare(model.spec).classes
    assert opened.config.hidden_dropout_prob == 0.15
    ids = [list(tokenizer(text, truncation=True)["input_ids"]) for text in TEXTS]
    assert ids == model.ids()


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_paddlenlp_converts_these_itself(family: str, tmp_path: Path) -> None:
    model = save(tmp_path, KINDS[FAMILIES[family]], "paddle")
    opened = paddlenlp.AutoModelForSequenceClassification.from_pretrained(
        model.path, convert_from_torch=True
    )
    _, expected = logits_of_transformers(model)
    logits = PADDLE.run(opened, batch_of(model))
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-6)


# Read again


@pytest.mark.parametrize("name", KINDS)
def test_a_saved_folder_starts_the_same_model(saved: Callable[..., Saved], name: str) -> None:
    """Ids, classes, sizes, dropout and weights: none is made anew."""
    model = saved(name)
    again = spec_of(model.spec.folder, {"path": "out", "max_length": LENGTH})
    before, after = prepare(model.spec), prepare(again)
    task, folder = text_task(again), again.folder
    config = task.config(folder, after)
    weights = task.initial_weights(folder, config, list(config.tensors()), seed=9)
    stored = load_file(model.folder / "model.safetensors")

    assert after.digest == before.digest
    assert after.classes == before.classes
    assert json.loads(after.tokenizer_config) == json.loads(before.tokenizer_config)
    assert config == text_task(model.spec).config(folder, before)
    assert weights.keys() == stored.keys()
    assert all(np.array_equal(weights[name], stored[name]) for name in stored)


@pytest.mark.parametrize(
    ("word", "rates"),
    [({}, [0.15, 0.05, 0.25]), ({"dropout": 0.0}, [0.0] * 3), ({"dropout": 0.3}, [0.3] * 3)],
    ids=["the checkpoint's", "none", "the spec's"],
)
@pytest.mark.parametrize("without_randomness", [False, True])
def test_dropout_is_that_of_the_spec_or_the_checkpoint(
    word: dict[str, float], rates: list[float], without_randomness: bool, tmp_path: Path
) -> None:
    """Whatever a parity run trains with."""
    kind = KINDS["cased BERT"]
    (tmp_path / "train.jsonl").write_text(
        "".join(json.dumps({"text": text, "label": text[:2]}) + "\n" for text in ("ab c", "xy")),
        encoding="utf-8",
    )
    spec = spec_of(tmp_path, kind.model(tmp_path) | word)
    train(spec, "torch", output=tmp_path / "out", without_randomness=without_randomness)
    config = json.loads((tmp_path / "out" / "config.json").read_text("utf-8"))
    names = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")
    assert [config[name] for name in names] == rates


def test_a_folder_saved_over_another_has_none_of_its_files(tmp_path: Path) -> None:
    """Words, then bytes: a vocab.txt left behind would be what `BertTokenizer` reads."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    words = save(tmp_path / "first", KINDS["cased BERT"], "torch")
    assert (words.folder / "vocab.txt").exists()
    bytes_ = next(kind for kind in KINDS.values() if kind.tokenizer == "bytes")
    (tmp_path / "second" / "out").symlink_to(words.folder)
    save(tmp_path / "second", bytes_, "torch")
    names = {path.name for path in words.folder.iterdir()}
    assert "vocab.json" in names
    assert "vocab.txt" not in names
