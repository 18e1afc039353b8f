"""Importing dualtrain imports no framework and nothing heavy, prints nothing and writes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.modules import FRAMEWORKS, modules_after

HEAVY = {"matplotlib", "numpy", "pydantic", "rich", "tokenizers", "typer", "yaml"}


@pytest.mark.parametrize(
    "module",
    [
        "dualtrain",
        "dualtrain.cli",
        "dualtrain.ledger",
        "dualtrain.native.schedules",
        "dualtrain.parity",
        "dualtrain.plan",
        "dualtrain.report",
        "dualtrain.schedules",
        "dualtrain.spec",
        "dualtrain.trace",
    ],
)
def test_importing_imports_no_framework(module: str) -> None:
    assert set() == modules_after(f"import {module}") & FRAMEWORKS


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert set() == modules_after("import dualtrain") & HEAVY


@pytest.mark.parametrize("framework", sorted(FRAMEWORKS))
def test_the_check_can_fail(framework: str, tmp_path: Path) -> None:
    """A package that imports a framework is caught; the framework here is an empty stand-in."""
    (tmp_path / f"{framework}.py").touch()
    (tmp_path / "offender.py").write_text(f"import {framework}")
    assert {framework} == modules_after("import offender", path=tmp_path) & FRAMEWORKS


def test_importing_prints_nothing_and_writes_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import dualtrain"],
        capture_output=True,
        cwd=tmp_path,
        check=True,
        env={"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.stdout, done.stderr, list(tmp_path.iterdir())) == (b"", b"", [])
