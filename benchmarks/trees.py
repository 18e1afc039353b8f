"""Two versions of the project side by side: each as a folder of sources that a process can run."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["ROOT", "run_in", "tree"]

ROOT = Path(__file__).parents[1]


def tree(named: str, scratch: Path) -> Path:
    """The sources of a version: a folder as it stands, or a revision of git, laid out in `scratch`.

    named: a path to a folder that has `dualtrain` in it, or what `git rev-parse` takes.
    """
    folder = Path(named)
    if (folder / "dualtrain").is_dir():
        return folder.resolve()
    archive = subprocess.run(
        ["git", "archive", "--format=tar", named], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode:
        raise SystemExit(
            "a version must be a folder with the sources, or a revision of git. "
            f"Received: {named!r}"
        )
    target = scratch / named.replace("/", "-")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as sources:
        sources.extractall(target, filter="data")
    return target


def run_in(sources: Path, script: Path, arguments: Sequence[str]) -> str:
    """What a script prints when it imports these sources: this interpreter, one thread."""
    path = os.pathsep.join((str(sources), str(sources / "backends")))
    ended = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=sources,
        env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise SystemExit(f"{script.name} failed in {sources}:\n{ended.stderr[-4000:]}")
    return ended.stdout
