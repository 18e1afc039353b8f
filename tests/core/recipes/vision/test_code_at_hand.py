"""The rules of a family are held against the repository's own code where that lies there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.recipes.vision.test_classification import TREE, rates
from tests.vision import codes, said

RATES = rates("name: Piecewise, learning_rate: 0.1, decay_epochs: [20], values: [0.1, 0.02]")
MULTISTEP = rates("name: MultiStepDecay, learning_rate: 0.1, milestones: [20]")
BOTH = "decay_epochs = list(range(0, epochs, 30))\nn = (epochs - self.warmup_epoch) * steps\n"


def test_code_that_does_so_changes_nothing(tmp_path: Path) -> None:
    recipe = said(tmp_path, RATES, ppcls__optimizer__learning_rate=BOTH)

    assert {found.certainty for found in recipe.fields.values()} == {"stated", "implied"}
    assert codes(recipe) == {"decoy_values"}


def test_code_that_does_otherwise_leaves_its_fields_unknown(tmp_path: Path) -> None:
    recipe = said(tmp_path, RATES, ppcls__optimizer__learning_rate="class Piecewise: ...\n")
    unknown = {name for name, found in recipe.fields.items() if found.certainty == "unknown"}

    assert unknown == {"milestones", "values", "length"}
    assert "ppcls/optimizer/learning_rate.py" in recipe["values"].why
    assert recipe["values"].value is None
    assert codes(recipe) == set()
    assert recipe["lr"].certainty == "stated"


def test_a_value_that_a_key_states_stays(tmp_path: Path) -> None:
    recipe = said(tmp_path, MULTISTEP, ppcls__optimizer__learning_rate="class Other: ...\n")

    assert recipe["milestones"].certainty == "stated"


@pytest.mark.parametrize(
    ("word", "certainty"), [("level: O1", "unknown"), ("use_amp: True", "stated")]
)
def test_a_default_that_the_code_does_not_have(tmp_path: Path, word: str, certainty: str) -> None:
    recipe = said(
        tmp_path,
        TREE + f"AMP: {{{word}}}\n",
        ppcls__engine__engine="update_freq = config.get('AMP', {}).get('use_amp', False)\n",
    )

    assert recipe["amp"].certainty == certainty
    assert recipe["scheduler_step"].certainty == "implied"


def test_a_repository_with_other_code_is_known_only_by_its_keys(tmp_path: Path) -> None:
    words = "FP16: {level: O1}\nclip_grad: 5\n"
    tree = TREE.replace("Cosine", "Own").replace("epochs:", "accum_steps: 2, epochs:") + words
    recipe = said(tmp_path, tree, tools__train="from own.engine import Engine\n")
    stated = {one for one, found in recipe.fields.items() if found.certainty == "stated"}

    assert {"epochs", "batch_size", "optimizer"} <= stated
    for name in (
        "schedule",
        "end_lr",
        "length",
        "scheduler_step",
        "clip",
        "freeze",
        "accumulate",
        "amp",
    ):
        assert recipe[name].certainty == "unknown", name
        assert "tools/train.py does not train with PaddleClas" in recipe[name].why


def test_the_familys_own_script_is_no_other_code(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE, tools__train="from ppcls.engine.engine import Engine\n")

    assert {found.certainty for found in recipe.fields.values()} <= {"stated", "implied"}
