"""What a checkpoint's files say of its tokenizer beside the vocabulary, as transformers reads them.

tokenizer_config.json has the class, its switches, the special and the added tokens; without
`added_tokens_decoder` in it, special_tokens_map.json, added_tokens.json and the added tokens of
tokenizer.json count too, in this order. A setting that would need another tokenizer is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tokenizers import AddedToken

from dualtrain.data import shown
from dualtrain.errors import CheckpointError
from dualtrain.tasks.text_classification._checkpoint_fields import SWITCH, Requirement, only
from dualtrain.tasks.text_classification._wordpiece import NAMES

__all__ = [
    "FLAGS",
    "NORMALIZER",
    "SETTINGS",
    "Settings",
    "content",
    "read_object",
    "read_settings",
    "read_text",
]

CONFIG = "tokenizer_config.json"

TokenizerKind = Literal["bert", "roberta", "file"]
"""BERT's WordPiece, RoBERTa's byte-level BPE, or tokenizer.json just as it is."""

CLASSES: dict[str, TokenizerKind] = {
    "BertTokenizer": "bert",
    "RobertaTokenizer": "roberta",
    "PreTrainedTokenizer": "file",
    "ErnieTokenizer": "bert",
    "RobertaChineseTokenizer": "bert",
    "RobertaBPETokenizer": "roberta",
}
"""`tokenizer_class`, without "Fast"; the last three are paddlenlp's."""

NAMED = (
    *("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"),
)
"""The special tokens in transformers' order, which is the order they are added in."""

Token: TypeAlias = "str | AddedToken"

