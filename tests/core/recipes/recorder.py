"""A torch that notes what a loop does: the other reading of a script, by running it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

BATCHES = 7
"""In an epoch."""


@dataclass
class Run:
    """What has happened, in order: `("backward", scale)`, `("step", lr)`, `("zero",)`, ..."""

    events: list[tuple[Any, ...]] = field(default_factory=list)

    def note(self, *what: Any) -> None:
        self.events.append(what)

    def count(self, kind: str) -> int:
        return sum(one[0] == kind for one in self.events)

    @property
    def groups(self) -> list[list[tuple[int, float]]]:
        """Of each update, the epochs and scales of the losses whose gradients are in it."""
        found: list[list[tuple[int, float]]] = []
        held: list[tuple[int, float]] = []
        epoch = 0
        for one in self.events:
            match one:
                case ("epoch",):
                    epoch += 1
                case ("backward", scale):
                    held.append((epoch, scale))
                case ("zero",):
                    held = []
                case ("step",):
                    found.append(held)
        return found


class Loss:
    def __init__(self, run: Run, scale: float = 1.0) -> None:
        self.run, self.scale = run, scale

    def __truediv__(self, by: float) -> Loss:
        return Loss(self.run, self.scale / by)

    def mean(self) -> Loss:
        return self

    def backward(self) -> None:
        self.run.note("backward", self.scale)


class Model:
    def __init__(self, run: Run) -> None:
        self.run = run

    def parameters(self) -> list[int]:
        return []

    def train(self) -> None: ...

    def __call__(self, batch: Any) -> Loss:
        return Loss(self.run)


class Optimizer:
    def __init__(self, run: Run, lr: float) -> None:
        self.run, self.param_groups = run, [{"lr": lr}]

    def step(self) -> None:
        self.run.note("step")

    def zero_grad(self) -> None:
        self.run.note("zero")


class Schedule:
    def __init__(self, run: Run) -> None:
        self.run = run

    def step(self) -> None:
        self.run.note("schedule")


class Loader:
    def __init__(self, run: Run, batch_size: int = 1) -> None:
        self.run, self.batch_size = run, batch_size

    def __len__(self) -> int:
        return BATCHES

    def __iter__(self) -> Any:
        self.run.note("epoch")
        self.run.note("batch_size", self.batch_size)
        return iter(range(BATCHES))


def torch_of(run: Run) -> dict[str, ModuleType]:
    """Modules that stand in for torch's."""
    names = "torch torch.nn torch.nn.utils torch.optim torch.optim.lr_scheduler torch.utils "
    names += "torch.utils.data torch.cuda torch.cuda.amp tqdm"
    made = {name: ModuleType(name) for name in names.split()}
    for name, module in made.items():
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(made[parent], last, module)

    @contextmanager
    def autocast(enabled: bool = True) -> Any:
        run.note("autocast", enabled)
        yield

    put: dict[str, dict[str, Any]] = {
        "torch": {"manual_seed": lambda seed: run.note("seed", seed)},
        "torch.nn": {"Linear": lambda *size: Model(run)},
        "torch.nn.utils": {"clip_grad_norm_": lambda params, norm: run.note("clip", norm)},
        "torch.optim": {"AdamW": lambda params, lr: Optimizer(run, lr)},
        "torch.optim.lr_scheduler": {"StepLR": lambda optimizer, step_size: Schedule(run)},
        "torch.utils.data": {
            "DataLoader": lambda data, batch_size=1, shuffle=False: Loader(run, batch_size)
        },
        "torch.cuda.amp": {"autocast": autocast},
        "tqdm": {"tqdm": lambda over: over},
    }
    for name, values in put.items():
        for key, value in values.items():
            setattr(made[name], key, value)
    return made


def run_script(text: str) -> Run:
    """Runs a script over the standing-in torch, as `__main__`."""
    run = Run()
    put = torch_of(run)
    before = {name: sys.modules.get(name) for name in put}
    argv = sys.argv
    sys.modules.update(put)
    sys.argv = ["train.py"]
    try:
        exec(compile(text, "train.py", "exec"), {"__name__": "__main__"})
    except SystemExit:
        run.note("exit")
    finally:
        sys.argv = argv
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    return run
