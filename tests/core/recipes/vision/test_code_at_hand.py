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