_DEFAULTS: dict[TokenizerKind, Mapping[str, str]] = {
    "bert": NAMES,
    "roberta": {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "cls_token": "<s>",
        "mask_token": "<mask>",
    },
    "file": {},
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A checkpoint's tokenizer, but for its vocabulary."""

    folder: Path
    kind: TokenizerKind
    switches: Mapping[str, bool | None]
    """`do_lower_case` and so on: those that tokenizer_config.json has."""
    special: Mapping[str, Token]
    """Attribute (`cls_token`) -> the special token that has its part."""
    named: frozenset[str]
    """Attributes that a file gives, not the class."""
    additional: tuple[Token, ...]
    """Further special tokens."""
    added: Mapping[int, AddedToken]
    """Tokens added to the vocabulary, by the number that a file gives them."""

    def token(self, attribute: str) -> str | None:
        """The content of a special token; None if there is none."""
        found = self.special.get(attribute)
        return None if found is None else content(found)


def _no(because: str) -> Requirement:
    return Requirement(f"must be absent or empty: {because}", lambda value: not value)


NORMALIZER = {
    "lowercase": ("do_lower_case", True),
    "strip_accents": ("strip_accents", None),
    "handle_chinese_chars": ("tokenize_chinese_chars", True),
}
"""Switch of a BertNormalizer -> its name and its default in tokenizer_config.json."""

_SWITCHES = {
    "do_lower_case": SWITCH,
    "tokenize_chinese_chars": SWITCH,
    "strip_accents": Requirement(
        "must be true, false or null", lambda v: v is None or v in (True, False)
    ),
    "add_prefix_space": SWITCH,
}

_REFUSED = {
    "padding_side": only("right", because="positions are counted from the left"),
    "truncation_side": only("right", because="long texts are cut at their end"),
    "do_basic_tokenize": only(True, because="transformers' fast tokenizers always do it"),
    "never_split": _no("transformers' fast tokenizers split them; add them as tokens"),
    "split_special_tokens": _no("special tokens in a text are special"),
    "extra_special_tokens": _no("name them in additional_special_tokens"),
    "init_inputs": _no("settings must have names"),
    "auto_map": _no("a folder's own code is not run"),
    "fast_tokenizer_files": _no("tokenizer.json is read, whatever the version"),
    "from_slow": _no("tokenizer.json is read where there is one"),
    **dict.fromkeys(
        ("tokenizer_file", "vocab_file", "merges_file"),
        Requirement("must be absent: a folder's own files are read", lambda value: False),
    ),
}

_HONOURED = ("tokenizer_class", "added_tokens_decoder", "additional_special_tokens", *NAMED)

SETTINGS: dict[str, str] = {
    **dict.fromkeys((*_SWITCHES, *_HONOURED), "honoured"),
    **dict.fromkeys(_REFUSED, "refused"),
}
"""Field of tokenizer_config.json -> what becomes of it; others change no token's number."""


def read_settings(folder: Path) -> Settings:
    """The settings of the tokenizer in `folder`.

    Raises `CheckpointError` for a file that cannot be read, and for what dualtrain's tokenizers do
    not do as transformers' do.
    """
    path = folder / CONFIG
    values = read_object(path) if path.is_file() else {}
    for field, rule in {**_SWITCHES, **_REFUSED}.items():
        if field in values and not rule.holds(values[field]):
            raise CheckpointError(f"{path}: {field}: {rule.text}. Received: {shown(values[field])}")
    kind = _kind(folder, values)
    given = {name: _token(path, name, values[name]) for name in NAMED if values.get(name)}
    additional = _tokens(path, values.get("additional_special_tokens"))
    if "added_tokens_decoder" in values:
        added = _numbered(path, values["added_tokens_decoder"])
    else:
        given, additional = _special_tokens_map(folder, given, additional)
        special = {content(token) for token in (*given.values(), *additional)}
        added = dict(_added_tokens(folder, special))
        added |= dict(_tokens_of_tokenizer_json(folder))
    known = {token.content: token for token in added.values()}
    given = {name: known.get(content(token), token) for name, token in given.items()}
    switched_off = {
        name for name in NAMED if name in values and values[name] is None
    } - given.keys()
    defaults = {n: t for n, t in _DEFAULTS[kind].items() if n not in switched_off}
    special_tokens: dict[str, Token] = {**defaults, **given}
    mask = special_tokens.get("mask_token")
    if kind == "roberta" and isinstance(mask, str):  # it takes the space before it
        special_tokens["mask_token"] = AddedToken(mask, lstrip=True, normalized=False)
    return Settings(
        folder=folder,
        kind=kind,
        switches={name: values[name] for name in _SWITCHES if name in values},
        special={name: special_tokens[name] for name in NAMED if name in special_tokens},
        named=frozenset(given),
        additional=tuple(additional),
        added=added,
    )


def _kind(folder: Path, values: Mapping[str, Any]) -> TokenizerKind:
    """By tokenizer_config.json's tokenizer_class, else config.json's, else its model_type."""
    path, name = folder / CONFIG, values.get("tokenizer_class")
    if name is None and (folder / "config.json").is_file():
        path = folder / "config.json"
        model = read_object(path)
        name = model.get("tokenizer_class")
        if name is None:
            name = "RobertaTokenizer" if model.get("model_type") == "roberta" else "BertTokenizer"
    kind = CLASSES.get(str(name or "BertTokenizer").removesuffix("Fast"))
    if kind is None:
        raise CheckpointError(
            f"{path}: tokenizer_class: must be one of {', '.join(CLASSES)}, with or without Fast. "
            f"Received: {shown(name)}"
        )
    files = [file for file in ("tokenizer.json", "vocab.json") if (folder / file).is_file()]
    if kind == "roberta" and not files and (folder / "vocab.txt").is_file():
        return "bert"  # paddlenlp's Chinese RoBERTa has BERT's vocabulary
    return kind


def _special_tokens_map(
    folder: Path, given: Mapping[str, Token], additional: list[Token]
) -> tuple[dict[str, Token], list[Token]]:
    """What special_tokens_map.json changes and adds."""
    path = folder / "special_tokens_map.json"
    values = read_object(path) if path.is_file() else {}
    named = {name: _token(path, name, values[name]) for name in NAMED if values.get(name)}
    known = set(map(content, additional))
    further = _tokens(path, values.get("additional_special_tokens"))
    return {**given, **named}, [*additional, *(t for t in further if content(t) not in known)]


def _added_tokens(folder: Path, special: set[str]) -> Iterator[tuple[int, AddedToken]]:
    """added_tokens.json: token -> number."""
    path = folder / "added_tokens.json"
    for text, number in (read_object(path) if path.is_file() else {}).items():
        if not isinstance(number, int):
            raise CheckpointError(
                f"{path}: must be an object of tokens and their numbers. "
                f"Received: {shown(number)} for {shown(text)}"
            )
        is_special = text in special
        yield number, AddedToken(text, normalized=not is_special, special=is_special)


def _tokens_of_tokenizer_json(folder: Path) -> Iterator[tuple[int, AddedToken]]:
    path = folder / "tokenizer.json"
    for token in read_object(path).get("added_tokens", []) if path.is_file() else []:
        fields = dict(token)
        yield fields.pop("id"), _added(path, "added_tokens", fields)


def _numbered(path: Path, value: Any) -> dict[int, AddedToken]:
    if not isinstance(value, dict) or not all(key.isdigit() for key in value):
        raise CheckpointError(
            f"{path}: added_tokens_decoder: must be an object of numbers and tokens. "
            f"Received: {shown(value)}"
        )
    return {int(key): _added(path, "added_tokens_decoder", item) for key, item in value.items()}


def _tokens(path: Path, value: Any) -> list[Token]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise CheckpointError(
            f"{path}: additional_special_tokens: must be a list of tokens. Received: {shown(value)}"
        )
    return [_token(path, "additional_special_tokens", token) for token in value]


def _token(path: Path, field: str, value: Any) -> Token:
    return value if isinstance(value, str) else _added(path, field, value, special=True)


FLAGS = ("lstrip", "rstrip", "normalized", "single_word", "special")


def _added(path: Path, field: str, value: Any, **changes: bool) -> AddedToken:
    """A token that a file has as an object; `normalized` stays unsaid where the file has it not."""
    fields = dict(value) if isinstance(value, dict) else {}
    fields.pop("__type", None)
    text = fields.pop("content", None)
    if not isinstance(text, str) or not all(
        key in FLAGS and isinstance(flag, bool) for key, flag in fields.items()
    ):
        raise CheckpointError(
            f"{path}: {field}: a token must be text, or an object of content, "
            f"{', '.join(FLAGS)}. Received: {shown(value)}"
        )
    return AddedToken(text, **fields | changes)


def content(token: Token) -> str:
    """A token's text."""
    return token if isinstance(token, str) else str(token.content)


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object. Raises `CheckpointError` for any other."""
    try:
        value = json.loads(read_text(path))
    except ValueError as error:
        raise CheckpointError(f"{path}: must be valid JSON. Received: {error}") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: must be a JSON object. Received: {shown(value)}")
    return value


def read_text(path: Path) -> str:
    """A file in UTF-8. Raises `CheckpointError` for any other."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: must be in UTF-8. Received: {error}") from None
