"""What ran on a device, as JSON: `docs/make_gpu_table.py` makes a table of it."""

from __future__ import annotations

import ast
import json
import platform
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from dualtrain.backend import installed

__all__ = ["Report"]


class Report:
    """A plugin that counts the tests of each part and the seconds that they take.

    A part is a file of this folder, called by the first line of its docstring, and the whole of
    another folder. device: what the device is called. file: where the JSON goes, when all have run.
    """

    def __init__(self, device: str, file: Path, root: Path) -> None:
        self._device, self._file, self._root = device, file, root
        self._parts: dict[str, dict[str, Any]] = {}
        self._begun = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one phase of a test: a set-up that fails is a failure, too."""
        part = self._part(report.nodeid)
        part["seconds"] += report.duration
        if report.failed:
            part["failed"].append(report.nodeid)
        elif report.skipped:
            part["not run"] += 1
        elif report.when == "call":
            part["passed"] += 1
        if report.when == "teardown":
            part["measured"] |= {name: str(value) for name, value in report.user_properties}

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        told = {
            "device": self._device,
            "versions": _versions(),
            "seconds": round(time.monotonic() - self._begun, 1),
            "parts": list(self._parts.values()),
        }
        self._file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")

    def _part(self, nodeid: str) -> dict[str, Any]:
        path = Path(nodeid.partition("::")[0])
        own = path.parent.name == "gpu"
        where = path if own else path.parent
        title = _first_line(self._root / path) if own else f"the {path.parent.name} suite"
        fresh = {"where": where.as_posix(), "title": title, "measured": {}}
        return self._parts.setdefault(
            where.as_posix(), fresh | {"passed": 0, "failed": [], "not run": 0, "seconds": 0.0}
        )


def _first_line(path: Path) -> str:
    """Of a file's docstring, without its full stop."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or path.stem
    return said.partition("\n")[0].rstrip(".")


def _versions() -> dict[str, str]:
    """What the numbers may depend on; CUDA and cuDNN only where torch is built with them."""
    found = {"python": platform.python_version(), "torch": str(torch.__version__)}
    if torch.version.cuda is not None:
        found |= {"CUDA": torch.version.cuda, "cuDNN": str(torch.backends.cudnn.version())}
    return found | installed("transformers", "numpy")
