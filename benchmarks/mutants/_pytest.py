"""One run of pytest in a tree, in a child of a process that has the frameworks loaded already."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

__all__ = ["Answer", "load_frameworks", "run"]

PATIENCE = 1200.0
"""Seconds after which a run hangs."""


class Answer(NamedTuple):
    """What a run of pytest came to."""

    failed: tuple[str, ...]
    """The tests that failed; where pytest itself ended otherwise, how."""
    seconds: float


def load_frameworks() -> None:
    """Import what takes long, once for all runs; nothing of a tree, which each run has anew."""
    for name in ("torch", "paddle", "pydantic", "typer", "transformers"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def run(tree: Path, arguments: Sequence[str], log: Path) -> Answer:
    """The tests that fail in a tree.

    arguments: of pytest. log: file for what it prints. Raises `RuntimeError` where pytest could not
    run them.
    """
    begin, told = time.monotonic(), log.with_suffix(".failed")
    told.unlink(missing_ok=True)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 70
        try:
            status = _child(tree, arguments, log, told)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    ended = _waited(child, begin + PATIENCE)
    failed = tuple(json.loads(told.read_text("utf-8"))) if told.exists() else ()
    return Answer(failed or _otherwise(ended, log), time.monotonic() - begin)


def _otherwise(status: int | None, log: Path) -> tuple[str, ...]:
    """How pytest ended without a test that failed; nothing where it ended well."""
    if status is None:
        return (f"no end within {PATIENCE:g} seconds",)
    if os.WIFSIGNALED(status):
        return (f"the process dies of signal {os.WTERMSIG(status)}",)
    if os.WEXITSTATUS(status):
        last = "".join(log.read_text(encoding="utf-8").splitlines(keepends=True)[-20:])
        raise RuntimeError(f"pytest ends with status {os.WEXITSTATUS(status)}:\n{last}")
    return ()


def _waited(child: int, until: float) -> int | None:
    """The status with which it ended; None of one that had to be ended."""
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _child(tree: Path, arguments: Sequence[str], log: Path, told: Path) -> int:
    os.setsid()
    with log.open("w", encoding="utf-8") as output:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
    os.chdir(tree)
    roots = [str(tree), str(tree / "backends")]
    os.environ["PYTHONPATH"] = os.pathsep.join(roots)
    here = str(Path(__file__).parents[2])
    sys.path[:] = [
        *roots,
        *(path for path in sys.path if path not in ("", here, here + "/backends")),
    ]
    for name in [name for name in sys.modules if name.partition(".")[0] in _OF_A_TREE]:
        del sys.modules[name]
    options = ["-q", "--no-header", "-p", "no:cacheprovider"]
    return int(pytest.main([*options, *arguments], plugins=[_Failures(told, tree)]))


_OF_A_TREE = ("benchmarks", "docs", "tests", "dualtrain", "dualtrain_torch", "dualtrain_paddle")


class _Failures:
    """A plugin that writes down which tests fail, as soon as they do."""

    def __init__(self, told: Path, tree: Path) -> None:
        self._told, self._tree = told, tree
        self._failed: list[str] = []

    def pytest_collection_finish(self) -> None:
        """What is tested must be the tree's."""
        for name in ("dualtrain", "dualtrain_torch", "dualtrain_paddle"):
            module = sys.modules.get(name)
            if module is not None and not str(module.__file__).startswith(str(self._tree)):
                pytest.exit(f"{name} is imported from {module.__file__}", returncode=71)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Of a test, its set-up or what it cleans up."""
        self._take(report)

    def pytest_collectreport(self, report: Any) -> None:
        """Of a file that cannot be imported."""
        self._take(report)

    def _take(self, report: Any) -> None:
        if report.failed and report.nodeid not in self._failed:
            self._failed.append(report.nodeid)
            self._told.write_text(json.dumps(self._failed), encoding="utf-8")
