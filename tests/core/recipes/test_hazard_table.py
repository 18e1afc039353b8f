"""Each hazard: it is in the table, it is found where it is, and not where it is not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dualtrain.recipes
from dualtrain.recipes import HAZARDS, Hazard, Untold, entries, read_recipe
from dualtrain.spec import Spec
from tests.core.recipes.hazard_cases import CASES, TORCH, Case

ROOM = Path(dualtrain.recipes.__file__).parent
SCHEMA = Spec.model_json_schema()


def codes_given(path: Path) -> Iterator[str]:
    """The codes that a file's calls of `Hazard` and `warn` give."""
    for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(one, ast.Call) and one.args:
            name = getattr(one.func, "id", getattr(one.func, "attr", ""))
            if name in ("Hazard", "warn"):
                inner = ast.walk(one.args[0])
                yield from (str(n.value) for n in inner if isinstance(n, ast.Constant))


def test_the_table_has_what_is_given_and_nothing_else() -> None:
    given = {code for path in ROOM.rglob("*.py") for code in codes_given(path)}
    assert given == set(HAZARDS)


def test_each_has_a_case() -> None:
    assert {one.code for one in CASES} == set(HAZARDS)


def _kinds(part: Any) -> Iterator[dict[str, Any]]:
    """The models that a part of the schema can be."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield SCHEMA["$defs"][part["$ref"].rpartition("/")[2]]
        for one in (*part.get("anyOf", ()), *part.get("oneOf", ())):
            yield from _kinds(one)


def is_a_field(path: str) -> bool:
    """Whether a dotted name is one of the spec's."""
    kinds = [SCHEMA]
    for name in path.split("."):
        found = [kind["properties"][name] for kind in kinds if name in kind.get("properties", ())]
        if not found:
            return False
        kinds = [kind for part in found for kind in _kinds(part)]
    return True


def test_what_mends_is_a_field_of_the_spec() -> None:
    assert is_a_field("warmup.counted") and not is_a_field("schedule.counted")
    assert [one.mends for one in HAZARDS.values() if one.mends and not is_a_field(one.mends)] == []


def hazards(text: str, folder: Path, run: str | None = None, source: str = "") -> dict[str, Hazard]:
    """By code."""
    script = folder / ("train.py" if "import " in text else "recipe.yml")
    script.write_text(text, encoding="utf-8")
    (folder / "numbers_of_mine.py").write_text("LR = 3e-5\n", encoding="utf-8")
    (folder / "task.json").write_text('{"lr": 5e-05}\n', encoding="utf-8")
    command = "LR=5e-5\npython train.py --lr $LR\n"
    (folder / "run.sh").write_text(command, encoding="utf-8")
    paths = [script, folder / source] if source else [script]
    recipe = read_recipe(paths, root=folder, run=run)
    return {one.code: one for one in recipe.hazards}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_it_is_found_where_it_is_and_not_where_it_is_not(case: Case, tmp_path: Path) -> None:
    assert case.code not in hazards(case.recipe, tmp_path)
    found = hazards(case.changed, tmp_path, case.run, case.source)[case.code]
    assert found.text
    assert not found.mends or is_a_field(found.mends)


def test_a_length_in_micro_batches_under_a_clock_of_updates_is_asked_for(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    for length, asked in (("total", {"horizon"}), ("total // args.accumulate", set())):
        script.write_text(TORCH.replace("100, total", f"100, {length}"), encoding="utf-8")
        recipe = read_recipe(script, root=tmp_path)
        told = {one.path[0] for one in entries(recipe) if isinstance(one, Untold)}
        assert told == asked


def test_a_limit_that_limits_nothing_shapes_nothing(tmp_path: Path) -> None:
    case = next(one for one in CASES if one.code == "max_steps_not_a_stop")
    assert case.code in hazards(case.changed, tmp_path)
    for none in ("-1", "0"):
        unlimited = case.changed.replace("default=500", f"default={none}")
        assert case.code not in hazards(unlimited, tmp_path)
