"""A Python interpreter that begins with both frameworks imported, which elsewhere takes seconds.

`interpreter(folder)` gives one, for tests of what a process does. `_ask.py` is the program that is
started in the place of Python; it has its words done by `__main__.py`, a process that has imported
all and forks. The words run where, with what and into what the program was started, and its signals
reach them. Not for tests of how a process starts: what is imported, what signals it begins with.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["interpreter"]


@contextmanager
def interpreter(folder: Path) -> Iterator[Path]:
    """The interpreter, in a new folder, whose path must be short, as a socket's must."""
    python, address = folder / "python", folder / "asked"
    asking = Path(__file__).with_name("_ask.py").read_text(encoding="utf-8")
    python.write_text(f"#!{sys.executable} -IS\nADDRESS = {str(address)!r}\n{asking}", "utf-8")
    python.chmod(0o755)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.warm", str(address)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **threads},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdin is not None and server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield python
        server.stdin.close()
