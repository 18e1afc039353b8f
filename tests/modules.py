"""Which modules a piece of code imports, seen in a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["FRAMEWORKS", "modules_after"]

FRAMEWORKS = {"paddle", "paddlenlp", "torch", "transformers"}


def modules_after(code: str, *, path: Path | None = None) -> set[str]:
    """Top-level modules in sys.modules after `code`; `path` is searched first."""
    report = "import sys as _; print('modules:', *{m.partition('.')[0] for m in _.modules})"
    environment = {**os.environ, "PYTHONPATH": str(path or "")}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return set(done.stdout.rpartition("modules:")[2].split())
