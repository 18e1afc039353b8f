"""The faults by area, chosen before anybody looked at what the tests test."""

from benchmarks.mutants._mutant import Area
from benchmarks.mutants.faults import (
    backend,
    in_paddle,
    in_torch,
    ledger,
    optimizers,
    parity,
    plan,
    tasks,
    training,
)

__all__ = ["AREAS"]

_RUNS = ("tests/conformance", "tests/oracle")

AREAS = (
    Area(name="torch", mutants=in_torch.MUTANTS, checks=(*_RUNS, "tests/parity")),
    Area(name="Paddle", mutants=in_paddle.MUTANTS, checks=(*_RUNS, "tests/parity")),
    Area(name="both backends", mutants=backend.MUTANTS, checks=(*_RUNS, "tests/parity")),
    Area(name="optimizers", mutants=optimizers.MUTANTS, checks=("tests/oracle", *_RUNS)),
    Area(name="plan", mutants=plan.MUTANTS, checks=("tests/core", *_RUNS)),
    Area(name="training", mutants=training.MUTANTS, checks=(*_RUNS, "tests/parity")),
    Area(name="ledger", mutants=ledger.MUTANTS, checks=("tests/core", *_RUNS)),
    Area(name="tasks and traces", mutants=tasks.MUTANTS, checks=("tests/core", *_RUNS)),
    Area(name="parity", mutants=parity.MUTANTS, checks=("tests/meta", "tests/core")),
)
