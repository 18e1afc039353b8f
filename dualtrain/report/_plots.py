"""Curves as PNG or SVG files, through matplotlib's objects: no pyplot, so no global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dualtrain.aside import write_aside
from dualtrain.extras import needed_for
from dualtrain.parity import Comparison
from dualtrain.plan import Plan
from dualtrain.printable import printable, shortened
from dualtrain.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["check_plots", "plot_comparison", "plot_lr"]

Floats = NDArray[np.float64]

# Okabe and Ito's colours: told apart by colour-blind eyes too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_PALE = "#C8C8C8"


def plot_lr(plans: Mapping[str, Plan], path: Path) -> None:
    """Draw the curve of each plan, by name, into a .png or .svg file."""
    figure = _figure(height=4.0)
    axes = figure.subplots()
    for index, (name, plan) in enumerate(plans.items()):
        line = _drawn(plan.lr_curve())
        axes.plot(line, color=_COLOURS[index % len(_COLOURS)], label=_legend(name))
    _label(axes, "learning rate")
    _save(figure, path)


def plot_comparison(folder: Path, comparison: Comparison) -> None:
    """Write lr.png; loss.png if there are two sides of which either made updates; lockstep.png if
    any was judged.
    """
    _save(_lr_figure(comparison), folder / "lr.png")
    if comparison.lockstep is not None:
        _save(_lockstep_figure(comparison), folder / "lockstep.png")
    if not comparison.with_plan and (comparison.a.updates or comparison.b.updates):
        _save(_loss_figure(comparison), folder / "loss.png")


def _lr_figure(comparison: Comparison) -> Figure:
    """Both recorded curves, thin, over the closed form of the plans that there are, thick.

    Of a plan that is far from done it is drawn as far as `_LONGEST`.
    """
    figure = _figure(height=4.0)
    axes = figure.subplots()
    plans = [
        trace.header.plan.resolved() for trace in (comparison.a, comparison.b) if trace.header.plan
    ]
    made = max(len(trace.updates) for trace in (comparison.a, comparison.b))
    label: str | None = "closed form"
    for plan in plans:
        if plan.spec.schedule.needs_metric:
            continue  # what was used is drawn below
        line = _drawn(plan.lr_curve(min(plan.total_updates, max(made, _LONGEST))))
        axes.plot(line, color=_PALE, linewidth=7, solid_capstyle="round", label=label)
        label = None  # once in the legend
    recorded = [[update.lr for update in t.updates] for t in (comparison.a, comparison.b)]
    _draw_sides(axes, comparison, recorded)
    _label(axes, "learning rate")
    return figure


def _loss_figure(comparison: Comparison) -> Figure:
    """Both losses, and below them how far they are apart, beside what the loss stage allows."""
    figure = _figure(height=5.5)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    losses = [_losses(comparison.a), _losses(comparison.b)]
    _draw_sides(above, comparison, losses)
    _label(above, "loss")
    above.set_xlabel("")
    findings = (*comparison.findings, *comparison.illustration)
    series = next((f.series for f in findings if f.stage == "loss"), None)
    if series is not None and series.bounds:
        label = f"allowed: {max(series.bounds):g}"
        below.plot(series.updates, series.bounds, color="#999999", linestyle=":", label=label)
    _draw_difference(below, *losses)
    _label(below, "|difference|")
    return figure


def _lockstep_figure(comparison: Comparison) -> Figure:
    """How many times its bar the gravest reading of each judged update is, by half."""
    figure = _figure(height=4.0)
    axes = figure.subplots()
    axes.set_yscale("log")
    halves = (f for f in comparison.findings if f.stage in ("gradients", "rule"))
    for finding, colour in zip(halves, _COLOURS, strict=False):
        line = _drawn(finding.series.values)
        drawn = np.where(line > 0, line, np.nan)
        axes.plot(
            finding.series.updates, drawn, ".-", color=colour, linewidth=0.8, label=finding.stage
        )
    axes.axhline(1.0, color="#999999", linestyle=":", label="allowed")
    _label(axes, "times the bar")
    return figure


def _losses(trace: Trace) -> list[float]:
    return [update.loss for update in trace.updates]


def _draw_sides(axes: Axes, comparison: Comparison, values: Sequence[Sequence[float]]) -> None:
    """Side a solid, side b dashed over it, so that both show where they are equal."""
    left, right = map(_legend, comparison.names)
    a, b = map(_drawn, values)
    axes.plot(a, color=_COLOURS[0], linewidth=2.4, label=left)
    axes.plot(b, color=_COLOURS[1], linewidth=1.2, linestyle=(0, (4, 4)), label=right)


def _draw_difference(axes: Axes, a: Sequence[float], b: Sequence[float]) -> None:
    """On a logarithmic axis, where equal losses have no place and leave a gap."""
    apart = np.array([abs(x - y) for x, y in zip(a, b, strict=False)])
    axes.set_yscale("log")
    axes.minorticks_off()
    line = np.where(apart > 0, _drawn(apart), np.nan)
    label = f"measured; {np.count_nonzero(apart == 0)} of {len(apart)} updates equal"
    axes.plot(line, ".-", color="#444444", markersize=4, linewidth=0.8, label=label)


def _drawn(values: Sequence[float] | Floats) -> Floats:
    """The numbers of which an axis can be made; a gap for each of the others."""
    numbers = np.asarray(values, dtype=np.float64)
    return np.where(np.abs(numbers) <= _LARGEST, numbers, np.nan)


_LONGEST = 10**6
"""Updates."""

_LARGEST = 1e200
"""Beyond it the sums and powers that matplotlib makes of it overflow."""


def _legend(name: str) -> str:
    """A name as a legend shows it: no formula, and not left out for an underscore before it."""
    text = shortened(printable(name)).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def check_plots() -> None:
    """Raises `ExtraError` where nothing can be drawn."""
    with needed_for("drawing curves needs"):
        import matplotlib.figure  # noqa: F401


def _figure(*, height: float) -> Figure:
    check_plots()
    from matplotlib.figure import Figure

    return Figure(figsize=(8.0, height), layout="constrained")


def _label(axes: Axes, quantity: str) -> None:
    axes.set_xlabel("update t")
    axes.set_ylabel(quantity)
    axes.grid(color="#EEEEEE")
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="best")  # by default it warns, too, where that takes a second


def _save(figure: Figure, path: Path) -> None:
    with write_aside(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], dpi=150)
