"""A checkpoint's tokenizer: tokenizer.json, else vocab.txt, else vocab.json with merges.txt.

The second is BERT's WordPiece, the third RoBERTa's byte-level BPE; both become what transformers
makes of them. tokenizer_config.json is read for the settings that the vocabularies do not hold.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing

from dualtrain.data._refusal import shown
from dualtrain.data._wordpiece import PAD, SPECIAL_TOKENS, wordpiece
from dualtrain.errors import CheckpointError

__all__ = ["load_tokenizer"]

ROBERTA_SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def load_tokenizer(folder: Path, *, pad_id: int) -> Tokenizer:
    """The tokenizer in `folder`, without truncation and padding.

    pad_id: the model's, from config.json; the tokenizer's own must be the same.

    Raises `CheckpointError` when there is none, or when it does not fit.
    """
    if (folder / "tokenizer.json").is_file():
        tokenizer = _from_tokenizer_json(folder / "tokenizer.json")
    elif (folder / "vocab.txt").is_file():
        tokenizer = _from_vocab_txt(folder)
    elif (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        tokenizer = _from_merges(folder)
    else:
        raise CheckpointError(
            f"{folder}: a checkpoint must have tokenizer.json, or vocab.txt, or vocab.json with "
            f"merges.txt. Received: {_listing(folder)}"
        )
    _check_pad(tokenizer, pad_id, folder)
    return tokenizer


def _from_tokenizer_json(path: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_str(_text(path))
    except CheckpointError:
        raise
    except Exception as error:  # tokenizers raises no class of its own
        raise CheckpointError(
            f"{path}: must be a tokenizer of the tokenizers library. Received: {error}"
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if not tokenizer.encode("").ids:
        raise CheckpointError(
            f"{path}: the tokenizer must put a special token before each text, from which the "
            f"model classifies it. Received: post_processor {shown(tokenizer.post_processor)}"
        )
    return tokenizer


def _from_vocab_txt(folder: Path) -> Tokenizer:
    path = folder / "vocab.txt"
    vocabulary = {token: i for i, token in enumerate(_text(path).rstrip("\n").split("\n"))}
    _check_tokens(vocabulary, SPECIAL_TOKENS[1:4], path)
    return wordpiece(
        vocabulary,
        lowercase=_setting(folder, "do_lower_case", True),
        split_cjk=_setting(folder, "tokenize_chinese_chars", True),
        strip_accents=_setting(folder, "strip_accents", None),
    )


def _from_merges(folder: Path) -> Tokenizer:
    path = folder / "vocab.json"
    vocabulary = _object(path)
    _check_tokens(vocabulary, ROBERTA_SPECIAL_TOKENS[:3], path)
    prefix_space = _setting(folder, "add_prefix_space", False)
    merges = _merges(folder / "merges.txt")
    try:
        tokenizer = Tokenizer(BPE(vocabulary, merges))
    except Exception as error:  # tokenizers raises no class of its own
        raise CheckpointError(
            f"{folder}: vocab.json and merges.txt must fit together. Received: {error}"
        ) from None
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=prefix_space)
    # Not RobertaProcessing: tokenizers 0.23 changed how it is made.
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>",
        special_tokens=[(token, vocabulary[token]) for token in ("<s>", "</s>")],
    )
    tokenizer.decoder = ByteLevelDecoder()
    tokenizer.add_special_tokens(
        [AddedToken(t, lstrip=t == "<mask>", normalized=False) for t in ROBERTA_SPECIAL_TOKENS]
    )
    return tokenizer


def _merges(path: Path) -> list[tuple[str, str]]:
    merges = []
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line or line.startswith("#version"):
            continue
        parts = line.split(" ")
        if len(parts) != 2:
            raise CheckpointError(
                f"{path}:{number}: a merge must be two tokens with a space between. "
                f"Received: {shown(line)}"
            )
        merges.append((parts[0], parts[1]))
    return merges


def _setting(folder: Path, name: str, default: Any) -> Any:
    """A switch of tokenizer_config.json: true, false, or `default` where it is absent or null."""
    path = folder / "tokenizer_config.json"
    value = _object(path).get(name) if path.is_file() else None
    if value is None:
        return default
    if not isinstance(value, bool):
        raise CheckpointError(f"{path}: {name}: must be true or false. Received: {shown(value)}")
    return value


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_text(path))
    except ValueError as error:
        raise CheckpointError(f"{path}: must be valid JSON. Received: {error}") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: must be a JSON object. Received: {shown(value)}")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: must be in UTF-8. Received: {error}") from None


def _check_tokens(vocabulary: dict[str, int], needed: tuple[str, ...], path: Path) -> None:
    missing = [token for token in needed if token not in vocabulary]
    if missing:
        raise CheckpointError(
            f"{path}: a vocabulary must have {', '.join(needed)}. "
            f"Received: {len(vocabulary)} tokens, without {', '.join(missing)}"
        )


def _check_pad(tokenizer: Tokenizer, pad_id: int, folder: Path) -> None:
    for token in (PAD, "<pad>"):
        found = tokenizer.token_to_id(token)
        if found is not None and found != pad_id:
            raise CheckpointError(
                f"{folder}: the tokenizer's {token} must be config.json's pad_token_id, {pad_id}. "
                f"Received: {found}"
            )


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return ", ".join(names) or "nothing"
