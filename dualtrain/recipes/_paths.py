"""What is given as the recipe's files: scripts, configurations, pages with commands, folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dualtrain.errors import DualtrainError
from dualtrain.files import read_bytes, reason
from dualtrain.listing import listed
from dualtrain.reading import Command, commands
from dualtrain.reading._commands import other_work
from dualtrain.reading._source import decoded

__all__ = [
    "RecipeError",
    "Sources",
    "commands_of",
    "reader_of",
    "repository_of",
    "runner_of",
    "script_of",
    "sources_of",
]

SCRIPTS, TREES = (".py", ".ipynb"), (".yml", ".yaml", ".json")
MARKS = (".git", "setup.py", "pyproject.toml", "requirements.txt", "README.md", "setup.cfg")
"""What tells that a folder is a repository's."""

PAGES = re.compile(r"readme[\w.-]*|.*\.(sh|bash|md)", re.IGNORECASE)
PASSED = re.compile(r"\..*|__pycache__|node_modules|site-packages|tests?|venv|env|build|docs?")
"""Folders in which no recipe is looked for."""

MOST = 3_000
"""Files that a folder may hold, if a recipe is looked for in it."""

LARGEST = 500_000
"""Bytes of a file in which one is looked for."""

TRAINS = re.compile(
    r"\.backward\s*\(|\.minimize\s*\(|\btrainer\.train\s*\(|Trainer\([^)]|\.fit\s*\(|\.step\s*\("
)
MAIN = re.compile(r"""^if\s+__name__\s*==\s*['"]__main__['"]""", re.MULTILINE)


class RecipeError(DualtrainError):
    """What is given is no recipe that can be read."""


@dataclass(slots=True)
class Sources:
    """The files that are given, by what they are."""

    scripts: list[Path] = field(default_factory=list)
    trees: list[Path] = field(default_factory=list)
    pages: list[Path] = field(default_factory=list)


def sources_of(paths: Iterable[Path]) -> Sources:
    """The files by their kind; of a folder the one script in it that trains, and its pages.

    Raises RecipeError: nothing in a folder trains, or several do.
    """
    sources = Sources()
    for path in paths:
        end = path.suffix.lower()
        if path.is_dir():
            script, pages = _entry(path)
            sources.scripts.append(script)
            sources.pages += pages
        else:
            kind = sources.scripts if end in SCRIPTS else sources.trees
            (kind if end in SCRIPTS + TREES else sources.pages).append(path)
    return sources


def repository_of(path: Path) -> Path:
    """The repository's folder: the highest of the next five above that looks like one."""
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    found = folder
    for one in (folder, *folder.parents[:5]):
        if one == Path.home() or one == Path(one.anchor):
            break
        if any((one / mark).exists() for mark in MARKS):
            found = one
        if (one / ".git").exists():
            break
    return found


def commands_of(page: Path, name: str, root: Path) -> list[Command]:
    """The commands of a shell script, a page or a notebook, which is called `name` in places, and
    those of the shell scripts below the root that it starts or sources.

    Raises RecipeError: it cannot be read.
    """

    def opens(path: str) -> tuple[str, str] | None:
        for base in (page.parent, root):
            found = _below(base / path, root)
            if found is not None and _text(found):
                return _text(found), found.relative_to(root.resolve()).as_posix()
        return None

    try:
        return commands(decoded(read_bytes(page)), name, opens=opens)
    except OSError as fault:
        raise RecipeError(f"{page}: cannot be read: {reason(fault)}") from None


def script_of(pages: Sequence[Path], root: Path) -> Path:
    """The one script below the root that the commands of pages start.

    Raises RecipeError: they start none, or several.
    """
    every = [
        started_by(one, page, root)
        for page in pages
        for one in commands_of(page, page.name, root)
        if not other_work(one)
    ]
    scripts = list(dict.fromkeys(one for one in every if one is not None))
    if len(scripts) == 1:
        return scripts[0]
    given = ", ".join(map(str, pages))
    if not scripts:
        raise RecipeError(f"a recipe is read from a script or a configuration. Received: {given}")
    names = ", ".join(one.relative_to(root.resolve()).as_posix() for one in scripts)
    raise RecipeError(
        f"{given}: a page alone stands for the one script that it starts; name the script that is "
        f"meant beside it. Received: {len(scripts)} of them: {names}"
    )


