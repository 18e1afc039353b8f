"""Random folders: the ids of transformers' AutoTokenizer, or a refusal."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import transformers
from tokenizers import Tokenizer

from dualtrain.errors import CheckpointError
from dualtrain.tasks.encoders.tokenizer import load_tokenizer, read_settings
from tests.tokenizer_folders import TEXTS, byte_pairs, random_folder, wordpieces

FOLDERS = 120
SEED = 7
LONGEST = 7


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of each family, saved by transformers."""
    root = tmp_path_factory.mktemp("saved")
    for family in ("bert", "roberta"):
        source = root / f"{family}-source"
        source.mkdir()
        if family == "bert":
            wordpieces(source, {"tokenizer_config.json": {"do_lower_case": True}})
        else:
            byte_pairs(source, {"add_prefix_space": True})
        transformers.AutoTokenizer.from_pretrained(source).save_pretrained(root / family)
    return root


def as_transformers(folder: Path) -> tuple[dict[str, Any], int | None]:
    """What a model of transformers would get, of whole texts and of cut ones; and the pad token."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    whole, cut = tokenizer(TEXTS), tokenizer(TEXTS, truncation=True, max_length=LONGEST)
    found = {"ids": whole["input_ids"], "cut": cut["input_ids"]}
    types = whole.get("token_type_ids", [[0]])
    masks = whole.get("attention_mask", [[0]])  # without one, padding is attended to
    found["types"], found["masks"] = any(map(any, types)), all(map(all, masks))
    found["sides"] = (tokenizer.padding_side, tokenizer.truncation_side)
    return found, tokenizer.pad_token_id


def as_dualtrain(folder: Path, pad_id: int) -> dict[str, Any]:
    tokenizer = load_tokenizer(read_settings(folder), pad_id=pad_id, vocab_size=1000)
    found = {"ids": [e.ids for e in tokenizer.encode_batch(TEXTS)]}
    again = Tokenizer.from_str(tokenizer.to_str())  # as it is saved
    again.enable_truncation(LONGEST)
    found["cut"] = [e.ids for e in again.encode_batch(TEXTS)]
    return found | {"types": False, "masks": True, "sides": ("right", "right")}


def outcome(folder: Path) -> str:
    """`equal` or `refused`; `differs` where the two do, `alone` where dualtrain alone reads it."""
    try:
        expected, pad = as_transformers(folder)
    except Exception:  # transformers raises what it happens to meet
        expected, pad = {}, None
    try:
        found = as_dualtrain(folder, 0 if pad is None else pad)
    except CheckpointError:
        return "refused"
    if not expected:
        return "alone"
    return "equal" if found == expected else "differs"


def test_the_same_ids_or_a_refusal(tmp_path: Path, saved: Path) -> None:
    """`random_folder` with `random.Random(SEED + i)` gives folder i once more."""
    outcomes: dict[int, str] = {}
    for i in range(FOLDERS):
        folder = tmp_path / str(i)
        folder.mkdir()
        random_folder(folder, random.Random(SEED + i), saved)
        outcomes[i] = outcome(folder)

    counts = Counter(outcomes.values())
    wrong = {i: found for i, found in outcomes.items() if found in ("differs", "alone")}
    assert wrong == {}
    assert counts["equal"] > FOLDERS / 4
    assert counts["refused"] > FOLDERS / 10
