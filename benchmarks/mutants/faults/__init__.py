"""The faults by area, chosen before anybody looked at what the tests test."""

from benchmarks.mutants._mutant import Area
from benchmarks.mutants.faults import (
    arrays,
    backend,
    checkpoints,
    in_paddle,
    in_torch,
    ledger,
    lockstep,
    optimizers,
    parity,
    plan,
    processes,
    resumed,
    tasks,
    texts,
    training,
    watching,
)

__all__ = ["AREAS"]

AREAS = (
    Area(name="torch", mutants=in_torch.MUTANTS),
    Area(name="Paddle", mutants=in_paddle.MUTANTS),
    Area(name="both backends", mutants=backend.MUTANTS),
    Area(name="optimizers", mutants=optimizers.MUTANTS),
    Area(name="plan", mutants=plan.MUTANTS),
    Area(name="training", mutants=training.MUTANTS),
    Area(name="checkpoints", mutants=checkpoints.MUTANTS),
    Area(name="going on from a checkpoint", mutants=resumed.MUTANTS),
    Area(name="evaluations, callbacks, loggers, progress", mutants=watching.MUTANTS),
    Area(name="several processes", mutants=processes.MUTANTS),
    Area(name="ledger", mutants=ledger.MUTANTS),
    Area(name="tasks and traces", mutants=tasks.MUTANTS),
    Area(name="tasks on texts", mutants=texts.MUTANTS),
    Area(name="images, numbers, modules, predictions", mutants=arrays.MUTANTS),
    Area(name="parity", mutants=parity.MUTANTS),
    Area(name="lockstep", mutants=lockstep.MUTANTS),
)
