"""The recipes in `examples/recipes` train alike in both frameworks, on models of the zoo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import zoo
from dualtrain.spec import load_spec

RECIPES = Path(__file__).parents[2] / "examples" / "recipes"

SHORT: dict[str, dict[str, Any]] = {
    "bert_lamb": {"batch": {"accumulate": 4, "tail": "drop"}, "duration": {"updates": 20}},
    "text_recognition": {"duration": {"epochs": 100}},
    "detector": {
        "warmup": {"steps": 20, "start": 0.001},
        "horizon": 120,
        "duration": {"updates": 100},
    },
}
"""What is changed so that a recipe is done in a hundred updates; the others are, as they are."""


@pytest.mark.parametrize(
    ("recipe", "model", "batches"),
    [
        ("ernie_fine_tuning", "ernie", 7),
        ("llama_sft", "llama", 18),
        ("bert_lamb", "bert", 18),
        ("resnet", "cnn", 1),
        ("text_recognition", "cnn", 1),
        ("cyclegan", "cnn", 1),
        ("detector", "cnn", 8),
        ("cifar_one_cycle", "cnn", 4),
    ],
)
def test_a_recipe_trains_alike(recipe: str, model: str, batches: int, tmp_path: Path) -> None:
    """In float32, since Paddle has no AMP on the CPU."""
    fields = load_spec(RECIPES / f"{recipe}.yaml").model_dump(mode="json", exclude={"seed"})
    here = {"device": "cpu", "amp": None}
    fields["batch"]["micro_batches_per_epoch"] = batches

    comparison = zoo.train(
        model, tmp_path, batches=batches, **fields | here | SHORT.get(recipe, {})
    )

    assert comparison.first is None, comparison.first
