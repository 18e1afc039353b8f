"""Settings of the whole suite."""

from __future__ import annotations

import pytest
from hypothesis import settings

# A loaded machine must not fail a test that is right: none here is about time.
settings.register_profile("dualtrain", deadline=None, derandomize=True)
settings.load_profile("dualtrain")


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test sees the same terminal: 80 columns, no colour."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
