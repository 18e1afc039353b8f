"""tokenizer_config.json of a saved model: transformers reads tokenizer.json as it stands by it.

Its class is `PreTrainedTokenizerFast`, which changes nothing in tokenizer.json but the prefix
space, and which is what AutoTokenizer gives with `use_fast=False` too: transformers' slow classes
do not say the same (`BertTokenizer` composes accents that a cased model was trained on apart).
`init_class` is what paddlenlp's AutoTokenizer looks for first. The switches are those of the
pipeline, for who opens the folder with a class by name: its defaults would be others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dualtrain.tasks.encoders.checkpoint._tokenizer_fields import FLAGS, NORMALIZER
from dualtrain.tasks.encoders.saved._tokenizer_files import INIT_CLASS, slow_class

__all__ = ["tokenizer_config"]

_SWITCHES = {
    **{name: setting for name, (setting, _) in NORMALIZER.items()},
    "add_prefix_space": "add_prefix_space",
}
"""Name in tokenizer.json -> in tokenizer_config.json."""


def tokenizer_config(
    tokenizer: str,
    *,
    special: Mapping[str, str],
    additional: Sequence[str] = (),
    max_length: int,
) -> str:
    """What tokenizer_config.json holds.

    tokenizer: what tokenizer.json holds. special: attribute (`cls_token`) -> token.
    additional: further special tokens. max_length: the longest input that the model was trained on.
    """
    pipeline = json.loads(tokenizer)
    parts: dict[str, Any] = {}
    for part in ("normalizer", "pre_tokenizer"):
        parts |= pipeline[part] or {}
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_length,
        "padding_side": "right",
        "truncation_side": "right",
        **{name: parts[key] for key, name in _SWITCHES.items() if key in parts},
        **special,
        **({"additional_special_tokens": list(additional)} if additional else {}),
        "added_tokens_decoder": {
            str(token["id"]): {name: token[name] for name in ("content", *FLAGS)}
            for token in sorted(pipeline["added_tokens"], key=lambda token: token["id"])
        },
    }
    slow = slow_class(pipeline, settings)
    if slow is not None:
        settings[INIT_CLASS] = slow
    return json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
