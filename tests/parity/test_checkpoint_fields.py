"""Every field that the libraries' own configuration classes know has the right verdict."""

from __future__ import annotations

import inspect
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
import torch
import transformers
from transformers.activations import ACT2FN
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from dualtrain.tasks.encoders._config import ACTIVATIONS
from dualtrain.tasks.encoders.checkpoint._fields import (
    BOTH_HAVE,
    IGNORED,
    MODEL_TYPE,
    REQUIREMENTS,
    VERDICTS,
)
from dualtrain_paddle._compat import native_models
from tests.pairs import TORCH, make_batch, make_config

CLASSES = [
    *(
        pytest.param(library, f"{family}Config", id=f"{name} {family}")
        for name, library in (("transformers", lambda: transformers), ("paddlenlp", native_models))
        for family in ("Bert", "Ernie", "Roberta")
    ),
]


def fields_of(configuration: Any) -> set[str]:
    """What the class takes, has, writes, and knows under another name."""
    taken = {
        name
        for base in configuration.__mro__
        if "__init__" in vars(base)
        for name, parameter in inspect.signature(base.__init__).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    made = configuration()
    names = {*taken, *vars(made), *made.to_dict(), *getattr(configuration, "attribute_map", {})}
    private = {"_attn_implementation_internal", "_output_attentions", "_unsavable_keys"}
    return names - {"self"} - private


@pytest.mark.parametrize(("library", "name"), CLASSES)
def test_every_field_has_a_verdict(library: Any, name: str) -> None:
    found = fields_of(getattr(library(), name))

    assert len(found) > 60
    assert sorted(found - VERDICTS.keys()) == []


def test_a_field_without_verdict_is_found() -> None:
    class Newer(transformers.BertConfig):
        def __init__(self, own_field: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.other_field = own_field

    assert fields_of(Newer) - VERDICTS.keys() == {"own_field", "other_field"}


OTHER_VALUES: dict[str, Any] = {
    "attn_implementation": "sdpa",
    "_attn_implementation": "sdpa",
    "bad_words_ids": [[3]],
    "begin_suppress_tokens": [3],
    "chunk_size_feed_forward": 1,
    "exponential_decay_length_penalty": [3, 1.5],
    "suppress_tokens": [3],
    "task_specific_params": {"a": {}},
    "transformers_version": "4.0.0",
    "return_dict": False,
    "tie_word_embeddings": False,
    "use_cache": False,
    "gradient_checkpointing": False,  # true is deprecated there, and for training alone
    **dict.fromkeys(("_commit_hash", "_name_or_path", "name_or_path", "finetuning_task"), "x"),
    **dict.fromkeys(
        ("output_attentions", "output_hidden_states", "torchscript", "do_sample"), True
    ),
}
"""Of an ignored field; for the others 7."""


@pytest.mark.parametrize("field", sorted(IGNORED))
def test_no_ignored_field_changes_the_logits(tmp_path: Path, field: str) -> None:
    """Of transformers' own model, opened from a folder with another value in config.json."""
    config = make_config("bert")
    model = TORCH.models.build_model(config)
    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    value = OTHER_VALUES.get(field, 7)
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {field: value}), "utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = transformers.BertForSequenceClassification.from_pretrained(
            tmp_path, attn_implementation="eager"
        )
    batch = make_batch(config)
    expected = TORCH.run(model, batch)

    np.testing.assert_allclose(TORCH.run(other, batch), expected, rtol=0, atol=1e-6)


def test_the_activations_are_those_that_agree() -> None:
    """transformers' by name, of one tensor, beside Paddle's function of that name.

    paddlenlp adds two of them to Paddle's functions when it is imported, as every model does.
    """
    native_models()
    x = np.concatenate([np.linspace(-9, 9, 181), [-1e4, 0.0, 1e4]]).astype(np.float32)
    agreeing = set()
    for name in ACT2FN:
        try:
            ours = getattr(F, name)(paddle.to_tensor(x)).numpy()
        except (AttributeError, TypeError):  # absent, or of more than one tensor
            continue
        theirs = ACT2FN[name](torch.from_numpy(x)).numpy()
        if np.allclose(ours, theirs, rtol=1e-6, atol=3e-6):
            agreeing.add(name)

    assert agreeing == set(ACTIVATIONS)


def test_the_families_that_both_libraries_have_are_known() -> None:
    """All that classify texts in both are built, or refused by name."""
    native = native_models()
    theirs = {
        getattr(getattr(native, name).config_class, "model_type", None)
        for name in dir(native)
        if name.endswith("ForSequenceClassification") and not name.startswith("Auto")
    }
    both = theirs & MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES.keys()

    assert {family for family in both if not MODEL_TYPE.holds(family)} == set(BOTH_HAVE)


def test_paddle_s_norm_takes_no_larger_epsilon() -> None:
    rule = REQUIREMENTS["layer_norm_eps"]
    x = paddle.to_tensor([[1.0, 2.0, 4.0]])
    for epsilon in (1e-300, 1e-12, 1e-3):
        assert rule.holds(epsilon)
        assert np.isfinite(F.layer_norm(x, [3], epsilon=epsilon).numpy()).all()
    for epsilon in (1.01e-3, 0.5):
        assert not rule.holds(epsilon)
        with pytest.raises(ValueError, match="epsilon"):
            F.layer_norm(x, [3], epsilon=epsilon)
