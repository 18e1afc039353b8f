"""A command changes the tree before it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain.recipes import read_recipe
from tests.core.recipes.vision import test_classification as classification
from tests.core.recipes.vision import test_detection as detection
from tests.core.recipes.vision import test_segmentation as segmentation
from tests.core.recipes.vision import test_text as text
from tests.core.recipes.vision import test_video as video
from tests.vision import said, says

HALF = {"dtype": "float16", "level": "O2"}


def test_flags_of_segmentation(tmp_path: Path) -> None:
    run = (
        "python tools/train.py --config recipe.yml --do_eval --learning_rate 1e-4 --iters 100 "
        "--batch_size=8 --seed 7 --precision fp16 --amp_level O2"
    )
    recipe = said(tmp_path, segmentation.TREE, run)

    assert says(recipe, "lr", "max_steps", "batch_size", "seed", "amp", "amp_if_enabled") == {
        "lr": 1e-4,
        "max_steps": 100,
        "batch_size": 8,
        "seed": 7,
        "amp": {**HALF, "init_loss_scaling": 1024.0},
        "amp_if_enabled": None,
    }
    assert not {hazard.code for hazard in recipe.hazards} & {"text_number_in_yaml"}
    assert recipe["lr"].place is not None
    assert recipe["lr"].place.file == "the command line"


@pytest.mark.parametrize(
    ("tree", "words", "field", "value"),
    [
        (segmentation.TREE, "--opts optimizer.weight_decay=0.1 iters=5", "weight_decay", 0.1),
        (segmentation.TREE, "--opts optimizer.weight_decay=0.1 iters=5", "max_steps", 5),
        (classification.TREE, "-o Global.epochs=3 -o Optimizer.momentum=0.8", "epochs", 3),
        (classification.TREE, "-o Global.epochs=3 -o Optimizer.momentum=0.8", "momentum", 0.8),
        (text.TREE, "-o Optimizer.lr.learning_rate=0.1 Global.use_amp=True", "lr", 0.1),
        (detection.TREE, "-o TrainReader.batch_size=5", "batch_size", 5),
        (video.TREE, "--seed 3", "seed", 3),
    ],
)
def test_words(tmp_path: Path, tree: str, words: str, field: str, value: float) -> None:
    assert (
        said(tmp_path, tree, f"python tools/train.py -c recipe.yml {words}")[field].value == value
    )


def test_switches(tmp_path: Path) -> None:
    detected = said(tmp_path, detection.TREE, "python tools/train.py --amp -c recipe.yml")
    filmed = said(tmp_path, video.TREE, "python main.py -c recipe.yml --amp --amp_level=O2")

    assert detected["amp"].value["level"] == "O1"
    assert filmed["amp"].value == {**HALF, "init_loss_scaling": 65536.0}


def test_overrides_without_a_command(tmp_path: Path) -> None:
    said(tmp_path, segmentation.TREE)
    given = {"iters": 9, "optimizer.momentum": 0.8}
    recipe = read_recipe(tmp_path / "recipe.yml", root=tmp_path, overrides=given)

    assert says(recipe, "max_steps", "momentum") == {"max_steps": 9, "momentum": 0.8}
