"""Numbers of a recipe that lie outside the file that is given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dualtrain.errors import SourceError
from dualtrain.files import read_bytes
from dualtrain.reading import Place
from dualtrain.reading._source import decoded
from dualtrain.recipes._record import Found, Hazard

__all__ = ["outside"]

ASSIGNS = re.compile(r"\s*(?:export\s+|local\s+|readonly\s+)?(\w+)=\S")
"""A line of a shell script that sets a variable."""

SHELL = (".sh", ".bash", ".zsh", ".slurm", ".sbatch")


def outside(fields: Mapping[str, Found], entry: str, root: Path) -> Iterator[Hazard]:
    """What of the fields stands elsewhere than in the entry, and what a shell script's variables
    hold."""
    stated = {
        name: one
        for name, one in fields.items()
        if one.certainty == "stated" and one.place is not None and one.place.file
    }
    files = sorted({one.place.file for one in stated.values() if one.place} - {entry})
    if files:
        text = f"its numbers stand outside {entry} too: {', '.join(files)}"
        yield Hazard("spread_over_files", Place(entry, 1), text)
    for file in files:
        if file.endswith(SHELL):
            yield from _in_shell(file, stated, root)


def _in_shell(file: str, stated: Mapping[str, Found], root: Path) -> Iterator[Hazard]:
    """The variables of a shell script that hold a recipe's numbers, at the first one's line."""
    try:
        lines = decoded(read_bytes(root / file)).splitlines()
    except (OSError, SourceError):
        return
    held: dict[str, tuple[int, str]] = {}
    for name, one in stated.items():
        at = one.place.line if one.place is not None and one.place.file == file else 0
        text = lines[at - 1] if 0 < at <= len(lines) else ""
        own = re.escape(one.flag or name)
        found = ASSIGNS.match(text) or re.search(rf"{own}[= ]\"?\$\{{(\w+):?[-=]", text)
        if found:
            held[name] = at, found[1]
    if held:
        named = ", ".join(f"{name} by {variable}" for name, (_, variable) in held.items())
        text = f"variables of the shell script decide {named}"
        yield Hazard("defaults_in_shell", Place(file, min(line for line, _ in held.values())), text)
