"""A checkpoint's tokenizer: tokenizer.json, else vocab.txt, else vocab.json with merges.txt.

The second is BERT's WordPiece, the third RoBERTa's byte-level BPE. All become what transformers'
fast tokenizers make of them and of the settings beside them (`_settings.py`), step by
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

from dualtrain.listing import listed
from dualtrain.printable import shortened
from dualtrain.tasks.encoders.checkpoint._files import (
    TOKENIZER,
    read_object,
    read_text,
    refusal,
    shown,
)
from dualtrain.tasks.encoders.checkpoint._tokenizer_fields import FLAGS, NORMALIZER
from dualtrain.tasks.encoders.tokenizer._settings import Settings
from dualtrain.tasks.encoders.tokenizer._tokenizer_json import (
    apply_settings,
    read_tokenizer_json,
)
from dualtrain.tasks.encoders.tokenizer._tokens import (
    Token,
    check_numbers,
    content,
    refused,
)
from dualtrain.tasks.encoders.tokenizer._wordpiece import PAD, bert_pipeline, put_around

__all__ = ["load_tokenizer"]

MOST = 12
"""Files that a message repeats."""


def load_tokenizer(settings: Settings, *, pad_id: int, vocab_size: int) -> Tokenizer:
    """The tokenizer in the settings' folder, without truncation and padding.

    pad_id, vocab_size: the model's, from config.json; the tokenizer's own padding must be the same.

    Raises `CheckpointError` when there is none, when it does not fit, when the folder's files
    contradict each other, or when tokenizers could not read what it writes of it.
    """
    folder, kind = settings.folder, settings.kind
    if (folder / TOKENIZER).exists():
        tokenizer = read_tokenizer_json(settings, vocab_size=vocab_size)
        _add_tokens(tokenizer, settings)
        apply_settings(tokenizer, settings)
    elif kind == "bert" and (folder / "vocab.txt").exists():
        tokenizer = _from_vocab_txt(settings)
    elif kind == "roberta" and all((folder / f).exists() for f in ("vocab.json", "merges.txt")):
        tokenizer = _from_merges(settings, vocab_size)
    else:
        needed = {
            "bert": "tokenizer.json or vocab.txt",
            "roberta": "tokenizer.json, or vocab.json with merges.txt",
            "file": "tokenizer.json",
        }
        rule = f"a checkpoint must have its tokenizer's files, here {needed[kind]}"
        raise refusal(folder, rule, _listing(folder))
    _check_pad(tokenizer, settings, pad_id)
    _check_written(folder, tokenizer)
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
    put_around(tokenizer, *frame)
    return tokenizer


def _from_merges(settings: Settings, vocab_size: int) -> Tokenizer:
    path = settings.folder / "vocab.json"
    vocabulary = read_object(path)
    check_numbers(path, "vocabulary", vocabulary, vocab_size)
    _, *frame = _parts(settings, vocabulary, path)
    merges = _merges(settings.folder / "merges.txt")
    with refused(settings.folder, "vocab.json and merges.txt must fit together"):
        tokenizer = Tokenizer(BPE(vocabulary, merges))
    prefix_space: Any = settings.switches.get("add_prefix_space", False)
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=prefix_space)
    tokenizer.decoder = ByteLevelDecoder()
    _add_tokens(tokenizer, _by_the_slow_class(settings))
    put_around(tokenizer, *frame)
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
        needed, lacked = (", ".join(shortened(str(p)) for p in some) for some in (parts, missing))
        rule = f"a vocabulary must have {needed}"
        if path.suffix == ".txt" and any("\t" in token for token in vocabulary):
            rule += ", each alone on its line: `cut -f1` takes away what stands behind a tab"
        raise refusal(path, rule, f"{len(vocabulary)} tokens, without {lacked}")
    unknown, first, last = map(str, parts)
    return unknown, first, last


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
            raise refusal(
                settings.folder,
                "an added token must have the number that the vocabulary gives it",
                f"{shown(number)} for {shown(added.content)}, which has {found}",
            )


def _merges(path: Path) -> list[tuple[str, str]]:
    """All lines but the first, which transformers takes for the version whatever it is."""
    first, *lines = read_text(path).split("\n")
    if not first.startswith("#version"):
        rule = "must begin with #version: transformers leaves the first line out"
        raise refusal(f"{path}:1", rule, shown(first))
    last = lines.pop() if lines else first
    if last:
        rule = "must end with an empty line: transformers leaves the last one out"
        raise refusal(path, rule, shown(last))
    merges = []
    for number, line in enumerate(lines, start=2):
        parts = line.split(" ")
        if len(parts) != 2:
            rule = "a merge must be two tokens with a space between"
            raise refusal(f"{path}:{number}", rule, shown(line))
        merges.append((parts[0], parts[1]))
    return merges


def _check_pad(tokenizer: Tokenizer, settings: Settings, pad_id: int) -> None:
    named = settings.token("pad_token")
    for token in (PAD, "<pad>") if named is None else (named,):
        found = tokenizer.token_to_id(token)
        if found is not None and found != pad_id:
            named = shortened(token)
            rule = f"the tokenizer's {named} must be config.json's pad_token_id, {pad_id}"
            raise refusal(settings.folder, rule, found)


def _check_written(folder: Path, tokenizer: Tokenizer) -> None:
    """Refuse what a saved model could not have: a tokenizer.json that is read as it was written.

    Where no number is left out it is: each added token has the next one.
    """
    vocabulary = tokenizer.get_vocab()
    if sorted(vocabulary.values()) == list(range(len(vocabulary))):
        return
    rule = f"tokenizers must read the {TOKENIZER} that it writes, with the same tokens"
    with refused(folder, rule):
        again = Tokenizer.from_str(tokenizer.to_str())
    if again.get_vocab() != vocabulary:
        raise refusal(folder, rule, "others, as where an added token falls into a vocabulary's gap")


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return listed(names, MOST) or "nothing"
