"""A checkpoint's tokenizer: tokenizer.json, else vocab.txt, else vocab.json with merges.txt.

The second is BERT's WordPiece, the third RoBERTa's byte-level BPE. All become what transformers'
fast tokenizers make of them and of the settings beside them (`_tokenizer_settings.py`), step by
step as those do it: what tokenizer_config.json says wins over tokenizer.json. Where only a default
of transformers would win, or two files name different tokens, the folder is refused.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing

from dualtrain.data import shown
from dualtrain.errors import CheckpointError
from dualtrain.tasks.text_classification._tokenizer_fields import NORMALIZER
from dualtrain.tasks.text_classification._tokenizer_files import (
    FLAGS,
    Token,
    content,
    read_object,
    read_text,
    refused,
)
from dualtrain.tasks.text_classification._tokenizer_json import (
    apply_settings,
    read_tokenizer_json,
)
from dualtrain.tasks.text_classification._tokenizer_settings import Settings
from dualtrain.tasks.text_classification._wordpiece import PAD, bert_pipeline

__all__ = ["load_tokenizer"]


def load_tokenizer(settings: Settings, *, pad_id: int) -> Tokenizer:
    """The tokenizer in the settings' folder, without truncation and padding.

    pad_id: the model's, from config.json; the tokenizer's own must be the same.

    Raises `CheckpointError` when there is none, when it does not fit, or when the folder's files
    contradict each other.
    """
    folder, kind = settings.folder, settings.kind
    if (folder / "tokenizer.json").exists():
        tokenizer = read_tokenizer_json(settings)
        _add_tokens(tokenizer, settings)
        apply_settings(tokenizer, settings)
    elif kind == "bert" and (folder / "vocab.txt").exists():
        tokenizer = _from_vocab_txt(settings)
    elif kind == "roberta" and all((folder / f).exists() for f in ("vocab.json", "merges.txt")):
        tokenizer = _from_merges(settings)
    else:
        needed = {
            "bert": "tokenizer.json or vocab.txt",
            "roberta": "tokenizer.json, or vocab.json with merges.txt",
            "file": "tokenizer.json",
        }
        raise CheckpointError(
            f"{folder}: a checkpoint must have its tokenizer's files, here {needed[kind]}. "
            f"Received: {_listing(folder)}"
        )
    _check_pad(tokenizer, settings, pad_id)
    return tokenizer


def _from_vocab_txt(settings: Settings) -> Tokenizer:
    path = settings.folder / "vocab.txt"
    tokens = read_text(path).split("\n")
    tokens = tokens[:-1] if tokens[-1] == "" else tokens  # the last line's end
    vocabulary = {token: i for i, token in enumerate(tokens)}
    unknown, *frame = _parts(settings, vocabulary, path)
    switches: dict[str, Any] = {
        name: settings.switches.get(setting, default)
        for name, (setting, default) in NORMALIZER.items()
    }
    tokenizer = bert_pipeline(vocabulary, unk_token=unknown, normalizer=BertNormalizer(**switches))
    _add_tokens(tokenizer, _by_the_slow_class(settings))
    _frame(tokenizer, *frame)
    return tokenizer


def _from_merges(settings: Settings) -> Tokenizer:
    path = settings.folder / "vocab.json"
    vocabulary = read_object(path)
    _, *frame = _parts(settings, vocabulary, path)
    merges = _merges(settings.folder / "merges.txt")
    with refused(f"{settings.folder}: vocab.json and merges.txt must fit together"):
        tokenizer = Tokenizer(BPE(vocabulary, merges))
    prefix_space: Any = settings.switches.get("add_prefix_space", False)
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=prefix_space)
    tokenizer.decoder = ByteLevelDecoder()
    _add_tokens(tokenizer, _by_the_slow_class(settings))
    _frame(tokenizer, *frame)
    return tokenizer


def _by_the_slow_class(settings: Settings) -> Settings:
    """The special tokens as transformers' slow tokenizer hands them to the fast one made of it.

    `normalized`, where no file says it, is decided before each of them is made special.
    """
    roberta = settings.kind == "roberta"  # it makes objects of those that are text

    def said(token: Token) -> Token:
        if isinstance(token, str):
            return AddedToken(token, normalized=True) if roberta else token
        return AddedToken(token.content, **{flag: getattr(token, flag) for flag in FLAGS})

    return replace(
        settings,
        special={name: said(token) for name, token in settings.special.items()},
        additional=tuple(
            token if isinstance(token, str) else said(token) for token in settings.additional
        ),
    )


def _parts(settings: Settings, vocabulary: dict[str, int], path: Path) -> tuple[str, str, str]:
    """The unknown token and the two that frame a text; each in the vocabulary, or added to it."""
    parts = [settings.token(name) for name in ("unk_token", "cls_token", "sep_token")]
    there = vocabulary.keys() | {token.content for token in settings.added.values()}
    missing = [part for part in parts if part not in there]
    if missing:
        raise CheckpointError(
            f"{path}: a vocabulary must have {', '.join(map(str, parts))}. "
            f"Received: {len(vocabulary)} tokens, without {', '.join(map(str, missing))}"
        )
    unknown, first, last = map(str, parts)
    return unknown, first, last


def _frame(tokenizer: Tokenizer, first: str, last: str) -> None:
    """Put the two tokens around each text; not RobertaProcessing, which tokenizers 0.23 changed."""
    tokenizer.post_processor = TemplateProcessing(
        single=[first, "$A", last],
        pair=[first, "$A", last, "$B:1", f"{last}:1"],
        special_tokens=[
            (token, tokenizer.token_to_id(token)) for token in dict.fromkeys((first, last))
        ],
    )


def _add_tokens(tokenizer: Tokenizer, settings: Settings) -> None:
    """Add the added tokens, then the special ones, as `PreTrainedTokenizerFast.__init__` does.

    A special token that is there as a string is left alone; as an object it replaces what is there.
    """
    here = tokenizer.get_added_tokens_decoder().values()
    same, known = {repr(token) for token in here}, {token.content for token in here}
    tokens = [token for _, token in sorted(settings.added.items()) if repr(token) not in same]
    known |= {token.content for token in tokens}
    specials: dict[str, str | AddedToken] = {}
    for token in (*settings.special.values(), *settings.additional):
        specials.setdefault(content(token), token)
    for text, token in specials.items():
        if isinstance(token, AddedToken):
            tokens.append(token)
        elif text not in known:
            tokens.append(AddedToken(text, special=True))
    for added in tokens:
        added.special = added.special or added.content in specials
    tokenizer.add_tokens(tokens)
    for number, added in settings.added.items():
        found = tokenizer.token_to_id(added.content)
        if found != number:
            raise CheckpointError(
                f"{settings.folder}: an added token must have the number that the vocabulary gives "
                f"it. Received: {shown(number)} for {shown(added.content)}, which has {found}"
            )


def _merges(path: Path) -> list[tuple[str, str]]:
    """All lines but the first, which transformers takes for the version whatever it is."""
    first, *lines = read_text(path).split("\n")
    if not first.startswith("#version"):
        raise CheckpointError(
            f"{path}:1: must begin with #version: transformers leaves the first line out. "
            f"Received: {shown(first)}"
        )
    last = lines.pop() if lines else first
    if last:
        raise CheckpointError(
            f"{path}: must end with an empty line: transformers leaves the last one out. "
            f"Received: {shown(last)}"
        )
    merges = []
    for number, line in enumerate(lines, start=2):
        parts = line.split(" ")
        if len(parts) != 2:
            raise CheckpointError(
                f"{path}:{number}: a merge must be two tokens with a space between. "
                f"Received: {shown(line)}"
            )
        merges.append((parts[0], parts[1]))
    return merges


def _check_pad(tokenizer: Tokenizer, settings: Settings, pad_id: int) -> None:
    named = settings.token("pad_token")
    for token in (PAD, "<pad>") if named is None else (named,):
        found = tokenizer.token_to_id(token)
        if found is not None and found != pad_id:
            raise CheckpointError(
                f"{settings.folder}: the tokenizer's {token} must be config.json's pad_token_id, "
                f"{pad_id}. Received: {found}"
            )


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return ", ".join(names) or "nothing"
