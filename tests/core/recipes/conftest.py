"""Recipes of the tests' own, read."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dualtrain.recipes import Recipe, read_recipe

Reading = Callable[..., Recipe]


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    """Writes files, of which the first is the script, and reads the recipe."""

    def read(script: str, files: Mapping[str, str] | None = None, **how: Any) -> Recipe:
        entry = tmp_path / "train.py"
        entry.write_text(textwrap.dedent(script), encoding="utf-8")
        paths = [entry]
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
            if not name.endswith(".py"):
                paths.append(path)
        return read_recipe(paths, root=tmp_path, **how)

    return read
