"""Trains a case by the product, `fit` or a loop of one's own, and keeps all that happened."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from dualtrain import Spec, fit, start
from dualtrain.backend import Backend, load_backend
from tests.oracle.loss import count
from tests.oracle.model import initial
from tests.oracle.specs import Case
from tests.oracle.update import divisors, groups

__all__ = ["Made", "Micro", "Record", "native", "train"]

Arrays = dict[str, NDArray[Any]]


@dataclass
class Micro:
    """A micro-batch: where it began, and the gradients that its backward pass gave."""

    weights: Arrays
    gradients: Arrays = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Made:
    """What the product says of an update. None where this way through it does not tell."""

    t: int
    lr: float
    momentum: float | None
    loss: float | None
    micro_losses: tuple[float, ...] | None
    grad_norm: float | None
    clipped_norm: float | None
    loss_scale: float | None
    skipped: bool


@dataclass
class Record:
    """A run."""

    micros: list[Micro] = field(default_factory=list)
    """Of each forward pass in training."""
    made: list[Made] = field(default_factory=list)
    averages: dict[int, Arrays] = field(default_factory=dict)
    """After so many updates."""
    after: Arrays = field(default_factory=dict)
    """The final weights."""
    header: dict[str, Any] = field(default_factory=dict)
    """Of the trace: whole numbers that the product says; empty where there is no trace."""
    files: dict[str, Arrays] = field(default_factory=dict)
    """What was written, by file name."""


def native(backend: str) -> Any:
    """The oracle's model in this framework."""
    return import_module(f"tests.oracle.native_{backend}")


def train(case: Case, backend: str) -> Record:
    """Raises what the product raises."""
    verbs, own = load_backend(backend), native(backend)
    weights = initial(case.architecture, np.random.default_rng([case.seed, case.index, 0]))
    model = own.build(case.architecture, weights, case.dtype)
    for name in case.still:
        own.hold(model, name)
    record = Record()
    model.seen = lambda model: record.micros.append(Micro(own.read(model)))
    own.capture(model, lambda name, g: record.micros[-1].gradients.update({name: g}))
    spec = Spec(**case.spec)
    if case.through == "fit":
        _fit(case, spec, model, own, record)
    else:
        with _any_device(verbs):
            _loop(case, spec, model, own, verbs, record)
    record.after = own.read(model)
    return record


def _fit(case: Case, spec: Spec, model: Any, own: Any, record: Record) -> None:
    groups_of_epoch = len(groups(spec.batch.model_dump(), case.micro_batches))
    readings: list[float] = []

    def metric(model: Any) -> float:
        readings.append(case.metric(len(readings)))
        record.averages[len(readings) * groups_of_epoch] = own.read(model)
        return readings[-1]

    waits = spec.schedule.name == "reduce_on_plateau"
    with tempfile.TemporaryDirectory() as folder:
        trace, output = Path(folder) / "trace.jsonl", Path(folder) / "output"
        updates = fit(
            spec,
            model,
            case.batches,
            loss=own.own_loss if case.own_loss else None,
            metric=metric if waits else None,
            trace=trace,
            output=output,
        )
        with trace.open(encoding="utf-8") as lines:
            record.header = json.loads(next(lines))["plan"]
        record.files = {file.name: load_file(file) for file in output.glob("*.safetensors")}
    told = Made.__dataclass_fields__
    record.made = [Made(**{name: getattr(u, name) for name in told}) for u in updates]


def _loop(case: Case, spec: Spec, model: Any, own: Any, verbs: Backend, record: Record) -> None:
    run = start(spec, model, micro_batches_per_epoch=case.micro_batches, measure=True)
    settings = case.spec.get("loss")
    smoothing = (settings or {}).get("label_smoothing", 0.0)
    shift = bool((settings or {}).get("shift_labels"))
    full = None if settings is None else spec.model_dump()["loss"]
    epoch = readings = 0
    while len(record.made) < run.plan.total_updates:
        batches = case.batches(epoch)
        counts = [count(full, b["labels"], case.architecture.classes) for b in batches]
        by_token = _token_divisors(spec, counts)
        for position, batch in enumerate(batches):
            tensors = verbs.to_device(batch, run.device)
            if case.own_loss:
                total = own.own_loss(run.model, tensors)
            else:
                logits, labels = run.model(tensors["tokens"]), tensors["labels"]
                if shift:
                    logits, labels = logits[:, :-1], labels[:, 1:]
                total = verbs.cross_entropy_sum(logits, labels, label_smoothing=smoothing)
            if by_token is None:
                done = run.step(total / counts[position])
            else:
                done = run.step(total, divisor=by_token.get(position, 1.0))
            if done is None:
                continue
            norms = [n for n in (done.grad_norm, done.clipped_norm) if n is not None]
            numbers = iter(verbs.numbers(norms))
            record.made.append(
                Made(
                    t=done.t,
                    lr=done.lr,
                    momentum=done.momentum,
                    loss=None,
                    micro_losses=None,
                    grad_norm=None if done.grad_norm is None else next(numbers),
                    clipped_norm=None if done.clipped_norm is None else next(numbers),
                    loss_scale=done.loss_scale,
                    skipped=done.skipped,
                )
            )
            if spec.ema is not None:
                with run.averaged():
                    record.averages[len(record.made)] = own.read(run.model)
            if len(record.made) == run.plan.total_updates:
                return
        epoch += 1
        if spec.schedule.name == "reduce_on_plateau":
            run.report(case.metric(readings))
            readings += 1


def _token_divisors(spec: Spec, counts: list[int]) -> dict[int, float] | None:
    """Position -> what its sum is divided by, which is the caller's affair with token_mean."""
    if spec.batch.normalise != "token_mean":
        return None
    found: dict[int, float] = {}
    for group in groups(spec.batch.model_dump(), len(counts)):
        parts = divisors(spec.batch.model_dump(), [counts[i] for i in group])
        found |= {i: float(part) for i, part in zip(group, parts, strict=True)}
    return found


@contextmanager
def _any_device(verbs: Any) -> Iterator[None]:
    """Loss scaling needs no autocast, which Paddle does not have on the CPU."""
    check = verbs.check_amp
    verbs.check_amp = lambda amp, device: None
    try:
        yield
    finally:
        verbs.check_amp = check
