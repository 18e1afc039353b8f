"""Which release a repository names, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain.recipes import release_of

NAMED = {
    "requirements.txt": ("torch\ntransformers==4.2.1\n", ("4.2.1", "stated", 2)),
    "requirements-dev.txt": ("transformers[torch]>=4.28.1  # newer\n", ("4.28.1", "implied", 1)),
    "setup.py": ("setup(\n  install_requires=['transformers ~= 4.5'])\n", ("4.5", "implied", 2)),
    "pyproject.toml": ('[tool.poetry]\ntransformers = "^4.6.0"\n', ("4.6.0", "implied", 2)),
    "environment.yml": ("dependencies:\n  - transformers=4.18.0\n", ("4.18.0", "stated", 2)),
    "README.md": ("# A\n- Transformers >= 4.1\n", ("4.1", "implied", 2)),
    "transformers/__init__.py": ('__version__ = "4.9.0.dev0"\n', ("4.9.0.dev0", "stated", 1)),
}


@pytest.mark.parametrize(("name", "case"), NAMED.items(), ids=NAMED)
def test_releases_are_found(
    name: str, case: tuple[str, tuple[str, str, int]], tmp_path: Path
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(case[0], encoding="utf-8")
    found = release_of(tmp_path, "transformers")

    assert found.place is not None
    assert (found.value, found.certainty, found.place.line) == case[1]
    assert found.place.file == name


@pytest.mark.parametrize(
    "text",
    ["", "transformers\n", "my-transformers==1.0\n", "transformers-cli==1.0\n", "torch==2.0"],
)
def test_a_repository_may_name_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(text, encoding="utf-8")

    assert release_of(tmp_path, "transformers").certainty == "absent"


def test_the_nearest_file_decides(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "requirements.txt").write_text("paddlenlp==2.3.0\n", encoding="utf-8")
    (tmp_path / "a/requirements.txt").write_text("paddlenlp==2.5.0\n", encoding="utf-8")

    assert release_of(tmp_path, "paddlenlp", "a/b").value == "2.5.0"
    assert release_of(tmp_path, "paddlenlp").value == "2.3.0"


def test_a_pin_beats_a_bound(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("pip install paddlenlp==2.4.1", encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("paddlenlp>=2.3\n", encoding="utf-8")

    assert release_of(tmp_path, "paddlenlp").value == "2.4.1"
