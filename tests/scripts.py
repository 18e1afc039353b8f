"""Runs a written script as its user would, on a model of the oracle's, beside `fit`."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from dualtrain import Spec, fit
from dualtrain.errors import SpecError
from dualtrain.scripts import write_script
from tests.oracle.drive import native
from tests.oracle.model import initial
from tests.oracle.specs import Case

__all__ = ["Ran", "by_fit", "by_script", "filled", "lines_of", "writable"]

_LINE = re.compile(r"update (\d+) lr (\S+) loss (\S+)")


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a run came to."""

    rates: list[float]
    losses: list[float]
    weights: dict[str, NDArray[Any]]
    averages: dict[str, NDArray[Any]] | None = None
    """Of the weights, where there are any."""
    seen: list[dict[str, NDArray[Any]]] = field(default_factory=list)
    """The weights at each reading of the metric."""
    skipped: int = 0
    """Updates that were skipped, as far as it is told."""


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
        if "[" in word:
            word = word.partition(".")[0].partition("[")[0]
        *around, last = word.split(".")
        part = values
        for step in around:
            part[step] = part = dict(part[step])
        if word == "schedule.cooldown":
            part[last] = 0
        elif word == "weight_decay.kind":
            part[last] = "coupled"
        else:
            part.pop(last, None)  # two of its items may be refused
    return values


def _model(case: Case, own: Any) -> Any:
    weights = initial(case.architecture, np.random.default_rng([case.seed, case.index, 0]))
    return own.build(case.architecture, weights, case.dtype)


def by_fit(case: Case, backend: str) -> Ran:
    """By the product."""
    own, spec = native(backend), Spec(**case.spec)
    model, readings = _model(case, own), iter(range(10**6))
    seen: list[dict[str, NDArray[Any]]] = []

    def metric(model: Any) -> float:
        seen.append(own.read(model))
        return case.metric(next(readings))

    reader = metric if spec.schedule.needs_metric else None
    with TemporaryDirectory() as folder:
        updates = fit(spec, model, case.batches, metric=reader, output=Path(folder) / "output")
        averages = load_file(Path(folder) / "output" / "ema.safetensors") if spec.ema else None
    return Ran(
        rates=[u.lr for u in updates],
        losses=[u.loss for u in updates],
        weights=own.read(model),
        averages=averages,
        skipped=sum(u.skipped for u in updates),
        seen=seen,
    )


def by_script(case: Case, backend: str, folder: Path, *, text: str | None = None) -> Ran:
    """By the script, its place filled with the same model and batches; text: another one."""
    own, readings = native(backend), iter(range(10**6))
    seen: list[dict[str, NDArray[Any]]] = []

    def evaluate(model: Any) -> float:
        seen.append(own.read(model))
        return case.metric(next(readings))

    script = filled(
        text or write_script(Spec(**case.spec), backend),
        folder / f"train_{backend}_{case.index}.py",
        build_model=lambda: _model(case, own),
        batches=case.batches,
        evaluate=evaluate,
    )
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        made = script["train"]()
    model, averages = made if isinstance(made, tuple) else (made, None)
    lines, weights = lines_of(told.getvalue()), own.read(model)
    if averages is not None:
        model.load_state_dict({**model.state_dict(), **averages})
    return Ran(
        rates=[lr for lr, _ in lines],
        losses=[loss for _, loss in lines],
        weights=weights,
        averages=None if averages is None else own.read(model),
        seen=seen,
    )


def filled(text: str, file: Path, **yours: Any) -> dict[str, Any]:
    """The names of a script, its place filled with these functions; nothing has run yet."""
    file.write_text(text, encoding="utf-8")
    script = runpy.run_path(str(file), run_name="script")
    script["train"].__globals__.update(yours)
    return script


def lines_of(told: str) -> list[tuple[float, float]]:
    """(rate, loss) of each update that a script tells of."""
    lines = _LINE.findall(told)
    assert [int(number) for number, _, _ in lines] == list(range(len(lines)))
    return [(float(lr), float(loss)) for _, lr, loss in lines]
