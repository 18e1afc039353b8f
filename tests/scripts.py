"""Runs a written script as its user would, on a model of the oracle's, beside `fit`."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain import Spec, fit
from dualtrain.errors import SpecError
from dualtrain.scripts import write_script
from tests.oracle.drive import native
from tests.oracle.model import initial
from tests.oracle.specs import Case

__all__ = ["Ran", "by_fit", "by_script", "refused_words", "writable"]

_LINE = re.compile(r"update (\d+) lr (\S+) loss (\S+)")


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a run came to."""

    rates: list[float]
    losses: list[float]
    weights: dict[str, NDArray[Any]]
    averages: list[NDArray[Any]] | None = None
    """Of the parameters that train, in their order."""


def refused_words(spec: Spec, backend: str) -> list[str]:
    """The words that a script for this framework does not say."""
    try:
        write_script(spec, backend)
    except SpecError as error:
        return [problem.where for problem in error.problems]
    return []


def writable(values: dict[str, Any], backend: str) -> dict[str, Any]:
    """The spec without the words that are refused."""
    values = dict(values)
    for word in refused_words(Spec(**values), backend):
        *around, last = word.split(".")
        part = values
        for step in around:
            part[step] = part = dict(part[step])
        if word == "schedule.cooldown":
            part[last] = 0
        else:
            part.pop(last)
    return values


def _model(case: Case, own: Any) -> Any:
    weights = initial(case.architecture, np.random.default_rng([case.seed, case.index, 0]))
    return own.build(case.architecture, weights, case.dtype)


def by_fit(case: Case, backend: str) -> Ran:
    """By the product."""
    own, spec = native(backend), Spec(**case.spec)
    model, readings = _model(case, own), iter(range(10**6))
    metric = (lambda model: case.metric(next(readings))) if spec.schedule.needs_metric else None
    updates = fit(spec, model, case.batches, metric=metric)
    return Ran(
        rates=[u.lr for u in updates], losses=[u.loss for u in updates], weights=own.read(model)
    )


def by_script(case: Case, backend: str, folder: Path) -> Ran:
    """By the script, its place filled with the same model and batches."""
    own = native(backend)
    file = folder / f"train_{backend}_{case.index}.py"
    file.write_text(write_script(Spec(**case.spec), backend), encoding="utf-8")
    readings = iter(range(10**6))
    script = runpy.run_path(str(file), run_name="script")
    names = script["train"].__globals__
    names |= {
        "build_model": lambda: _model(case, own),
        "batches": case.batches,
        "evaluate": lambda model: case.metric(next(readings)),
    }
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        made = script["train"]()
    model, averages = made if isinstance(made, tuple) else (made, None)
    lines = _LINE.findall(told.getvalue())
    assert [int(number) for number, _, _ in lines] == list(range(len(lines)))
    return Ran(
        rates=[float(lr) for _, lr, _ in lines],
        losses=[float(loss) for _, _, loss in lines],
        weights=own.read(model),
        averages=None if averages is None else [a.numpy().copy() for a in averages],
    )
