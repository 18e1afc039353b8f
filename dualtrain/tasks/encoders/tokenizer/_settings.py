"""What a checkpoint's files say of its tokenizer beside the vocabulary, as transformers reads them.

tokenizer_config.json has the class, its switches, the special and the added tokens; without
`added_tokens_decoder` in it, special_tokens_map.json, added_tokens.json and the added tokens of
tokenizer.json count too, in this order. A setting that would need another tokenizer is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken

from dualtrain.tasks.encoders.checkpoint._files import (
    CONFIG,
    TOKENIZER,
    TOKENIZER_CONFIG,
    read_object,
    refusal,
    shown,
)
from dualtrain.tasks.encoders.checkpoint._tokenizer_fields import (
    CLASSES,
    NAMED,
    REFUSED,
    SWITCHES,
    TokenizerKind,
)
from dualtrain.tasks.encoders.tokenizer._tokens import (
    Token,
    added_token,
    content,
    token,
)
from dualtrain.tasks.encoders.tokenizer._wordpiece import NAMES

__all__ = ["Settings", "read_settings"]

_SPECIAL_TOKENS = "special_tokens_map.json"
_ADDED_TOKENS = "added_tokens.json"

_DEFAULTS: dict[TokenizerKind, Mapping[str, Token]] = {
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
    sides: frozenset[str]
    """`padding_side` and `truncation_side`: those that tokenizer_config.json has, all "right"."""
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


def read_settings(folder: Path) -> Settings:
    """The settings of the tokenizer in `folder`.

    Raises `CheckpointError` for a file that cannot be read, and for what dualtrain's tokenizers do
    not do as transformers' do.
    """
    path = folder / TOKENIZER_CONFIG
    values = read_object(path, optional=True)
    pipeline = read_object(folder / TOKENIZER, optional=True)
    if not pipeline:  # transformers takes it for a trace of the class that saved the folder
        values.pop("tokenizer_file", None)
    for field, rule in {**SWITCHES, **REFUSED}.items():
        if field in values and not rule.holds(values[field]):
            raise refusal(path, f"{field}: {rule.text}", shown(values[field]))
    kind = _kind(folder, values)
    given = {n: _setting(path, n, values[n]) for n in NAMED if values.get(n) is not None}
    additional = _list(path, "additional_special_tokens", values, _setting)
    of_tokenizer_json = dict(_tokens_of_tokenizer_json(folder, pipeline))
    if "added_tokens_decoder" in values:
        added = _numbered(path, values["added_tokens_decoder"])
    else:
        given, additional = _special_tokens_map(folder, given, additional)
        special = {content(token) for token in (*given.values(), *additional)}
        added = dict(_added_tokens(folder, special)) | of_tokenizer_json
    _check_once(folder, additional)
    if kind == "file" and "pad_token" not in values.keys() | given.keys():
        padding = pipeline.get("padding")
        if isinstance(padding, dict) and "pad_token" in padding:
            given["pad_token"] = token(
                folder / TOKENIZER, "padding.pad_token", padding["pad_token"]
            )
    known = {token.content: token for token in added.values()}
    given = {name: known.get(content(token), token) for name, token in given.items()}
    switched_off = {name for name in NAMED if name in values and values[name] is None}
    return Settings(
        folder=folder,
        kind=kind,
        switches={name: values[name] for name in SWITCHES if name in values},
        sides=frozenset(name for name in ("padding_side", "truncation_side") if name in values),
        special=_with_defaults(kind, given, switched_off),
        named=frozenset(given),
        additional=tuple(additional),
        added=added,
    )


def _with_defaults(
    kind: TokenizerKind, given: Mapping[str, Token], switched_off: Collection[str]
) -> dict[str, Token]:
    """The special tokens in transformers' order: those of the files, else the class's own."""
    tokens = {n: t for n, t in _DEFAULTS[kind].items() if n not in switched_off} | dict(given)
    mask = tokens.get("mask_token")
    if kind == "roberta" and isinstance(mask, str):  # it takes the space before it
        tokens["mask_token"] = AddedToken(mask, lstrip=True, normalized=False)
    return {name: tokens[name] for name in NAMED if name in tokens}


def _kind(folder: Path, values: Mapping[str, Any]) -> TokenizerKind:
    """By tokenizer_config.json's tokenizer_class, else config.json's, else its model_type."""
    path, name = folder / TOKENIZER_CONFIG, values.get("tokenizer_class")
    if name is None:
        path = folder / CONFIG
        model = read_object(path, optional=True)
        name = model.get("tokenizer_class")
        if name is None:
            name = "RobertaTokenizer" if model.get("model_type") == "roberta" else "BertTokenizer"
    kind = CLASSES.get(str(name).removesuffix("Fast"))
    if kind is None:
        rule = f"tokenizer_class: must be one of {', '.join(CLASSES)}, with or without Fast"
        raise refusal(path, rule, shown(name))
    files = [file for file in (TOKENIZER, "vocab.json") if (folder / file).exists()]
    of_paddlenlp = kind == "roberta" and not str(name).endswith("Fast")
    if of_paddlenlp and not files and (folder / "vocab.txt").exists():
        return "bert"  # its Chinese RoBERTa has BERT's vocabulary
    return kind


def _special_tokens_map(
    folder: Path, given: Mapping[str, Token], additional: list[Token]
) -> tuple[dict[str, Token], list[Token]]:
    """What special_tokens_map.json changes and adds."""
    path = folder / _SPECIAL_TOKENS
    values = read_object(path, optional=True)
    for name in values:
        if name not in (*NAMED, "additional_special_tokens"):
            raise refusal(
                path,
                f"must have no other field than {', '.join(NAMED)} and additional_special_tokens; "
                f"transformers takes any other for a setting of {TOKENIZER_CONFIG}",
                shown(name),
            )
    named = {name: _special(path, name, values[name]) for name in NAMED if name in values}
    further = _list(path, "additional_special_tokens", values, _special)
    given = {**given, **named}
    last = content(further[-1]) if further else None
    *_, added = (None, *read_object(folder / _ADDED_TOKENS, optional=True))
    if last in {*map(content, given.values())} and added not in (None, last):
        raise refusal(
            path,
            f"additional_special_tokens: must not end with a token that has a name too: "
            f"transformers takes the last of {_ADDED_TOKENS}, {shown(added)}, in its place; leave "
            f"it out there",
            shown(last),
        )
    return given, [*additional, *further]


def _added_tokens(folder: Path, special: set[str]) -> Iterator[tuple[int, AddedToken]]:
    """added_tokens.json: token -> number."""
    path = folder / _ADDED_TOKENS
    for text, number in read_object(path, optional=True).items():
        is_special = text in special
        flags = {"content": text, "normalized": not is_special, "special": is_special}
        yield _number(path, shown(text), number), added_token(path, shown(text), flags)


def _tokens_of_tokenizer_json(
    folder: Path, pipeline: Mapping[str, Any]
) -> Iterator[tuple[int, AddedToken]]:
    path = folder / TOKENIZER
    tokens = pipeline.get("added_tokens") if pipeline else []
    if not isinstance(tokens, list):
        raise refusal(path, "added_tokens: must be a list of tokens", shown(tokens))
    for item in tokens:
        fields = dict(item) if isinstance(item, dict) else {}
        number = _number(path, "added_tokens", fields.pop("id", None))
        yield number, added_token(path, "added_tokens", fields)


def _numbered(path: Path, value: Any) -> dict[int, AddedToken]:
    if not isinstance(value, dict) or not all(map(_is_number, value)):
        rule = "added_tokens_decoder: must be an object of numbers and tokens"
        raise refusal(path, rule, shown(value))
    return {int(key): added_token(path, "added_tokens_decoder", v) for key, v in value.items()}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _number(path: Path, field: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        rule = f"{field}: a token's number must be whole and not negative"
        raise refusal(path, rule, shown(value))
    return value


def _list(
    path: Path, field: str, values: Mapping[str, Any], read: Callable[[Path, str, Any], Token]
) -> list[Token]:
    items = values.get(field)
    if items is None:
        return []
    if not isinstance(items, list):
        raise refusal(path, f"{field}: must be a list of tokens", shown(items))
    return [read(path, field, item) for item in items]


def _check_once(folder: Path, additional: Sequence[Token]) -> None:
    """A token that stands there twice must be the same both times: transformers keeps the last."""
    found: dict[str, str] = {}
    for one in additional:
        if found.setdefault(content(one), repr(one)) != repr(one):
            raise refusal(
                folder,
                f"additional_special_tokens: {TOKENIZER_CONFIG} and {_SPECIAL_TOKENS} must say the "
                f"same of a token each time",
                f"{found[content(one)]} and {one!r}",
            )


def _setting(path: Path, field: str, value: Any) -> Token:
    """A token of tokenizer_config.json."""
    if isinstance(value, dict) and value.get("__type") != "AddedToken":
        raise refusal(
            path,
            f'{field}: an object must have "__type": "AddedToken", without which transformers does '
            f"not take it for a token",
            shown(value),
        )
    return token(path, field, value)


def _special(path: Path, field: str, value: Any) -> Token:
    """A token of special_tokens_map.json."""
    return token(path, field, value, special=True)
