"""The rooms of the core stand on floors: each imports only from those below it.

Lazy imports count. A room is a folder or a file under `dualtrain/`; those of `dualtrain/training/`
stand on floors of their own. What is imported inside a function, or for types alone, is imported:
it must be there to be read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "dualtrain"

FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "aside", "files", "listing", "printable", "version"),
    ("fields", "shapes", "extras", "data", "outputs", "state", "reading", "world"),
    ("schedules", "optimizers", "tasks"),
    ("spec", "native"),
    ("ledger",),
    ("plan",),
    ("trace", "backend", "dialects", "explain", "scripts"),
    ("twins", "recipes"),
    ("lockstep", "checkpoints"),
    ("parity", "training"),
    ("report", "testing", "loggers"),
    ("workers", "porting"),
    ("cli",),
)
"""From the ground up; rooms of one floor do not know each other."""

TRAINING: tuple[tuple[str, ...], ...] = (
    ("processes", "checks"),
    ("run",),
    ("turns",),
    ("loop", "observers"),
    ("states",),
    ("sides",),
)
"""The same of the rooms of a run."""

HOUSES = pytest.mark.parametrize(
    ("folder", "floors"), [(CORE, FLOORS), (CORE / "training", TRAINING)], ids=["core", "training"]
)

DOOR = ("__init__", "__main__")
"""The front door opens into every room; no room goes out through it."""


def package_of(folder: Path) -> tuple[str, ...]:
    """The names by which a folder is imported, the outermost first."""
    above = package_of(folder.parent) if (folder.parent / "__init__.py").exists() else ()
    return (*above, folder.name)


def imports(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(room, room that it imports, file and line) for every import inside the package."""
    package = package_of(folder)
    for file in sorted(folder.rglob("*.py")):
        own = file.relative_to(folder).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.ImportFrom(module=str(module), names=names):
                    whole = [f"{module}.{name.name}" for name in names]
                case ast.Import(names=names):
                    whole = [name.name for name in names]
                case _:
                    continue
            for name in whole:
                *above, room = name.split(".")[: len(package) + 1]
                if tuple(above) == package and room != own:
                    yield own, room, f"{file.relative_to(folder.parent)}:{node.lineno}"


def upward(folder: Path, floors: tuple[tuple[str, ...], ...]) -> list[str]:
    """The imports that do not go down."""
    level = {room: number for number, floor in enumerate(floors) for room in floor}
    return [
        f"{place}: {room} imports {other}"
        for room, other, place in imports(folder)
        if room not in DOOR and (other not in level or level[other] >= level[room])
    ]


@HOUSES
def test_every_room_has_its_floor(folder: Path, floors: tuple[tuple[str, ...], ...]) -> None:
    rooms = {path.stem for path in folder.iterdir() if path.suffix in ("", ".py")} - {"__pycache__"}

    assert sorted(rooms - set(DOOR)) == sorted(room for floor in floors for room in floor)


@HOUSES
def test_imports_go_down(folder: Path, floors: tuple[tuple[str, ...], ...]) -> None:
    assert upward(folder, floors) == []


def test_the_map_names_every_room() -> None:
    text = (CORE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {
        word.rstrip("/").removesuffix(".py")
        for word in re.findall(r"`(?:dualtrain/)?([\w.]+/?)`", text)
    }

    assert [room for floor in FLOORS for room in floor if room not in named] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from core.upper import thing", ["core/lower.py:2: lower imports upper"]),
        ("def f():\n    import core.upper", ["core/lower.py:3: lower imports upper"]),
        ("from core import upper", ["core/lower.py:2: lower imports upper"]),
        ("from core import __version__", ["core/lower.py:2: lower imports __version__"]),
        ("from core.beside import thing", ["core/lower.py:2: lower imports beside"]),
        ("from core.ground import thing", []),
        ("import numpy", []),
    ],
)
def test_the_check_can_fail(line: str, found: list[str], tmp_path: Path) -> None:
    core = tmp_path / "core"
    core.mkdir()
    for room in ("ground", "beside", "upper"):
        (core / f"{room}.py").touch()
    (core / "lower.py").write_text(f'"""Lower."""\n{line}\n', encoding="utf-8")
    floors = (("ground",), ("lower", "beside"), ("upper",))

    assert upward(core, floors) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from core.room.upper import thing", ["room/lower.py:2: lower imports upper"]),
        ("from core.room import upper", ["room/lower.py:2: lower imports upper"]),
        ("from core.room import thing", ["room/lower.py:2: lower imports thing"]),
        ("from core.room.ground import thing\nfrom core.upper import thing", []),
    ],
)
def test_the_check_can_fail_in_a_room(line: str, found: list[str], tmp_path: Path) -> None:
    room = tmp_path / "core" / "room"
    room.mkdir(parents=True)
    (room.parent / "__init__.py").touch()
    (room / "lower.py").write_text(f'"""Lower."""\n{line}\n', encoding="utf-8")

    assert upward(room, (("ground",), ("lower",), ("upper",))) == found
