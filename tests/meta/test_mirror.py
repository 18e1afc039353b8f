"""The two backends are mirrored file for file, name for name, signature for signature.

Both trees are read with `ast`, so this runs where neither framework is installed. A difference
that has to be is an entry in `EXCEPTIONS` with its reason; an entry no longer needed fails.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

BACKENDS = Path(__file__).parents[2] / "backends"
TREES = ("dualtrain_torch", "dualtrain_paddle")

EXCEPTIONS = {
    ("_compat.py", "fused_classes"): "only torch has a choice of AdamW kernels",
    ("_compat.py", "supports_fused"): "as above",
    ("_compat.py", "check_fleet"): "torch's ZeRO reads no protobuf",
    ("_compat.py", "native_call"): "only Paddle's versions differ in their optimizers",
    ("arrays.py", "named_states"): "only Paddle has random states with names",
    ("clip.py", "StepClipper.__call__"): "an optimizer calls it with what it has",
    ("operators.py", ""): "Paddle's autocast takes a list of operators, torch's takes none",
    **{
        ("optimizers.py", f"ByRule.{name}"): "each framework's base class asks for others"
        for name in ("__getstate__", "__init__", "step", "state_dict", "set_state_dict")
    },
    ("optimizers.py", "VERBS"): "each framework's own kernels",
    ("optimizers.py", "native_optimizer"): "torch has groups, Paddle must not have them",
    ("names.py", ""): "torch's names and layouts are the canonical ones",
    ("owners.py", ""): "only Paddle splits an optimizer's state by parameters",
    ("parts.py", ""): "only torch has tensors that are split while they are a model's",
    ("schedule.py", "LinearDecayWithWarmup"): "replaces a class that only Paddle scripts import",
    ("schedule.py", "LinearDecayWithWarmup.__init__"): "as above",
}
"""(file, name) -> why it differs; the name is empty for a file that one side alone has."""

MODELS = ("torch.nn.Module", "paddle.nn.Layer", "nn.Module", "nn.Layer")
"""The frameworks' words for the same type."""

Surface = dict[tuple[str, str], str]


def surface(tree: Path) -> Surface:
    """(file, public name) -> signature, for functions, classes, methods, constants, bindings."""
    found: Surface = {}
    for path in sorted(tree.glob("*.py")):
        found[path.name, ""] = "file"
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for name, text in _definitions(node):
                for word in (*MODELS, tree.name):
                    text = text.replace(word, "MODEL" if word in MODELS else "BACKEND")
                found[path.name, name] = text
    return found


def _definitions(node: ast.stmt) -> list[tuple[str, str]]:
    match node:
        case ast.FunctionDef(name=name) if not name.startswith("_"):
            return [(name, _signature(node))]
        case ast.ClassDef(name=name) if not name.startswith("_"):
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            shown = [m for m in methods if not m.name.startswith("_") or m.name.endswith("__")]
            return [(name, "class"), *((f"{name}.{m.name}", _signature(m)) for m in shown)]
        case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
            return [(name, f"constant: {ast.unparse(node.annotation)}")]
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute() | ast.Call() as value):
            return [(name, f"bound to {ast.unparse(value)}")] if not name.startswith("_") else []
        case ast.ImportFrom(module=module) if any(a.asname for a in node.names):
            return [(a.name, f"from {module}") for a in node.names]
        case _:
            return []


def _signature(function: ast.FunctionDef) -> str:
    returns = ast.unparse(function.returns) if function.returns else "nothing"
    return f"({ast.unparse(function.args)}) -> {returns}"


def differences(a: Surface, b: Surface) -> dict[tuple[str, str], str]:
    """What differs, or stands in one surface alone; of a file that one side lacks, the file."""
    found = {
        key: f"{a.get(key, 'absent')}  against  {b.get(key, 'absent')}"
        for key in sorted(a.keys() | b.keys())
        if a.get(key) != b.get(key)
    }
    lacking = {file for file, name in found if not name}
    return {key: text for key, text in found.items() if not key[1] or key[0] not in lacking}


def test_every_difference_has_a_reason_and_every_reason_a_difference() -> None:
    found = differences(*(surface(BACKENDS / tree) for tree in TREES))
    exported = {name for _, name in EXCEPTIONS}
    unexplained = {
        key: text
        for key, text in found.items()
        if key not in EXCEPTIONS and not (key[0] == "__init__.py" and key[1] in exported)
    }
    assert unexplained == {}
    assert EXCEPTIONS.keys() <= found.keys(), "an exception is no longer needed"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda text: text.replace("divisor", "by"), ("step.py", "f")),
        (lambda text: text + "\ndef g() -> None: ...\n", ("step.py", "g")),
        (lambda text: text.replace("= None", "= 1.0"), ("step.py", "f")),
        (lambda text: text.replace("shared.h", "shared.i"), ("step.py", "h")),
    ],
    ids=["renamed parameter", "extra function", "another default", "another binding"],
)
def test_a_drift_is_found(tmp_path: Path, change, key) -> None:  # type: ignore[no-untyped-def]
    source = "def f(loss: float, divisor: float | None = None) -> None: ...\nh = shared.h\n"
    for tree, text in zip(TREES, (source, change(source)), strict=True):
        (tmp_path / tree).mkdir()
        (tmp_path / tree / "step.py").write_text(text)
    found = differences(*(surface(tmp_path / tree) for tree in TREES))
    assert [key] == list(found)


def test_an_extra_file_is_found(tmp_path: Path) -> None:
    for tree in TREES:
        (tmp_path / tree).mkdir()
    (tmp_path / TREES[0] / "extra.py").write_text('"""Nothing."""\n\ndef f() -> None: ...\n')
    found = differences(*(surface(tmp_path / tree) for tree in TREES))
    assert list(found) == [("extra.py", "")]
