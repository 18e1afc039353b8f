"""What a progress bar says of a side."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from dualtrain.trace import Update
from dualtrain.workers import ProgressBars


def test_a_bar_has_loss_rate_speed_and_what_is_left() -> None:
    """Of a run that goes on after its 40th update, four a second."""
    written, now = StringIO(), [0.0]
    console = Console(file=written, force_terminal=True, width=120, color_system=None)
    with ProgressBars(["torch"], console) as bars:
        bars.get_time = lambda: now[0]
        seen = bars.observer("torch")
        for attempt in range(40, 46):
            now[0] += 0.25
            seen.updated(Update(attempt=attempt, t=attempt, lr=5e-5, loss=0.25), 60)
        bars.refresh()
        text = written.getvalue().splitlines()[-1]
    assert "46/60 loss 0.2500 lr 5.00e-05" in text
    assert "4.0/s" in text
    assert "00:04" in text  # 14 updates


def test_a_run_that_is_refused_shows_none() -> None:
    written = StringIO()
    with ProgressBars(["torch"], Console(file=written, force_terminal=True)):
        pass
    assert written.getvalue() == ""
