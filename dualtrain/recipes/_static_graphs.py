"""Paddle's static graphs: `minimize` is said once, and each run of the program is an update."""

from __future__ import annotations

from collections.abc import Sequence

from dualtrain.reading import Event, Known, Made, Value

__all__ = ["runs_of"]

EXECUTORS = ("Executor.run", "ParallelExecutor.run")
COMPILED = ("CompiledProgram", "with_data_parallel")
"""What a program is handed through that stays the program."""


def runs_of(built: Sequence[Event], events: Sequence[Event]) -> list[Event]:
    """The runs in a loop of the program that an optimizer was built into by `minimize`.

    built: the optimizer's own calls; where one of them stands in a loop, the graph is not static.
    """
    if not built or any(one.context.loops for one in built):
        return []
    program = _guarded(built[-1])
    return [
        one
        for one in events
        if one.context.loops
        and one.path.startswith("paddle.")
        and one.path.endswith(EXECUTORS)
        and _same(_run(one), program)
    ]


def _guarded(built: Event) -> Value | None:
    """The program that a call builds into; None of the default one."""
    for one in reversed(built.context.managers):
        if isinstance(one, Made) and one.path.endswith("program_guard"):
            return one.args[0] if one.args else one.kwargs.get("main_program")
    return None


def _run(event: Event) -> Value | None:
    """The program that an executor runs; None of the default one."""
    executor = event.receiver
    if event.path.endswith("ParallelExecutor.run") and isinstance(executor, Made):
        shares = "share_vars_from" in executor.kwargs  # as the one that tests does
        return Known("another") if shares else executor.kwargs.get("main_program")
    program = event.kwargs.get("program", next(iter(event.args), None))
    while isinstance(program, Made) and program.path.endswith(COMPILED):
        inner = program.args[0] if program.args else program.kwargs.get("program_or_graph")
        program = program.receiver if program.path.endswith(COMPILED[1]) else inner
    return program


def _same(a: Value | None, b: Value | None) -> bool:
    return a is b or (_default(a) and _default(b))


def _default(program: Value | None) -> bool:
    match program:
        case None | Known(value=None):
            return True
        case Made(path=path):
            return path.endswith("default_main_program")
    return False
