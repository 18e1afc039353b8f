"""A checkpoint's tokenizer: tokenizer.json, else vocab.txt, else vocab.json with merges.txt.

The second is BERT's WordPiece, the third RoBERTa's byte-level BPE. All become what transformers'
fast tokenizers make of them and of the settings beside them (`_tokenizer_settings.py`), step by
step as those do it: what tokenizer_config.json says wins over tokenizer.json. Where only a default
of transformers would win, or two files name different tokens, the folder is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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
from dualtrain.tasks.text_classification._tokenizer_settings import (
    NORMALIZER,
    Settings,
    content,
    read_object,
    read_text,
)
from dualtrain.tasks.text_classification._wordpiece import PAD, bert_pipeline

__all__ = ["load_tokenizer"]


def load_tokenizer(settings: Settings, *, pad_id: int) -> Tokenizer:
    """The tokenizer in the settings' folder, without truncation and padding.

    pad_id: the model's, from config.json; the tokenizer's own must be the same.

    Raises `CheckpointError` when there is none, when it does not fit, or when the folder's files
    contradict each other.
    """
    folder, kind = settings.folder, settings.kind
    if (folder / "tokenizer.json").is_file():
        tokenizer = _from_tokenizer_json(folder / "tokenizer.json")
        _add_tokens(tokenizer, settings)
        _switch(tokenizer, settings)
        _check_frame(tokenizer, settings)
    elif kind == "bert" and (folder / "vocab.txt").is_file():
        tokenizer = _from_vocab_txt(settings)
    elif kind == "roberta" and all((folder / f).is_file() for f in ("vocab.json", "merges.txt")):
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


def _from_tokenizer_json(path: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_str(read_text(path))
    except CheckpointError:
        raise
    except Exception as error:  # tokenizers raises no class of its own
        raise CheckpointError(
            f"{path}: must be a tokenizer of the tokenizers library. Received: {error}"
        ) from None
    if (tokenizer.truncation or {}).get("direction", "right") != "right":
        raise CheckpointError(
            f"{path}: truncation: must cut on the right. Received: {shown(tokenizer.truncation)}"
        )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if not tokenizer.encode("").ids:
        raise CheckpointError(
            f"{path}: the tokenizer must put a special token before each text, from which the "
            f"model classifies it. Received: post_processor {shown(tokenizer.post_processor)}"
        )
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
    _add_tokens(tokenizer, settings)
    _frame(tokenizer, *frame)
    return tokenizer


def _from_merges(settings: Settings) -> Tokenizer:
    path = settings.folder / "vocab.json"
    vocabulary = read_object(path)
    _, *frame = _parts(settings, vocabulary, path)
    merges = _merges(settings.folder / "merges.txt")
    try:
        tokenizer = Tokenizer(BPE(vocabulary, merges))
    except Exception as error:  # tokenizers raises no class of its own
        raise CheckpointError(
            f"{settings.folder}: vocab.json and merges.txt must fit together. Received: {error}"
        ) from None
    prefix_space: Any = settings.switches.get("add_prefix_space", False)
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=prefix_space)
    tokenizer.decoder = ByteLevelDecoder()
    _add_tokens(tokenizer, settings)
    _frame(tokenizer, *frame)
    return tokenizer


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
                f"it. Received: {number} for {added.content!r}, which has {found}"
            )


def _switch(tokenizer: Tokenizer, settings: Settings) -> None:
    """Let tokenizer_config.json's switches win over tokenizer.json's, where it says them."""
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
                f"{settings.folder / 'tokenizer.json'}: {name} is {json.dumps(there)}, and "
                f"tokenizer_config.json must say so, with {setting}: without it transformers takes "
                f"{json.dumps(default)}. Received: no {setting}"
            )
        yield name


def _check_frame(tokenizer: Tokenizer, settings: Settings) -> None:
    """Refuse a cls_token or sep_token that tokenizer.json does not put where it belongs."""
    ids = tokenizer.encode("").ids
    for name, place in (("cls_token", 0), ("sep_token", -1)):
        token = settings.token(name)
        if name in settings.named and token != tokenizer.id_to_token(ids[place]):
            raise CheckpointError(
                f"{settings.folder}: {name}: tokenizer_config.json or special_tokens_map.json must "
                f"name the token that tokenizer.json puts there, "
                f"{tokenizer.id_to_token(ids[place])!r}. Received: {token!r}"
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
    for token in (settings.token("pad_token"), PAD, "<pad>"):
        found = None if token is None else tokenizer.token_to_id(token)
        if found is not None and found != pad_id:
            raise CheckpointError(
                f"{settings.folder}: the tokenizer's {token} must be config.json's pad_token_id, "
                f"{pad_id}. Received: {found}"
            )


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return ", ".join(names) or "nothing"
