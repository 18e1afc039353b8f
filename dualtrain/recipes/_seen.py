"""What of a program is its training: the optimizer that trains, its updates, its loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dualtrain.reading import (
    DictValue,
    Event,
    Instance,
    ListValue,
    Loop,
    Made,
    Program,
    Unknown,
    Value,
    leaves,
)
from dualtrain.recipes._optimizer_names import OPTIMIZERS, optimizer_class
from dualtrain.recipes._record import Found, Hazard
from dualtrain.recipes._static_graphs import runs_of

__all__ = ["Part", "Seen", "inside", "see"]

DEPTH = 6
"""How many wrappers may be around an optimizer."""

STEPS = ("step", "minimize")


@dataclass(slots=True)
class Part:
    """What one extractor finds."""

    fields: dict[str, Found] = field(default_factory=dict)
    hazards: list[Hazard] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The training of a program."""

    program: Program
    optimizers: Sequence[Event]
    """Constructions, of a library's class or of a subclass of the program's."""
    optimizer: Event | None
    """The one that trains; None where none is found."""
    updates: Sequence[Event]
    """Its `step` and `minimize`, through a loss scaler too; in branches not entered too. Of a
    static graph the runs of its program."""
    backwards: Sequence[Event]
    framework: str
    phases: Sequence[Seen] = ()
    """Other trainings of the program, each by an optimizer that steps in a loop."""

    @property
    def class_name(self) -> str:
        """Our name of the optimizer's class; empty where it is none of ours."""
        return "" if self.optimizer is None else _class_of(self.optimizer) or ""

    @property
    def made(self) -> Value | None:
        """The optimizer as a value."""
        if self.optimizer is None:
            return None
        receiver = self.optimizer.receiver
        return receiver if isinstance(receiver, Instance) else self.optimizer.result

    @property
    def batch_loop(self) -> Loop | None:
        """The loop of which each round is a micro-batch: the innermost around the backward."""
        for events in (self.backwards, self.updates):
            for one in sorted(events, key=lambda e: not e.context.real):
                if one.context.loops:
                    return one.context.loops[-1]
        return None

    def calls(self, *names: str) -> Iterator[Event]:
        """Calls of methods or functions of these last names, in order."""
        for one in self.program.events:
            if one.kind == "call" and one.name in names:
                yield one

    def of_optimizer(self, value: Value | None) -> bool:
        """Whether a value is the optimizer, or a wrapper around it."""
        return value is not None and any(one is self.made for one in inside(value))


def _class_of(event: Event) -> str | None:
    path = event.path.removesuffix(".__init__")
    if path in BASES and isinstance(event.receiver, Instance):
        return OPTIMIZERS.get(event.receiver.of.name.lower())
    return optimizer_class(path)


def _is_optimizer(event: Event) -> bool:
    path = event.path.removesuffix(".__init__")
    derived = path in BASES and isinstance(event.receiver, Instance)
    return derived or _class_of(event) is not None


def _may_be_optimizer(event: Event) -> bool:
    """Whether a class of another package is given parameters, as an optimizer is."""
    package, _, name = event.path.rpartition(".")
    is_class = isinstance(event.result, Made) and name[:1].isupper() and ".lr" not in package
    if not is_class or (package.startswith(("torch.", "paddle.")) and ".optim" not in package):
        return False
    given = event.args[0] if event.args else event.kwargs.get("params")
    given = event.kwargs.get("parameters") if given is None else given
    parts = [] if given is None else [leaf for one in inside(given) for leaf in leaves(one)]
    made = [one.path.rpartition(".")[2] for one in parts if isinstance(one, Made)]
    return any(name in PARAMETERS for name in made)


PARAMETERS = ("parameters", "named_parameters")

BASES = (
    "torch.optim.Optimizer",
    "torch.optim.optimizer.Optimizer",
    "paddle.optimizer.Optimizer",
    "paddle.optimizer.optimizer.Optimizer",
)
"""Of an optimizer's class that the program has a copy of, under the name that it is known by."""


def inside(value: Value, depth: int = 0) -> Iterator[Value]:
    """A value and what is wrapped in it: what a call was given, each side of a choice."""
    yield value
    if depth >= DEPTH:
        return
    inner: list[Value] = []
    match value:
        case Made():
            inner = [*value.args, *value.kwargs.values()]
        case ListValue():
            inner = value.values
        case DictValue():
            inner = list(value.cells.values())
        case Unknown(op="if"):
            inner = list(value.operands[1:])
        case Unknown(op="item" | "attr"):
            inner = [value.operands[0]]
    for one in inner:
        yield from inside(one, depth + 1)


def see(program: Program) -> Seen:
    """Finds the training in what a program does."""
    events = [one for one in program.events if one.kind == "call"]
    optimizers = [one for one in events if _is_optimizer(one) or _may_be_optimizer(one)]
    made: Mapping[int, Event] = {
        id(one.receiver if isinstance(one.receiver, Instance) else one.result): one
        for one in optimizers
    }

    def of(value: Value | None) -> Event | None:
        if value is None:
            return None
        return next((made[id(one)] for one in inside(value) if id(one) in made), None)

    updates: dict[int, list[Event]] = {}
    for one in events:
        if one.name not in STEPS:
            continue
        target = of(one.receiver) if one.receiver is not None else None
        if target is None or _is_schedule(one):
            target = next((t for t in map(of, one.args) if t is not None), None)
        if target is not None:
            updates.setdefault(id(target), []).append(one)
    optimizers = [one for one in optimizers if _is_optimizer(one) or id(one) in updates]
    main = _main(optimizers, updates)
    trains = [one for one in events if one.name == "backward" and one.context.loops]
    if main is not None and not main.context.real and any(one.context.real for one in trains):
        main = None  # one that is not made, beside a training that another one steps
    stepped = updates.get(id(main), []) if main is not None else []
    runs = runs_of(stepped, events)
    backwards = [one for one in events if one.name == "backward" and not runs]
    framework = "" if main is None else main.path.partition(".")[0]
    framework = "paddle" if framework.startswith("paddle") else "torch" if framework else ""
    seen = Seen(
        program,
        optimizers,
        main,
        runs or stepped,
        backwards,
        framework,
    )
    others = [
        replace(seen, optimizer=one, updates=found, backwards=_beside(backwards, found))
        for one in optimizers
        if one is not main and one.context.real
        for found in [[u for u in updates.get(id(one), []) if u.context.real and u.context.loops]]
        if found
    ]
    return replace(seen, phases=others)


def _beside(backwards: Sequence[Event], updates: Sequence[Event]) -> list[Event]:
    """The backward passes in the loops of these updates."""
    loops = {id(one) for update in updates for one in update.context.loops}
    return [one for one in backwards if any(id(loop) in loops for loop in one.context.loops)]


def _is_schedule(event: Event) -> bool:
    """Whether a `step` is a schedule's, which may hold the optimizer too."""
    receiver = event.receiver
    path = receiver.path if isinstance(receiver, Made) else ""
    return ".lr" in path or "schedule" in path.lower() or "Warmup" in path or "Decay" in path


def _main(optimizers: Sequence[Event], updates: Mapping[int, Sequence[Event]]) -> Event | None:
    """The one that trains: entered before not entered, stepped in a loop before not stepped."""

    def rank(one: Event) -> tuple[bool, ...]:
        steps = updates.get(id(one), [])
        looped = any(step.context.loops for step in steps)
        return (one.context.real, looped, bool(steps), _class_of(one) is not None)

    return max(optimizers, key=rank, default=None)
