"""Imports: files of the repository are read, all else is a library's."""

from __future__ import annotations

from pathlib import Path

from dualtrain.errors import SourceError
from dualtrain.reading import _statements
from dualtrain.reading._machine import Frame, Machine
from dualtrain.reading._source import parsed
from dualtrain.reading._values import Known, Library, Module, Origin, Value

EXPORTED = {
    "paddle.optimizer": "ASGD Adadelta Adagrad Adam AdamW Adamax LBFGS Lamb Momentum NAdam "
    "Optimizer RAdam RMSProp Rprop SGD",
    "paddle.optimizer.lr": "CosineAnnealingDecay CosineAnnealingWarmRestarts CyclicLR "
    "ExponentialDecay InverseTimeDecay LRScheduler LambdaDecay LinearLR LinearWarmup "
    "MultiStepDecay MultiplicativeDecay NaturalExpDecay NoamDecay OneCycleLR PiecewiseDecay "
    "PolynomialDecay ReduceOnPlateau StepDecay",
    "torch.optim": "ASGD Adadelta Adafactor Adagrad Adam AdamW Adamax LBFGS NAdam Optimizer RAdam "
    "RMSprop Rprop SGD SparseAdam lr_scheduler swa_utils",
    "torch.optim.lr_scheduler": "ChainedScheduler ConstantLR CosineAnnealingLR "
    "CosineAnnealingWarmRestarts CyclicLR ExponentialLR LRScheduler LambdaLR LinearLR MultiStepLR "
    "MultiplicativeLR OneCycleLR PolynomialLR ReduceLROnPlateau SequentialLR StepLR",
}
"""What `from library import *` gives, of those that are told apart by it."""

__all__ = ["everything", "loaded", "main", "module", "starred", "submodule"]

ALWAYS_LIBRARIES = frozenset(
    [
        "torch",
        "paddle",
        "paddlenlp",
        "paddleformers",
        "transformers",
        "pytorch_transformers",
        "pytorch_pretrained_bert",
        "accelerate",
        "datasets",
        "numpy",
        "yaml",
        "argparse",
        "timm",
        "apex",
        "lightning",
        "pytorch_lightning",
        "paddlehub",
        "paddle_serving",
        "visualdl",
        "tensorboardX",
        "wandb",
        "typing",
        "os",
        "sys",
        "math",
        "random",
        "functools",
        "collections",
        "dataclasses",
        "json",
        "re",
        "time",
        "logging",
        "pathlib",
    ]
)
"""Never read, even where a folder of the repository has the name: what they do is known here."""


def main(machine: Machine, path: Path) -> Module:
    """Reads a script as Python runs it: its `__name__` is `__main__`."""
    return _read(machine, path, "__main__")


def module(machine: Machine, name: str, frame: Frame, level: int = 0) -> Value:
    """What `import name` gives; level: dots before it."""
    if level:
        here = machine.root / frame.module.file
        base = here.parent
        for _ in range(level - 1):
            base = base.parent
        places = [base]
    else:
        if name.partition(".")[0] in ALWAYS_LIBRARIES:
            return Library(name)
        here = (machine.root / frame.module.file).parent
        places = [*machine.paths, here, machine.root]
        places += [p for p in here.parents if machine.root in p.parents]
    parts = name.split(".") if name else []
    for place in places:
        found = _found(place, parts)
        if found is not None:
            return loaded(machine, found, name)
    return Library(name)


def _found(place: Path, parts: list[str]) -> Path | None:
    """The file, or the folder of a package."""
    path = place.joinpath(*parts)
    if path.with_suffix(".py").is_file() and parts:
        return path.with_suffix(".py")
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    return path if path.is_dir() else None


def loaded(machine: Machine, path: Path, name: str) -> Value:
    """The module of a file, or a package's folder; read once, and once more where it is imported
    first in a branch that is not entered, since what it does happens later."""
    key = str(path)
    passed_over: set[str] = machine.state.setdefault("passed over", set())
    if key in machine.modules and not (key in passed_over and machine.context.real):
        return machine.modules[key]
    passed_over.discard(key)
    if not machine.context.real:
        passed_over.add(key)
    if path.is_dir():
        made = Module(name, _relative(machine, path / "__init__.py"))
        machine.modules[key] = made
        return made
    return _read(machine, path, name)


def _read(machine: Machine, path: Path, name: str) -> Module:
    file = _relative(machine, path)
    made = Module(name, file)
    machine.modules[str(path)] = made
    made.cells["__name__"] = Known(name)
    made.cells["__file__"] = Known(file, Origin("computed"))
    try:
        tree = parsed(path, file)
    except SourceError as fault:
        if name == "__main__":
            raise
        machine.note(str(fault))
        return made
    with machine.apart():
        _statements.block(machine, tree.body, Frame(made.cells, made))
    return made


def _relative(machine: Machine, path: Path) -> str:
    try:
        return path.resolve().relative_to(machine.root).as_posix()
    except ValueError:
        return path.name


def submodule(machine: Machine, of: Module, name: str) -> Value | None:
    """A module inside a package of the repository."""
    folder = (machine.root / of.file).parent
    if not of.file.endswith("__init__.py"):
        return None
    found = _found(folder, [name])
    return None if found is None else loaded(machine, found, f"{of.name}.{name}")


def starred(machine: Machine, of: Module, name: str) -> Library | None:
    """What a name is that only `from library import *` can give; None where none or several can."""
    stars = {path for file, path in machine.state.get("stars", []) if file == of.file}
    sure = [one for one in stars if name in EXPORTED.get(one, "").split()]
    left = sure or [one for one in stars if one not in EXPORTED]
    return Library(f"{left[0]}.{name}") if len(left) == 1 else None


def everything(machine: Machine, base: Value, frame: Frame) -> None:
    """`from base import *`."""
    if isinstance(base, Module):
        for name, value in list(base.cells.items()):
            if not name.startswith("_"):
                machine.write(frame.cells, name, value)
    elif isinstance(base, Library):
        machine.state.setdefault("stars", []).append((frame.module.file, base.path))
