"""Checkpoint folders: what is taken is read as transformers and safetensors read it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from benchmarks.fuzz._bytes import changed_json, damaged
from benchmarks.fuzz._call import REFUSED, answer_of, complaints
from benchmarks.fuzz._kind import Judgement, Kind, damage
from benchmarks.fuzz.kinds.weights import changed_tensors, tensors_of
from dualtrain.spec import load_spec
from dualtrain.training import check_before
from dualtrain.training.checks._before import parameters_of

__all__ = ["Checkpoints"]

CHECKPOINT, SPEC = "checkpoint", "spec.yaml"
ROWS = (
    *(("the tin roof", "metal"), ("An OAK, a beech", "tree"), ("silver [PAD] spoon", "metal")),
    *(
        ("caf\u00e9 \u94c1\u548c\u94dc", "tree"),
        ("iron <pad> ore", "metal"),
        ("a new tok en", "tree"),
    ),
)
SPEC_TEXT = """\
optimizer: {name: adamw, lr: 0.001}
schedule: {name: linear}
batch: {size: 2}
duration: {epochs: 1}
task:
  name: text_classification
  train: train.jsonl
  text: text
  label: label
  model: {path: checkpoint, max_length: 12}
"""
CONFIG: dict[str, Any] = {
    "architectures": ["BertForSequenceClassification"],
    **{"attention_probs_dropout_prob": 0.1, "hidden_act": "gelu", "hidden_dropout_prob": 0.1},
    **{"hidden_size": 8, "id2label": {"0": "tree", "1": "metal"}, "initializer_range": 0.02},
    **{"intermediate_size": 16, "label2id": {"tree": 0, "metal": 1}, "layer_norm_eps": 1e-12},
    **{"max_position_embeddings": 20, "model_type": "bert", "num_attention_heads": 2},
    **{"num_hidden_layers": 1, "pad_token_id": 0, "type_vocab_size": 2},
}
"""Without vocab_size."""

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghijklmnopqrstuvwxyz\u00e9\u94c1\u548c\u94dc"
WORDS = ["the", "tin", "roof", "oak", "iron", ",", *LETTERS, *(f"##{c}" for c in LETTERS)]


class Checkpoints(Kind):
    """BERT with tokenizer.json or vocab.txt, RoBERTa with merges; through all before training."""

    name = "checkpoints"

    def make(self, folder: Path) -> None:
        """A folder of each."""
        for name, write in {"json": _bert_json, "vocab": _bert_vocab, "merges": _roberta}.items():
            checkpoint = folder / name / CHECKPOINT
            checkpoint.mkdir(parents=True)
            rows = [json.dumps({"text": text, "label": label}) for text, label in ROWS]
            (folder / name / SPEC).write_text(SPEC_TEXT, encoding="utf-8")
            (folder / name / "train.jsonl").write_text("\n".join(rows), encoding="utf-8")
            config = write(checkpoint)
            _write(checkpoint / "config.json", config)
            _write_weights(checkpoint, config)

    def mutate(self, draw: Random, folder: Path) -> str:
        """A change to a JSON value, to bytes, or to what stands there."""
        path = draw.choice(sorted((folder / CHECKPOINT).iterdir()))
        return damage(draw, path, _change)

    def judge(self, original: Path, folder: Path) -> Judgement:
        """All that a run reads of a checkpoint, against what the libraries read."""
        read: dict[str, Any] = {}
        answer = answer_of(lambda: read.update(_read(folder)))
        faults = list(complaints(answer, folder, allowed=(0, REFUSED)))
        if answer.status != 0:
            return Judgement("refused", tuple(faults))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # transformers' own
            faults += _unlike(folder / CHECKPOINT, read)
        return Judgement("accepted", tuple(faults))


def _change(draw: Random, data: bytes, path: Path) -> tuple[bytes, str]:
    if path.suffix == ".safetensors":
        return changed_tensors(draw, data, path)
    in_tree = path.suffix == ".json" and draw.random() < 0.7
    return changed_json(draw, data) if in_tree else damaged(draw, data)


def _read(folder: Path) -> dict[str, Any]:
    """What a run starts from, without a framework."""
    spec = load_spec(folder / SPEC)
    check_before(spec)
    task: Any = spec.task
    data = task.prepare(folder)
    config = task.config(folder, data)
    weights = task.initial_weights(folder, config, parameters_of(config), seed=spec.seed)
    return {"config": config, "data": data, "weights": weights}


SAME = {
    **{"vocab_size": "vocab_size", "hidden_size": "hidden_size", "heads": "num_attention_heads"},
    **{"layers": "num_hidden_layers", "intermediate_size": "intermediate_size"},
    **{"max_positions": "max_position_embeddings", "type_vocab_size": "type_vocab_size"},
    **{"pad_id": "pad_token_id", "hidden_act": "hidden_act", "layer_norm_eps": "layer_norm_eps"},
    **{"dropout": "hidden_dropout_prob", "attention_dropout": "attention_probs_dropout_prob"},
    **{"initializer_range": "initializer_range"},
}
"""A field here -> its name in transformers."""


def _unlike(folder: Path, read: dict[str, Any]) -> Iterator[str]:
    """Where what was read is not what the libraries read."""
    from transformers import AutoConfig, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        encoded = tokenizer([text for text, _ in ROWS], max_length=12, truncation=True)
    except Exception as error:
        yield f"accepted, though transformers refuses: {type(error).__name__}: {error!s:.300}"
        return
    for here, there in SAME.items():
        ours, theirs = getattr(read["config"], here), getattr(config, there)
        if ours != theirs:
            yield f"{there}: {ours!r} is read, transformers reads {theirs!r}"
    ids = [read["data"].batch(read["data"].train, np.array([row])) for row in range(len(ROWS))]
    for text, ours, theirs in zip(ROWS, ids, encoded["input_ids"], strict=True):
        found = ours["input_ids"][0].tolist()
        if found != theirs:
            yield f"{text[0]!a}: ids {found}, those of transformers are {theirs}"
    stored = tensors_of(folder / "model.safetensors") or {}
    written = json.loads((folder / "config.json").read_bytes())
    if written.get("id2label") is not None and any(
        name.startswith("classifier.") for name in stored
    ):
        labels: dict[int, str] = config.id2label or {}
        named = tuple(labels[number] for number in sorted(labels))
        if read["data"].classes != named:
            yield f"classes {read['data'].classes}, the head's are {named}"
    for name, (dtype, shape, data) in stored.items():
        array = read["weights"].get(name)
        if array is not None and (array.shape, array.tobytes()) != (shape, data):
            yield f"{name} is not what the file has, {dtype} {shape}"


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def _bert_settings(folder: Path) -> dict[str, Any]:
    named = dict(zip(("pad", "unk", "cls", "sep", "mask"), SPECIAL, strict=True))
    special = {f"{name}_token": token for name, token in named.items()}
    _write(folder / "special_tokens_map.json", special)
    _write(folder / "added_tokens.json", {"tok en": len(SPECIAL) + len(WORDS)})
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": None}
    more = {"model_max_length": 20, "tokenize_chinese_chars": True}
    _write(folder / "tokenizer_config.json", settings | more | special)
    return CONFIG | {"vocab_size": len(SPECIAL) + len(WORDS) + 1}


def _bert_vocab(folder: Path) -> dict[str, Any]:
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *WORDS, ""]), encoding="utf-8")
    return _bert_settings(folder)


def _bert_json(folder: Path) -> dict[str, Any]:
    from transformers import BertTokenizerFast

    config = _bert_vocab(folder)
    BertTokenizerFast.from_pretrained(folder).backend_tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").unlink()
    (folder / "added_tokens.json").unlink()
    return config


def _roberta(folder: Path) -> dict[str, Any]:
    from tokenizers.pre_tokenizers import ByteLevel

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    merges = ["t h", "th e", "\u0120 t", "o a", "oa k"]
    vocabulary = [*special, *sorted(ByteLevel.alphabet()), *(m.replace(" ", "") for m in merges)]
    _write(folder / "vocab.json", {token: number for number, token in enumerate(vocabulary)})
    text = "\n".join(["#version: 0.2", *merges, ""])
    (folder / "merges.txt").write_text(text, encoding="utf-8")
    named = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    named |= {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    _write(folder / "special_tokens_map.json", named)
    settings = {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": False}
    _write(folder / "tokenizer_config.json", settings | {"model_max_length": 18} | named)
    changes = {"model_type": "roberta", "pad_token_id": 1, "type_vocab_size": 1}
    name = {"architectures": ["RobertaForSequenceClassification"], "bos_token_id": 0}
    return CONFIG | changes | name | {"eos_token_id": 2, "vocab_size": len(vocabulary)}


def _write_weights(folder: Path, config: dict[str, Any]) -> None:
    """Those of the model that transformers would build, drawn from a seed."""
    family, width, wide = config["model_type"], config["hidden_size"], config["intermediate_size"]
    square, line = (width, width), (width,)
    layer = {
        **{f"attention.self.{one}.weight": square for one in ("query", "key", "value")},
        **{f"attention.self.{one}.bias": line for one in ("query", "key", "value")},
        **{"attention.output.dense.weight": square, "attention.output.dense.bias": line},
        **{f"attention.output.LayerNorm.{one}": line for one in ("weight", "bias")},
        **{"intermediate.dense.weight": (wide, width), "intermediate.dense.bias": (wide,)},
        **{"output.dense.weight": (width, wide), "output.dense.bias": line},
        **{f"output.LayerNorm.{one}": line for one in ("weight", "bias")},
    }
    shapes: dict[str, tuple[int, ...]] = {
        f"{family}.embeddings.word_embeddings.weight": (config["vocab_size"], width),
        f"{family}.embeddings.position_embeddings.weight": (20, width),
        f"{family}.embeddings.token_type_embeddings.weight": (config["type_vocab_size"], width),
        **{f"{family}.embeddings.LayerNorm.{one}": line for one in ("weight", "bias")},
        **{f"{family}.encoder.layer.0.{name}": shape for name, shape in layer.items()},
    }
    if family == "bert":
        shapes |= {"bert.pooler.dense.weight": square, "bert.pooler.dense.bias": line}
        shapes |= {"classifier.weight": (2, width), "classifier.bias": (2,)}
    else:
        shapes |= {"classifier.dense.weight": square, "classifier.dense.bias": line}
        shapes |= {"classifier.out_proj.weight": (2, width), "classifier.out_proj.bias": (2,)}
    draw = np.random.default_rng(1)
    arrays = {
        name: draw.normal(0, 0.02, shape).astype(np.float32) for name, shape in shapes.items()
    }
    save_file(arrays, folder / "model.safetensors", {"format": "pt"})