def runner_of(
    script: Path, root: Path, configurations: Sequence[Path]
) -> tuple[Path, Command] | None:
    """The other script that a command beside this one starts, with that command: one that names
    a configuration which is given, before others."""
    beside = sorted(one for one in script.resolve().parent.iterdir() if PAGES.fullmatch(one.name))
    found: list[tuple[Path, Command]] = []
    for page in [script] if script.suffix.lower() == ".ipynb" else beside:
        for one in _quietly(page, root):
            started = started_by(one, page, root)
            other = started is not None and started != script.resolve() and not other_work(one)
            if started is not None and other and TRAINS.search(_text(started)):
                found.append((started, one))
    names = {one.name for one in configurations}
    given = [one for one in found if any(Path(word).name in names for word in one[1].words[1:])]
    return next(iter(given or found), None)


def reader_of(configuration: Path, root: Path) -> tuple[Path, Command] | None:
    """The script that a command of the repository's pages gives a configuration, with that command;
    None where there is none, or where several scripts are given it."""
    home = configuration.resolve().parent
    above = [one for one in (home, *home.parents) if one.is_relative_to(root.resolve())]
    found: dict[Path, Command] = {}
    for folder in above:
        for page in sorted(one for one in folder.iterdir() if PAGES.fullmatch(one.name)):
            for one in _quietly(page, root):
                started = started_by(one, page, root)
                named = any(word.endswith(configuration.name) for word in one.words[1:])
                if started is not None and named and not other_work(one):
                    found.setdefault(started, one)
    return next(iter(found.items())) if len(found) == 1 else None


def started_by(command: Command, page: Path, root: Path) -> Path | None:
    """The script below the root that a command starts, from its page's folder or from the root."""
    program = command.words[0]
    names = [program.replace(".", "/") + end for end in (".py", "/__main__.py")]
    for base in (page.parent, root):
        for name in names if command.module else [program]:
            for folder in (base / command.folder, base):
                found = _below(folder / name, root)
                if found is not None:
                    return found if found.suffix in SCRIPTS else None
    return None


def _below(path: Path, root: Path) -> Path | None:
    """The file at a path, if there is one and it lies below the root."""
    try:
        found = path.resolve()
        return found if found.is_relative_to(root.resolve()) and found.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def _entry(folder: Path) -> tuple[Path, list[Path]]:
    """The script in a folder that trains, and the pages that have its command."""
    scripts, pages = _files(folder)
    training = [one for one in scripts if TRAINS.search(_text(one))]
    mains = [one for one in training if one.suffix == ".ipynb" or MAIN.search(_text(one))]
    told = {page: _started(page, folder) for page in pages}
    started = list(dict.fromkeys(one for ones in told.values() for one in ones))
    entries = [one for one in started if one in training]
    chosen = entries if len(entries) == 1 else entries or mains or training
    if not chosen:  # those that leave the training to what they import
        chosen = started or [one for one in scripts if MAIN.search(_text(one))]
    if len(chosen) != 1:
        raise RecipeError(_undecided(folder, chosen))
    return chosen[0], [page for page, ones in told.items() if chosen[0] in ones]


def _undecided(folder: Path, chosen: list[Path]) -> str:
    if not chosen:
        return (
            f"{folder}: a folder is read from the one script in it that trains; name the script, "
            "or the configuration. Received: a folder without a training loop"
        )
    names = listed([one.relative_to(folder.resolve()).as_posix() for one in chosen])
    return (
        f"{folder}: a folder is read from the one script in it that trains; name the one that is "
        f"meant in place of the folder. Received: {len(chosen)} of them: {names}"
    )


def _files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The scripts and the pages of a folder, those that are nearer to it first."""
    found: list[Path] = []
    for here, folders, names in os.walk(folder.resolve()):
        folders[:] = sorted(one for one in folders if not PASSED.fullmatch(one))
        found += [Path(here) / name for name in sorted(names)]
        if len(found) > MOST:
            raise RecipeError(
                f"{folder}: a folder in which a recipe is looked for holds at most {MOST} files; "
                "name the script. Received: more"
            )
    found.sort(key=lambda one: len(one.parts))
    scripts = [one for one in found if one.suffix in SCRIPTS and not one.name.startswith("test_")]
    pages = [one for one in found if PAGES.fullmatch(one.name) or one.suffix == ".ipynb"]
    return scripts, pages


def _text(path: Path) -> str:
    """The text of a file, if it is not too large and can be read; else none."""
    try:
        return decoded(read_bytes(path)) if path.stat().st_size <= LARGEST else ""
    except OSError:
        return ""


def _started(page: Path, folder: Path) -> list[Path]:
    """The scripts that the commands of a page start."""
    found = [started_by(one, page, folder) for one in _quietly(page, folder)]
    return [one for one in found if one is not None]


def _quietly(page: Path, root: Path) -> list[Command]:
    """The commands of a page that was not asked for: none where it cannot be read."""
    if not re.search(r"\.py\b|\s-m\s", _text(page)):
        return []
    try:
        return commands_of(page, page.relative_to(root.resolve()).as_posix(), root)
    except (DualtrainError, ValueError):
        return []
