"""Each hazard: it is in the table, it is found where it is, and not where it is not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import dualtrain.recipes
from dualtrain.recipes import HAZARDS, Hazard, read_recipe
from tests.core.recipes.hazard_cases import CASES, Case

ROOM = Path(dualtrain.recipes.__file__).parent


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


def hazards(text: str, folder: Path, run: str | None = None) -> dict[str, Hazard]:
    """By code."""
    script = folder / ("train.py" if "import " in text else "recipe.yml")
    script.write_text(text, encoding="utf-8")
    (folder / "numbers_of_mine.py").write_text("LR = 3e-5\n", encoding="utf-8")
    recipe = read_recipe(script, root=folder, run=run)
    return {one.code: one for one in recipe.hazards}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_it_is_found_where_it_is_and_not_where_it_is_not(case: Case, tmp_path: Path) -> None:
    assert case.code not in hazards(case.recipe, tmp_path)
    assert case.code in hazards(case.changed, tmp_path, case.run)
