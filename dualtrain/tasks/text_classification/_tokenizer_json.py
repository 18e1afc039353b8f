"""tokenizer.json as transformers' fast tokenizers read it, with tokenizer_config.json beside it.

tokenizers itself reads every part of it, here as there; what is checked here is what transformers
takes from it besides (the sides, the padding token), what it changes afterwards, and what would
not give the same tokens twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import ByteLevel

from dualtrain.data import shown
from dualtrain.errors import CheckpointError
from dualtrain.tasks.text_classification._tokenizer_fields import NORMALIZER
from dualtrain.tasks.text_classification._tokenizer_files import read_object, read_text, refused
from dualtrain.tasks.text_classification._tokenizer_settings import CONFIG, Settings

__all__ = ["apply_settings", "read_tokenizer_json"]

FILE = "tokenizer.json"


def read_tokenizer_json(settings: Settings) -> Tokenizer:
    """What the file says, without truncation and padding.

    Raises `CheckpointError` for what transformers could not read, or reads otherwise each time.
    """
    path = settings.folder / FILE
    pipeline = read_object(path)
    _check_sides(path, pipeline, settings)
    _check_model(path, pipeline.get("model"))
    _check_template(path, pipeline.get("post_processor"))
    if settings.kind == "bert" and pipeline.get("normalizer") is None:
        raise CheckpointError(
            f"{path}: normalizer: there must be one where {CONFIG} or config.json has a "
            f"tokenizer_class of BERT's; write PreTrainedTokenizerFast there, and the file is read "
            f"as it is. Received: null"
        )
    with refused(f"{path}: must be a tokenizer of the tokenizers library"):
        tokenizer = Tokenizer.from_str(read_text(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _check_sides(path: Path, pipeline: Mapping[str, Any], settings: Settings) -> None:
    """tokenizer_config.json's sides win; these count where it has none."""
    for part, side, rule in (
        ("truncation", "truncation_side", "must cut on the right"),
        ("padding", "padding_side", "must fill up on the right, from which no position is counted"),
    ):
        values = pipeline.get(part)
        direction = values.get("direction", "Right") if isinstance(values, dict) else "Right"
        if direction != "Right" and side not in settings.sides:
            raise CheckpointError(
                f'{path}: {part}: {rule}, or {CONFIG} must say {side}: "right". '
                f"Received: direction {shown(direction)}"
            )


def _check_model(path: Path, model: Any) -> None:
    fields = model if isinstance(model, dict) else {}
    if fields.get("dropout"):
        raise CheckpointError(
            f"{path}: model.dropout: must be null: a text must have the same tokens each time. "
            f"Received: {shown(fields['dropout'])}"
        )
    vocabulary, unknown = fields.get("vocab"), fields.get("unk_token")
    if isinstance(vocabulary, dict) and isinstance(unknown, str) and unknown not in vocabulary:
        raise CheckpointError(
            f"{path}: model.unk_token: must be in model.vocab: a word of a text that is not there "
            f"becomes it. Received: {shown(unknown)}"
        )
    if "merges" in fields and fields.get("continuing_subword_prefix"):
        raise CheckpointError(
            f"{path}: model.continuing_subword_prefix: must be null or empty in a model of "
            f"merges. Received: {shown(fields['continuing_subword_prefix'])}"
        )


def _check_template(path: Path, processor: Any) -> None:
    """The template of one text: it has the text once, and no token that it does not explain."""
    fields = processor if isinstance(processor, dict) else {}
    for part in (fields, *_objects(fields.get("processors"))):
        if part.get("type") != "TemplateProcessing":
            continue
        pieces = list(_objects(part.get("single")))
        texts = [p["Sequence"].get("id") for p in pieces if isinstance(p.get("Sequence"), dict)]
        tokens = [p["SpecialToken"] for p in pieces if isinstance(p.get("SpecialToken"), dict)]
        known = part.get("special_tokens")
        named = known if isinstance(known, dict) else {}
        if texts != ["A"] or any(str(token.get("id")) not in named for token in tokens):
            raise CheckpointError(
                f"{path}: post_processor: single must have the text, A, once, and no special "
                f"token that special_tokens lacks. Received: {shown(part.get('single'))}"
            )


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (item for item in (value if isinstance(value, list) else ()) if type(item) is dict)


def apply_settings(tokenizer: Tokenizer, settings: Settings) -> None:
    """Let tokenizer_config.json's switches win over tokenizer.json's, and check the frame.

    tokenizer: with the added tokens. Raises `CheckpointError` where a default would win in
    silence, or where the files do not agree on what is put around a text.
    """
    _switch(tokenizer, settings)
    _check_frame(tokenizer, settings)


def _switch(tokenizer: Tokenizer, settings: Settings) -> None:
    normalizer = tokenizer.normalizer
    if settings.kind == "bert" and isinstance(normalizer, BertNormalizer):
        for name in _contradicted(settings, normalizer, NORMALIZER):
            setting, default = NORMALIZER[name]
            setattr(normalizer, name, settings.switches.get(setting, default))
        tokenizer.normalizer = normalizer
    pre_tokenizer = tokenizer.pre_tokenizer
    if isinstance(pre_tokenizer, ByteLevel):
        switch = {"add_prefix_space": ("add_prefix_space", False)}
        for name in _contradicted(settings, pre_tokenizer, switch):
            setattr(pre_tokenizer, name, settings.switches[name])
        tokenizer.pre_tokenizer = pre_tokenizer


def _contradicted(
    settings: Settings, part: object, switches: Mapping[str, tuple[str, bool | None]]
) -> Iterator[str]:
    """The switches that tokenizer_config.json turns; one that a default would turn is refused."""
    for name, (setting, default) in switches.items():
        there = getattr(part, name)
        if there == settings.switches.get(setting, default):
            continue
        if setting not in settings.switches:
            raise CheckpointError(
                f"{settings.folder / FILE}: {name} is {json.dumps(there)}, and "
                f"{CONFIG} must say so, with {setting}: without it transformers takes "
                f"{json.dumps(default)}. Received: no {setting}"
            )
        yield name


def _check_frame(tokenizer: Tokenizer, settings: Settings) -> None:
    """Refuse a frame that does not begin with a token of its own, or is not the one named."""
    path = settings.folder / FILE
    with refused(f"{path}: the tokenizer must take any text"):
        ids, text = tokenizer.encode("").ids, tokenizer.encode("a")
    if text.special_tokens_mask[:1] != [1]:
        raise CheckpointError(
            f"{path}: the tokenizer must put a special token before each text, from which the "
            f"model classifies it. Received: post_processor {shown(tokenizer.post_processor)}"
        )
    if any(text.type_ids):
        raise CheckpointError(
            f"{path}: post_processor: every token of a text that stands alone must have type_id 0. "
            f"Received: {text.type_ids} for 'a'"
        )
    for name, place in (("cls_token", 0), ("sep_token", -1)):
        token = settings.token(name)
        if name in settings.named and token != tokenizer.id_to_token(ids[place]):
            raise CheckpointError(
                f"{settings.folder}: {name}: {CONFIG} or special_tokens_map.json must "
                f"name the token that {FILE} puts there, "
                f"{tokenizer.id_to_token(ids[place])!r}. Received: {token!r}"
            )
