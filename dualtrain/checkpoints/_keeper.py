"""The folder of a run's checkpoints: held for one run, and not more in it than it is to keep."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dualtrain.checkpoints._checkpoint import Checkpoint
from dualtrain.checkpoints._files import check_holds_them, entries, newest, read, write
from dualtrain.errors import CheckpointError, OutputError
from dualtrain.files import reason
from dualtrain.outputs import DRAFT, check_folder, check_room, locked

__all__ = ["INITIAL", "Keeper", "Listed", "keeping"]

INITIAL = "initial.safetensors"
"""The weights that the run began with, for the `output` of a run with a trace."""

_WHAT = "a folder of checkpoints"


class Keeper:
    """Adds checkpoints to a folder, and removes the oldest; made by `keeping`.

    The newest whose weights are numbers stays, however old it is.

    path, last: the newest that is whole, from which a run goes on; None of a run that begins.
    """

    def __init__(self, folder: Path, found: tuple[Path, Checkpoint] | None) -> None:
        self.folder = folder
        self.path: Path | None = None
        self.last: Checkpoint | None = None
        if found is not None:
            self.path, self.last = found
        there = entries(folder)
        count = 0 if self.path is None else there.index(self.path) + 1
        self._kept, self._damaged = there[:count], there[count:]
        self._sound = self._newest_sound()

    @property
    def initial(self) -> Path:
        """Where the weights stand that the run began with, if they do."""
        return self.folder / INITIAL

    def write(self, checkpoint: Checkpoint, *, keep: int) -> Path:
        """Add one, and leave the latest `keep`; where it is.

        Raises `OutputError` where it cannot be written, with the last whole one: that is still
        there.
        """
        size = sum(array.nbytes for array in checkpoint.arrays().values())
        try:
            check_room(self.folder, size, "a checkpoint")
            path = write(self.folder, checkpoint)
        except OutputError as error:
            raise OutputError(error.problem, self.left()) from None
        except OSError as error:
            told = f"{self.folder}: a checkpoint cannot be written. Received: {reason(error)}"
            raise OutputError(told, self.left()) from error
        self.path, self.last = path, checkpoint
        self._kept.append(path)
        if checkpoint.is_sound:
            self._sound = path
        stay = [one for one in self._kept if one == self._sound or one in self._kept[-keep:]]
        for old in {*self._damaged, *self._kept}.difference(stay):
            shutil.rmtree(old, ignore_errors=True)
        self._kept, self._damaged = stay, []
        return path

    def _newest_sound(self) -> Path | None:
        """The newest whose weights are numbers, which a run that diverges must not lose."""
        for path in reversed(self._kept):
            with suppress(CheckpointError):
                known = self.last if path == self.path else None
                if (known or read(path)).is_sound:
                    return path
        return None

    def left(self) -> str:
        """What a run that goes no further can go on from, as a message says it."""
        if self.path is None:
            return f"no checkpoint is in {self.folder}"
        return f"the last whole checkpoint is {self.path}"


class Listed(Keeper):
    """The keeper of another process, which is the one that writes."""

    def __init__(self, folder: Path, path: Path | None, last: Checkpoint | None) -> None:
        self.folder, self.path, self.last = folder, path, last

    def write(self, checkpoint: Checkpoint, *, keep: int) -> Path:
        """Nothing; the folder."""
        return self.folder


@contextmanager
def keeping(folder: Path | str, *, resume: bool) -> Iterator[Keeper]:
    """A folder of checkpoints for as long as the block runs, and for this run alone.

    resume: go on from its newest checkpoint, or begin where it has none. Without it a folder that
    has one is refused. A checkpoint that is damaged is passed over with a warning.

    Raises `OutputError` for a place that is none or another run's, `CheckpointError` for a
    checkpoint itself, and where all are damaged.
    """
    folder = Path(folder).absolute()
    check_folder(folder, _WHAT, ())
    check_holds_them(folder)
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, _WHAT):
        found = entries(folder)
        if found and not resume:
            raise OutputError(
                f"{folder}: {_WHAT} is one run's: go on with it (resume), or choose another. "
                f"Received: {found[-1].name}"
            )
        for left in folder.glob(f"{DRAFT}*"):
            shutil.rmtree(left, ignore_errors=True)
        try:
            yield Keeper(folder, newest(folder) if found else None)
        finally:
            if made and not any(folder.iterdir()):
                folder.rmdir()
