"""The protocols say all that the core asks of a backend and of native objects, and nothing more.

The core is read with `ast`: every verb that it calls on a backend, and every attribute that it asks
of a native object, must be one that `dualtrain.backend` declares; and each of those must be asked.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualtrain.backend._batch_norm import BatchNorms
from dualtrain.backend._native import NativeModel, NativeOptimizer, NativeSchedule, NativeTensor
from dualtrain.backend._protocol import Backend
from dualtrain.backend._verbs import Verbs

CORE = Path(__file__).parents[2] / "dualtrain"

NATIVE = {
    NativeTensor: "tensor loss loss_sum parameter gradient weight master variance labels logits w",
    NativeModel: "model module layer owner copied",
    NativeOptimizer: "optimizer",
    NativeSchedule: "schedule",
}
"""What the core calls native objects: parameters of type Any, and in `backend/` any variable."""

HELD = {
    "model": NativeModel,
    "_model": NativeModel,
    "optimizer": NativeOptimizer,
    "schedule": NativeSchedule,
}
HELD |= {"tensor": NativeTensor, "owner": NativeModel}
"""The attributes of a run, of `self` and of a `NamedTensor` that are such."""

GIVE_TENSORS = ("cast", "clone", "detach", "log_softmax", "scaled")
"""Verbs of which the core asks something at once."""

UNASKED = {
    "AMP_DEVICES": "the conformance suite asks it, to know whether AMP is done or refused",
}
"""Declared, though the core does not call it; with the reason."""

MARKS = {"dualtrain_master", "dualtrain_wiring"}
"""Attributes of the core's own making."""


def members(protocol: type) -> set[str]:
    """What a protocol declares."""
    found = {*vars(protocol), *protocol.__annotations__}
    dunder = {name for name in found if name.startswith("__")} - {"__call__"}
    return {n for n in found - dunder if not n.startswith("_abc") and n != "_is_protocol"}


def asked(source: str, *, of_backend: bool = False) -> dict[type, set[str]]:
    """Protocol -> what a file's text asks of its objects.

    of_backend: whether the file is one of `dualtrain/backend/`, where every name counts.
    """
    found: dict[type, set[str]] = {
        protocol: set() for protocol in (Backend, Verbs, BatchNorms, *NATIVE)
    }
    for node, natives in _attributes(ast.parse(source), frozenset()):
        protocol = _protocol(node.value, natives, of_backend=of_backend)
        if protocol is not None and node.attr not in MARKS:
            found[protocol].add(node.attr)
    return found


def _attributes(
    node: ast.AST, natives: frozenset[str]
) -> Iterator[tuple[ast.Attribute, frozenset[str]]]:
    """Every attribute access, with the names of the parameters around it that are of type Any."""
    if isinstance(node, (ast.FunctionDef, ast.Lambda)):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        is_any = {
            a.arg: isinstance(node, ast.Lambda) or ast.unparse(a.annotation or a) == "Any"
            for a in arguments
            if isinstance(node, ast.Lambda) or a.annotation is not None
        }
        natives = natives - is_any.keys() | {name for name, native in is_any.items() if native}
    if isinstance(node, ast.Attribute):
        yield node, natives
    for child in ast.iter_child_nodes(node):
        yield from _attributes(child, natives)


def _protocol(held: ast.expr, natives: frozenset[str], *, of_backend: bool) -> type | None:
    """What the expression is, whose attribute is asked; None for what is no concern here."""
    match held:
        case ast.Call(func=ast.Name(id="load_backend" | "backend_of")):
            return Backend
        case ast.Name(id=name):
            if name in ("backend", "verbs", "norms"):
                return _of_a_backend(name, of_backend=of_backend)
            return _native(name) if name in natives or of_backend else None
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            if name in ("backend", "_verbs", "_norms"):
                return _of_a_backend(name, of_backend=of_backend)
            is_held = owner in ("self", "run", "found", "f")
            return HELD.get(name) if is_held else None
        case ast.Attribute(attr="backend"):
            return Backend
        case ast.Call(func=ast.Attribute(attr=name)) if name in GIVE_TENSORS:
            return NativeTensor
        case ast.BinOp(left=a, right=b):
            either = (_protocol(side, natives, of_backend=of_backend) for side in (a, b))
            return NativeTensor if NativeTensor in either else None
        case ast.UnaryOp(operand=operand):
            return _protocol(operand, natives, of_backend=of_backend)
        case _:
            return None


def _of_a_backend(name: str, *, of_backend: bool) -> type:
    if name.endswith("norms"):
        return BatchNorms
    return Verbs if of_backend else Backend


def _native(name: str) -> type | None:
    return next((protocol for protocol, names in NATIVE.items() if name in names.split()), None)


BENEATH = (
    "data",
    "explain",
    "fields",
    "lockstep",
    "native",
    "optimizers",
    "plan",
    "porting",
    "reading",
    "recipes",
    "schedules",
    "scripts",
    "spec",
    "tasks",
)
"""Rooms that meet no live object: they call other things by these names, such as a task's words for
its model, or the optimizer that a recipe speaks of."""


def of_the_core() -> dict[type, set[str]]:
    """What the whole core asks."""
    total: dict[type, set[str]] = {}
    for path in sorted(CORE.rglob("*.py")):
        if path.relative_to(CORE).parts[0] in BENEATH:
            continue
        inside = path.parent.name == "backend"
        if inside and path.name == "targets.py":  # arrays, under the same names
            continue
        for protocol, names in asked(path.read_text(encoding="utf-8"), of_backend=inside).items():
            total.setdefault(protocol, set()).update(names)
    return total


@pytest.mark.parametrize("protocol", [Backend, Verbs, BatchNorms, *NATIVE])
def test_a_protocol_says_what_is_asked_and_nothing_else(protocol: type) -> None:
    declared, used = members(protocol), of_the_core()[protocol]
    assert used - declared == set(), "the core asks what no protocol says"
    unused = declared - used - UNASKED.keys() - {"__call__"}
    assert unused == set(), "nobody asks for it"


@pytest.mark.parametrize(
    ("source", "protocol", "name"),
    [
        ("run.backend.fly(1)", Backend, "fly"),
        ("backend_of(model).fly", Backend, "fly"),
        ("def f(model: Any) -> None:\n    model.fly()", NativeModel, "fly"),
        ("run.optimizer.fly()", NativeOptimizer, "fly"),
        ("def f(loss: Any) -> None:\n    (loss / 2).fly()", NativeTensor, "fly"),
        ("backend.scaled(x, 2.0).fly()", NativeTensor, "fly"),
        ("self.schedule.fly = 1", NativeSchedule, "fly"),
        (
            "def f(loss: Any) -> None:\n    with x:\n        g(lambda: loss.fly)",
            NativeTensor,
            "fly",
        ),
    ],
)
def test_what_is_asked_is_found(source: str, protocol: type, name: str) -> None:
    assert name in asked(source)[protocol]


@pytest.mark.parametrize(
    "source", ["model = task.model\nmodel.path", "def f(model: Fresh) -> None:\n    model.path"]
)
def test_what_is_not_native_is_no_concern(source: str) -> None:
    assert not any(asked(source).values())
