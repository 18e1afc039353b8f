"""Progress bars, one for each side that trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from dualtrain.trace import Update
from dualtrain.training import Observer

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Moves", "ProgressBars"]


class ProgressBars(Progress):
    """A bar of updates for each name: loss, lr, updates a second, time passed and left.

    The first bar begins the display: a run that is refused shows none, not even an empty line.
    """

    def __init__(self, names: Sequence[str], console: Console | None = None) -> None:
        super().__init__(
            TextColumn("{task.description:>12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            _Speed(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
        )
        self._bars = {name: self.add_task(name, visible=False, numbers="") for name in names}

    def __enter__(self) -> Self:
        return self

    def stop(self) -> None:
        """End the display, if it has begun."""
        if self.live.is_started:
            super().stop()

    def show(
        self,
        name: str,
        done: int,
        total: int,
        loss: float | None = None,
        lr: float | None = None,
    ) -> None:
        """Say how far a side is; its bar appears when it has something to say."""
        self.start()
        told = [] if loss is None else [f"loss {loss:.4f}"]
        told += [] if lr is None else [f"lr {lr:.2e}"]
        numbers = " ".join(told)
        self.update(self._bars[name], completed=done, total=total, numbers=numbers, visible=True)

    def tell(self, text: str) -> None:
        """A line above the bars."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def observer(self, name: str) -> Moves:
        """What moves a side's bar as it trains in this process."""
        return Moves(self, name)


class _Speed(ProgressColumn):
    """Updates a second, of the last half minute."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s")


class Moves(Observer):
    """Moves a side's bar as it trains in this process, and counts."""

    def __init__(self, bars: ProgressBars, name: str) -> None:
        self._bars, self._name = bars, name
        self.made = 0
        """Updates made or skipped; a run that goes on has others before."""
        self.skipped = 0
        self.left = "nothing is left of the run, which had not begun"
        """What there is of a run that was interrupted."""

    def notes(self, notes: Sequence[str]) -> None:
        """Print them above the bar."""
        for note in notes:
            self._bars.tell(note)

    def updated(self, update: Update, total: int) -> None:
        """Move the bar by one update."""
        self.made += 1
        self.skipped += update.skipped
        self._bars.show(self._name, update.attempt + 1, total, update.loss, update.lr)

    def interrupted(self, left: str) -> None:
        """Keep it, to be said below the bar."""
        self.left = left
