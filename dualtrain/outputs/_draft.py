"""A folder that is put together aside: whole, or what it was.

The draft is inside the folder, so that publishing it is renaming, and a manifest says what the next
run may replace.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dualtrain.errors import OutputError
from dualtrain.files import parse_json, read_bytes
from dualtrain.outputs._lock import locked
from dualtrain.outputs._told import told
from dualtrain.version import __version__

__all__ = ["DRAFT", "MANIFEST", "clear_abandoned", "drafted", "left_in", "publish"]

DRAFT = ".dualtrain-draft-"
"""What the name of a draft begins with: a folder inside the one that is written."""

MANIFEST = "dualtrain.json"
"""The file that names what a run has left in a folder."""


@contextmanager
def drafted(folder: Path, what: str) -> Iterator[Path]:
    """A draft of what the folder is to hold, for one run at a time: see `publish`.

    The folder is made if needed. However the block ends, the draft is gone then, and so is a
    folder that was made for it and has stayed empty. A draft that a killed run has left is cleared.

    Raises `OutputError` if another run writes into the folder.
    """
    with told(folder, f"{what} must be where files can be written"):
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, what) as is_ours:
        for left in folder.glob(f"{DRAFT}*") if is_ours else ():
            shutil.rmtree(left, ignore_errors=True)
        with told(folder, f"{what} must be where files can be written"):
            draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=folder))
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            if made:
                with suppress(OSError):
                    folder.rmdir()


def clear_abandoned(draft: Path) -> bool:
    """Remove a draft whose run is gone, which is known by its lock; whether it is removed."""
    with suppress(OSError, OutputError), locked(draft.parent, "a draft") as is_ours:
        if is_ours and draft.name.startswith(DRAFT):
            shutil.rmtree(draft, ignore_errors=True)
            return True
    return False


def publish(draft: Path, folder: Path) -> None:
    """Replace what an earlier run has left in the folder by what is in the draft.

    The manifest first: what it names the next run replaces, should this one be cut here.
    """
    files = sorted(entry.name for entry in draft.iterdir())
    earlier = left_in(folder)
    manifest = draft / MANIFEST
    content = {"dualtrain": __version__, "files": files}
    manifest.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    manifest.replace(folder / MANIFEST)
    for name in earlier - {MANIFEST, *files}:
        (folder / name).unlink(missing_ok=True)
    for name in files:
        (draft / name).replace(folder / name)


def left_in(folder: Path) -> set[str]:
    """The files that an earlier run has left in the folder, as its manifest says."""
    try:
        named = parse_json(read_bytes(folder / MANIFEST))["files"]
        files = {entry.name for entry in folder.iterdir() if not entry.is_dir()}
        return {name for name in (MANIFEST, *named) if name in files}
    except (OSError, ValueError, LookupError, TypeError):
        return set()
