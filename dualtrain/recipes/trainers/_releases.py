"""Which release of a library a repository names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dualtrain.files import read_bytes
from dualtrain.reading import Place
from dualtrain.recipes._record import Found

__all__ = ["numbers", "release_of"]

_NAMES = (
    "requirements*.txt",
    "setup.py",
    "setup.cfg",
    "pyproject.toml",
    "Pipfile",
    "environment*.y*ml",
    "Dockerfile",
    "README*.md",
    "README*.rst",
)
_VERSION = re.compile(r"""^\s*__version__\s*=\s*["'](\d[\w.]*)["']""")


def numbers(release: str) -> tuple[int, ...]:
    """A release as numbers that can be compared; what comes before a release counts as it.

    >>> numbers("4.2.1") < numbers("4.18") < numbers("5.0.0rc1") == numbers("5.0.0")
    True
    """
    parts = [int(part) for part in re.findall(r"\d+", re.split(r"[a-z+]", release)[0])[:3]]
    return tuple(parts + [0] * (3 - len(parts)))


def release_of(folder: Path, package: str, near: str = "") -> Found:
    """The release of `package` that a repository pins; absent where it names none.

    It is stated where it is pinned (`==`) or the repository is the package's own, implied where it
    is a bound from below. `folder` is the repository; of several files the nearest to `near`, the
    folder of the entry within it, decides.
    """
    bound = None
    for place, row in _rows(folder, package, near):
        own = _VERSION.match(row) if place.file.endswith(".py") else None
        if own and place.file != "setup.py":
            return Found(own[1], "stated", place, f"the repository is {package}'s own")
        found = None if own else _pin(package).search(row)
        if found and found[1] in ("==", "===", "="):
            return Found(found[2], "stated", place, f"{package}=={found[2]}")
        if found and bound is None:
            why = f"{package} {found[2]} or newer"
            bound = Found(found[2], "implied", place, f"{package}{found[1]}{found[2]}", None, why)
    return bound or Found(certainty="absent")


def _pin(package: str) -> re.Pattern[str]:
    name = re.escape(package).replace("_", "[-_]")
    return re.compile(
        rf"(?<![\w/.-]){name}(?:\[[\w,-]+\])?[`\"']?\s*(===?|>=|~=|>|=\s*[\"']\^|=)\s*[\"'`]?(\d[\w.]*)",
        re.IGNORECASE,
    )


def _rows(folder: Path, package: str, near: str) -> Iterator[tuple[Place, str]]:
    """The lines that may say it, from the nearest folder up."""
    for path in _files(folder, package, near):
        try:
            text = read_bytes(path).decode("utf-8", "replace")
        except OSError:
            continue
        name = path.relative_to(folder).as_posix()
        for line, row in enumerate(text.splitlines(), 1):
            yield Place(name, line), row


def _files(folder: Path, package: str, near: str) -> Iterator[Path]:
    here = folder / near
    for one in (here, *here.parents):
        if not one.is_relative_to(folder):
            break
        yield from (one / package / name for name in ("__init__.py", "version.py"))
        for name in _NAMES:
            yield from sorted(one.glob(name))
