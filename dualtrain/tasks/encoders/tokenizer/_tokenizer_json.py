"""tokenizer.json as transformers' fast tokenizers read it, with tokenizer_config.json beside it.

tokenizers itself reads every part of it, here as there; what is checked here is what transformers
takes from it besides (the sides, the padding token), what it changes afterwards, and what would
not give the same tokens twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import ByteLevel

from dualtrain.tasks.encoders.checkpoint._files import (
    TOKENIZER,
    TOKENIZER_CONFIG,
    read_object,
    read_text,
    refusal,
    shown,
)
from dualtrain.tasks.encoders.checkpoint._tokenizer_fields import NORMALIZER
from dualtrain.tasks.encoders.tokenizer._settings import Settings
from dualtrain.tasks.encoders.tokenizer._tokens import check_numbers, refused

__all__ = ["apply_settings", "read_tokenizer_json"]


def read_tokenizer_json(settings: Settings, *, vocab_size: int) -> Tokenizer:
    """What the file says, without truncation and padding.

    vocab_size: that of config.json.

    Raises `CheckpointError` for what transformers could not read, or reads otherwise each time.
    """
    path = settings.folder / TOKENIZER
    pipeline = read_object(path)
    _check_sides(path, pipeline, settings)
    _check_model(path, pipeline.get("model"), vocab_size)
    _check_template(path, pipeline.get("post_processor"))
    if settings.kind == "bert" and pipeline.get("normalizer") is None:
        raise refusal(
            path,
            f"normalizer: there must be one where {TOKENIZER_CONFIG} or config.json has a "
            f"tokenizer_class of BERT's; write PreTrainedTokenizerFast there, and the file is read "
            f"as it is",
            "null",
        )
    with refused(path, "must be a tokenizer of the tokenizers library"):
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
            raise refusal(
                path,
                f'{part}: {rule}, or {TOKENIZER_CONFIG} must say {side}: "right"',
                f"direction {shown(direction)}",
            )


def _check_model(path: Path, model: Any, vocab_size: int) -> None:
    fields = model if isinstance(model, dict) else {}
    if fields.get("dropout"):
        rule = "model.dropout: must be null: a text must have the same tokens each time"
        raise refusal(path, rule, shown(fields["dropout"]))
    vocabulary, unknown = fields.get("vocab"), fields.get("unk_token")
    if isinstance(vocabulary, dict):
        check_numbers(path, "model.vocab", vocabulary, vocab_size)
    if isinstance(vocabulary, dict) and isinstance(unknown, str) and unknown not in vocabulary:
        raise refusal(
            path,
            "model.unk_token: must be in model.vocab: a word of a text that is not there becomes "
            "it",
            shown(unknown),
        )
    if "merges" in fields and fields.get("continuing_subword_prefix"):
        rule = "model.continuing_subword_prefix: must be null or empty in a model of merges"
        raise refusal(path, rule, shown(fields["continuing_subword_prefix"]))


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
            raise refusal(
                path,
                "post_processor: single must have the text, A, once, and no special token that "
                "special_tokens lacks",
                shown(part.get("single")),
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
            raise refusal(
                settings.folder / TOKENIZER,
                f"{name} is {shown(there)}, and {TOKENIZER_CONFIG} must say so, with {setting}: "
                f"without it transformers takes {shown(default)}",
                f"no {setting}",
            )
        yield name


def _check_frame(tokenizer: Tokenizer, settings: Settings) -> None:
    """Refuse a frame that does not begin with a token of its own, or is not the one named."""
    path = settings.folder / TOKENIZER
    with refused(path, "the tokenizer must take any text"):
        ids, text = tokenizer.encode("").ids, tokenizer.encode("a")
    if text.special_tokens_mask[:1] != [1]:
        there = any((settings.folder / file).is_file() for file in ("vocab.txt", "vocab.json"))
        way_out = f"; without {TOKENIZER} the vocabulary beside it is read"
        raise refusal(
            path,
            "the tokenizer must put a special token before each text, from which the model "
            f"classifies it{way_out if there and settings.kind != 'file' else ''}",
            f"post_processor {shown(tokenizer.post_processor)}",
        )
    if any(text.type_ids):
        rule = "post_processor: every token of a text that stands alone must have type_id 0"
        raise refusal(path, rule, f"{text.type_ids} for 'a'")
    for name, place in (("cls_token", 0), ("sep_token", -1)):
        token, there = settings.token(name), tokenizer.id_to_token(ids[place])
        if name in settings.named and token != there:
            raise refusal(
                settings.folder,
                f"{name}: {TOKENIZER_CONFIG} or special_tokens_map.json must name the token that "
                f"{TOKENIZER} puts there, {shown(there)}",
                shown(token),
            )
