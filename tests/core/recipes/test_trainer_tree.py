"""A configuration alone that is a Trainer's arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain.recipes import RecipeError, read_recipe

YAML = """stage: SFT
fine_tuning: lora
learning_rate: 1.0e-4
gradient_accumulation_steps: 4
warmup_ratio: 0.05
lr_scheduler_type: cosine
bf16: true
seed: 23
"""


def test_arguments_in_yaml_of_the_library_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("paddleformers==1.2.0\n", encoding="utf-8")
    (tmp_path / "sft.yaml").write_text(YAML, encoding="utf-8")
    found = read_recipe(tmp_path / "sft.yaml", root=tmp_path)

    assert (found["lr"].value, str(found["lr"].place)) == (1e-4, "sft.yaml:3")
    assert (found["warmup"].value, found["warmup_unit"].value) == (0.05, "fraction")
    assert (found["epochs"].value, found["epochs"].how) == (
        1.0, "library default of paddleformers 1.2.0",
    )  # fmt: skip
    assert (found["num_cycles"].value, found["seed"].value) == (0.5, 23)
    assert found["freeze"].value == ["all but lora"]
    assert (found.framework, [one.code for one in found.hazards]) == (
        "paddle", ["accum_tail_leaks"],
    )  # fmt: skip


def test_without_a_library_only_what_all_agree_in_is_known(tmp_path: Path) -> None:
    (tmp_path / "sft.json").write_text(
        '{"learning_rate": 1e-4, "warmup_steps": 9, "fp16": false}', encoding="utf-8"
    )
    found = read_recipe(tmp_path / "sft.json", root=tmp_path)

    assert (found["lr"].value, found["warmup"].value, found["seed"].value) == (1e-4, 9, 42)
    assert {found[name].certainty for name in ("epochs", "decay_exclude")} == {"unknown"}
    assert found.framework == ""
    assert found.notes[0].startswith("read as the arguments of a Trainer of transformers or ")


def test_a_configuration_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("learning_rate: 1.0e-4\nname: x\n", encoding="utf-8")

    with pytest.raises(RecipeError, match="a configuration of no repository that is known"):
        read_recipe(tmp_path / "a.yaml", root=tmp_path)
