"""A text that holds the padding token itself: the stored row is read, and gets no gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from dualtrain.backend import Backend, load_backend, logits_of
from dualtrain.tasks.encoders._initial import initial_weights
from dualtrain.tasks.encoders._prepared import TextSplit, collate
from dualtrain.tasks.encoders._words import Family
from dualtrain.tasks.encoders.tokenizer import load_tokenizer, read_settings
from tests.pairs import FAMILIES, SIDES, make_batch, make_config
from tests.tokenizer_folders import byte_pairs, wordpieces

TOLERANCE = 1e-6
"""Of logits around 0.5, as in test_models."""

Arrays = dict[str, NDArray[np.float32]]


def rows_of_padding(family: Family, pad_id: int) -> dict[str, int]:
    """The embeddings that have a row for the padding, by what transformers gives `padding_idx`."""
    names = ["word"] if family != "roberta" else ["word", "position"]
    return {f"{family}.embeddings.{name}_embeddings.weight": pad_id for name in names}


def start(family: Family, *, row: float = 1.0) -> tuple[Any, Arrays, dict[str, Any]]:
    """A configuration, weights whose padding rows hold `row`, and a batch with padding tokens."""
    config = make_config(family, dropout=0.0, attention_dropout=0.0, classifier_dropout=0.0)
    verbs = load_backend("torch")
    parameters = verbs.parameters(verbs.build_model(config))
    weights = initial_weights(parameters, config, seed=5, checkpoint=None)
    for name, number in rows_of_padding(family, config.pad_id).items():
        weights[name][number] = row * np.linspace(-1, 1, config.hidden_size, dtype=np.float32)
    batch = make_batch(config)
    batch["input_ids"][:, 1:3] = config.pad_id  # attended to: a text that has it
    return config, weights, batch


def build(verbs: Backend, config: Any, weights: Arrays) -> Any:
    model = verbs.build_model(config)
    verbs.load_weights(model, weights)
    return model


def gradients(verbs: Backend, model: Any, batch: dict[str, Any]) -> Arrays:
    """Of the sum of the cross-entropy with class 0, by canonical name."""
    device = verbs.open_device("cpu")
    labels = np.zeros(len(batch["input_ids"]), np.int64)
    inputs = verbs.to_device(batch | {"labels": labels}, device)
    verbs.cross_entropy_sum(logits_of(model, inputs), inputs["labels"]).backward()
    module = __import__(f"dualtrain_{verbs.NAME}.tensors", fromlist=["named_tensors"])
    return {
        f.name: f.to_canonical(verbs.to_numpy(f.tensor.grad))
        for f in module.named_tensors(model)
        if f.tensor.grad is not None
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_the_stored_row_is_read_in_both(family: Family) -> None:
    """The logits are those of transformers, and another row gives others."""
    logits = {}
    for row in (0.0, 1.0):
        config, weights, batch = start(family, row=row)
        for side in SIDES:
            model = side.models.build_model(config)
            side.weights.load_weights(model, weights)
            logits[row, side] = side.run(model, batch)
        ours, theirs = (logits[row, side] for side in SIDES)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)

    for side in SIDES:
        assert np.abs(logits[0.0, side] - logits[1.0, side]).max() > 100 * TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_no_gradient_reaches_it(family: Family) -> None:
    """And every other gradient is the same in both."""
    config, weights, batch = start(family)
    found = {}
    for name in ("torch", "paddle"):
        verbs = load_backend(name)
        found[name] = gradients(verbs, build(verbs, config, weights), batch)

    assert found["torch"].keys() == found["paddle"].keys()
    for name, expected in found["torch"].items():
        np.testing.assert_allclose(found["paddle"][name], expected, rtol=0, atol=1e-5, err_msg=name)
    for name, row in rows_of_padding(family, config.pad_id).items():
        assert not found["torch"][name][row].any()
        assert not found["paddle"][name][row].any()
        assert found["paddle"][name].any()


@pytest.mark.parametrize("family", FAMILIES)
def test_without_padding_idx_it_would_have_one(family: Family) -> None:
    """The check above must object: torch's own row moves where nothing holds it."""
    config, weights, batch = start(family)
    verbs = load_backend("torch")
    model = build(verbs, config, weights)
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding):
            module.padding_idx = None
    found = gradients(verbs, model, batch)

    for name, row in rows_of_padding(family, config.pad_id).items():
        assert found[name][row].any()


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_beside_it_changes_nothing(family: Family) -> None:
    """A text that has the token is attended to whole, and the padding after it is not."""
    config, weights, batch = start(family)
    for side in SIDES:
        model = side.models.build_model(config)
        side.weights.load_weights(model, weights)
        together = side.run(model, batch)
        for row, mask in enumerate(batch["attention_mask"]):
            alone = {name: values[row : row + 1, : mask.sum()] for name, values in batch.items()}
            np.testing.assert_allclose(
                side.run(model, alone)[0], together[row], rtol=0, atol=TOLERANCE
            )
    assert (batch["input_ids"] == config.pad_id)[batch["attention_mask"] == 1].any()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_that_has_it_is_batched_as_transformers_does(family: Family, tmp_path: Path) -> None:
    """The mask is 1 where the text itself has the token."""
    folder = byte_pairs(tmp_path, {}) if family == "roberta" else wordpieces(tmp_path, {})
    native = transformers.AutoTokenizer.from_pretrained(folder)
    pad = native.pad_token
    texts = [f"{pad} bad {pad}", "the book", f"a {pad}{pad} b {pad}"]
    tokenizer = load_tokenizer(
        read_settings(folder), pad_id=native.pad_token_id, vocab_size=native.vocab_size
    )
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    split = TextSplit(
        ids=np.concatenate(ids).astype(np.int32),
        types=np.zeros(sum(map(len, ids)), np.int8),
        offsets=np.cumsum([0, *map(len, ids)], dtype=np.int64),
        labels=np.zeros(len(texts), np.int64),
    )
    batch = collate(split, np.arange(len(texts)), native.pad_token_id)
    expected = native(texts, padding=True, return_tensors="np")

    np.testing.assert_array_equal(batch["input_ids"], expected["input_ids"])
    np.testing.assert_array_equal(batch["attention_mask"], expected["attention_mask"])
    assert (batch["input_ids"] == native.pad_token_id)[batch["attention_mask"] == 1].sum() == 5
