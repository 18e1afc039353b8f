"""What the tests of both frameworks share."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.warm import interpreter


@pytest.fixture(scope="session")
def warm_python() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dt-") as folder, interpreter(Path(folder)) as python:
        yield python


@pytest.fixture
def warm(warm_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes that a test starts as this interpreter have imported both frameworks."""
    monkeypatch.setattr(sys, "executable", str(warm_python))
