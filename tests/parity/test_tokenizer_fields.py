"""Every field that the libraries' own tokenizer classes know has a verdict, and the right one."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
import transformers
from tokenizers import Tokenizer
from tokenizers.models import BPE, Unigram, WordLevel, WordPiece

from dualtrain.tasks.encoders.checkpoint._tokenizer_fields import (
    CLASSES,
    IGNORED_SETTINGS,
    PADDLENLP,
    PIPELINE,
    SETTINGS,
)
from dualtrain_paddle._compat import native_models
from tests.tokenizer_folders import TEXTS, byte_pairs, wordpieces

TRANSFORMERS = [
    *("BertTokenizer", "BertTokenizerFast", "RobertaTokenizer", "RobertaTokenizerFast"),
    "PreTrainedTokenizerFast",
]


def fields_of(tokenizer: Any) -> set[str]:
    """What the class and those above it take by name, or out of their `kwargs`."""
    taken = set()
    for base in tokenizer.__mro__:
        start = vars(base).get("__init__")
        if start is None or not inspect.isfunction(start):
            continue
        taken |= {
            name
            for name, parameter in inspect.signature(start).parameters.items()
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        }
        code = inspect.getsource(start)
        taken |= set(re.findall(r"""kwargs\.(?:pop|get|setdefault)\(\s*["'](\w+)["']""", code))
    return taken - {"self", "__slow_tokenizer"}  # the latter is an object, never in a file


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_every_field_of_transformers_has_a_verdict(name: str) -> None:
    found = fields_of(getattr(transformers, name))

    assert len(found) > 20
    assert sorted(found - SETTINGS.keys()) == []


@pytest.mark.parametrize("name", ["BertTokenizer", *PADDLENLP])
def test_every_field_of_paddlenlp_has_a_verdict(name: str) -> None:
    models = native_models()
    found = fields_of(getattr(models, name))

    assert name in CLASSES
    assert len(found) > 5
    assert sorted(found - SETTINGS.keys()) == []


def test_a_field_without_verdict_is_found() -> None:
    class Newer(transformers.BertTokenizerFast):
        def __init__(self, own_field: int = 3, **kwargs: Any) -> None:
            kwargs.pop("other_field", None)
            super().__init__(**kwargs)

    assert fields_of(Newer) - SETTINGS.keys() == {"own_field", "other_field"}


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_every_field_that_transformers_writes_has_a_verdict(tmp_path: Path, family: str) -> None:
    folder = wordpieces(tmp_path, {}) if family == "bert" else byte_pairs(tmp_path, {})
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "saved")
    written = json.loads((tmp_path / "saved" / "tokenizer_config.json").read_text("utf-8"))

    assert len(written) > 10
    assert sorted(written.keys() - SETTINGS.keys()) == []


def parts_of(pipeline: dict[str, Any]) -> set[str]:
    """`padding.pad_id` and so on; a part whose inside is not told apart by itself."""
    told_apart = {path.partition(".")[0] for path in PIPELINE if "." in path}
    return {
        name
        for part, value in pipeline.items()
        for name in (
            [f"{part}.{field}" for field in value]
            if part in told_apart and isinstance(value, dict)
            else [part]
        )
    }


@pytest.mark.parametrize(
    "model",
    [BPE(), Unigram([("a", 0.0)], 0, False), WordLevel({"a": 0}, "a"), WordPiece({"a": 0})],
    ids=lambda model: type(model).__name__,
)
def test_every_field_of_tokenizer_json_has_a_verdict(model: Any) -> None:
    """As tokenizers writes it, with truncation and padding."""
    native = Tokenizer(model)
    native.enable_truncation(8)
    native.enable_padding()
    found = parts_of(json.loads(native.to_str()))

    assert len(found) > 15
    assert sorted(found - PIPELINE.keys()) == []


def test_a_part_without_verdict_is_found() -> None:
    newer = parts_of({"newer": {}, "model": {"type": "BPE", "own": 1}})

    assert newer - PIPELINE.keys() == {"newer", "model.own"}


OTHER_VALUES: dict[str, Any] = {
    "chat_template": "{{ messages }}",
    "clean_up_tokenization_spaces": True,
    "errors": "strict",
    "eol_token": "x",
    "is_split_into_words": True,
    "processor_class": "x",
    "return_token_type_ids": False,
    "truncation_strategy": "only_first",
    **dict.fromkeys(("name_or_path", "init_class", "_commit_hash", "special_tokens_map_file"), "x"),
    **dict.fromkeys(("tokenizer_config_file", "wordpieces_prefix"), "x"),
    **dict.fromkeys(
        ("spaces_between_special_tokens", "trim_offsets", "verbose", "_from_auto"), False
    ),
}
"""Of an ignored field; for the others 7."""


@pytest.mark.parametrize("field", sorted(IGNORED_SETTINGS))
def test_no_ignored_field_changes_a_token_s_number(tmp_path: Path, field: str) -> None:
    """Of transformers' own tokenizer, opened from a folder with it and from one without."""
    found: list[Any] = []
    for settings in ({}, {field: OTHER_VALUES.get(field, 7)}):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        wordpieces(folder, {"tokenizer_config.json": settings})
        found.append(transformers.AutoTokenizer.from_pretrained(folder)(TEXTS)["input_ids"])

    assert found[0] == found[1]
