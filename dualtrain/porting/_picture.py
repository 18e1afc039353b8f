"""Both rates over each other, as a picture."""

from __future__ import annotations

from pathlib import Path

from dualtrain.aside import write_aside
from dualtrain.extras import needed_for
from dualtrain.porting._ported import Ported

__all__ = ["draw"]


def draw(ported: Ported, path: Path) -> None:
    """Draws the rate of each update: what the recipe states thick, what was written thin.

    Raises ExtraError: matplotlib is not installed.
    """
    with needed_for("a picture needs"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot(ported.stated, color="#C8C8C8", linewidth=5, label=f"{ported.source}, as stated")
    axes.plot(ported.written, color="#0072B2", linewidth=1.2, label=f"{ported.to}, as written")
    axes.set_xlabel("update")
    axes.set_ylabel("learning rate")
    axes.legend(loc="best")  # by default it warns, too, where that takes a second
    with write_aside(path) as file:
        figure.savefig(file, format="png", dpi=120)
