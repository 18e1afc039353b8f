"""A test of parameters as the rule that it is: which names, which patterns, which shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dualtrain.reading import (
    Condition,
    Item,
    Known,
    Library,
    ListValue,
    Made,
    Unknown,
    Value,
    alternatives,
    leaves,
)

__all__ = ["ONE_DIMENSIONAL", "Rule", "rule_of", "tests_of"]

ONE_DIMENSIONAL = "ndim == 1"
"""Text of an `ndim1` that leaves a scalar out."""

NORMS = (
    {"LayerNorm", "GroupNorm", "RMSNorm", "_NormBase"},
    {"LayerNorm", "GroupNorm", "_BatchNormBase", "_InstanceNormBase"},
)
"""Classes of which all norms are, in torch and in Paddle."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which parameters a test picks: those of which any atom is true."""

    atoms: tuple[tuple[str, str], ...]
    """Kind and text: `substring`, `regex`, `exact`, `prefix`, `suffix`, `glob`, `role` (`bias`,
    `norm`, `embedding`), `below` (a number of dimensions), `ndim1`."""
    inverted: bool = False
    """Whether it picks all others instead."""

    @property
    def strings(self) -> list[str]:
        """The texts, in the order in which they are written; among roles and globs, which are
        not told from others by their look, each with its kind."""
        said = [(kind, text) for kind, text in self.atoms if kind != "ndim1"]
        if self.mixed:
            return [f"{kind} {text}" for kind, text in said]
        return list(dict.fromkeys(text for _, text in said))

    @property
    def mixed(self) -> bool:
        """Whether each text is written with its kind."""
        return any(kind in ("role", "glob", "below") for kind, _ in self.atoms)

    @property
    def one_dimensional(self) -> bool:
        """Whether of `ndim1` vectors are meant, and no scalars."""
        return {text for kind, text in self.atoms if kind == "ndim1"} == {ONE_DIMENSIONAL}

    @property
    def match(self) -> str:
        """The kinds: `substring`, `exact_or_ndim1`."""
        kinds = list(dict.fromkeys(kind for kind, _ in self.atoms))
        if len(kinds) > 1 and "ndim1" in kinds:
            others = [kind for kind in kinds if kind != "ndim1"]
            kinds = (
                ["ndim1", *others]
                if kinds[0] == "ndim1" and len(others) > 1
                else [*others, "ndim1"]
            )
        name = "_or_".join(kinds)
        return f"{name}_inverted" if self.inverted else name


Atoms = list[tuple[str, str]]


def rule_of(test: Value, *, picks: bool = True) -> Rule | None:
    """The rule by which a test picks parameters; None if it is none that can be said.

    picks: whether those are wanted for which the test is true, or those for which it is not.

    >>> name = Unknown(op="item")
    >>> one = Unknown(op="any", operands=(Unknown(op="in", operands=(Known("bias"), name)),))
    >>> rule_of(one).match, rule_of(one).strings
    ('substring', ['bias'])
    """
    atoms = _with_roles(_atoms(test, picks))
    if atoms is not None:
        return Rule(tuple(dict.fromkeys(atoms)))
    others = _with_roles(_atoms(test, not picks))
    return None if not others else Rule(tuple(dict.fromkeys(others)), inverted=True)


def _with_roles(atoms: Atoms | None) -> Atoms | None:
    """Tests of own names and classes as the roles that they come to; None where they come to
    none."""
    if atoms is None:
        return None
    classes = {text for kind, text in atoms if kind == "class"}
    roles: Atoms = []
    own = {(kind, text) for kind, text in atoms if kind.startswith("own ")}
    bias = {("own prefix", "bias"), ("own suffix", "bias")}
    if bias <= own:
        roles.append(("role", "bias"))
    else:
        bias = set()
    norms = next((one for one in NORMS if {*one, "*Norm"} <= classes), set())
    if norms:
        roles.append(("role", "norm"))
        classes -= norms | {"*Norm"}
    if classes == {"Embedding"}:
        roles.append(("role", "embedding"))
    elif classes:
        return None
    others = [one for one in atoms if one[0] != "class" and one not in bias]
    return roles + [(kind.removeprefix("own "), text) for kind, text in others]


def tests_of(items: Iterable[Item]) -> list[Condition]:
    """The conditions under which the elements of a list were put there."""
    found: list[Condition] = []
    for item in items:
        conditions = item.context.conditions
        if all(one.taken is not False for one in conditions):
            found += [c for c in conditions if c.taken is None and c not in found]
    return found


def _atoms(test: Value, wanted: bool) -> Atoms | None:
    """Of a test that is to come out as `wanted`: atoms of which any is enough."""
    match test:
        case Known(op=op) if op in ("any", "or", "in") and test.operands:
            return None
        case Known():
            return [] if bool(test.value) is not wanted else None
        case Unknown(op="not", operands=(inner,)):
            return _atoms(inner, not wanted)
        case Unknown(op="bool", operands=(inner,)):
            return _atoms(inner, wanted)
        case Unknown(op="any" | "or", operands=parts):
            return _union(parts, True) if wanted else None
        case Unknown(op="all" | "and", operands=parts):
            return _union(parts, False) if not wanted else _only(parts)
        case Unknown(op="in", operands=(one, of)):
            return _membership(one, of) if wanted else None
        case Unknown(op="not in", operands=(one, of)):
            return None if wanted else _membership(one, of)
        case Unknown(op=op, operands=(a, b)) if op in COMPARES:
            return _shape(op, a, b, wanted)
        case Unknown(op="isinstance", operands=(_, of)):
            return _classes(of) if wanted else None
        case Unknown(op="if", operands=(inner, Known(value=bool(a)), Known(value=bool(b)))):
            if a is b:
                return [] if a is not wanted else None
            return _atoms(inner, wanted if a else not wanted)
        case Made():
            return _method(test) if wanted else None
    return None


def _union(parts: Sequence[Value], wanted: bool) -> Atoms | None:
    found: Atoms = []
    for one in parts:
        atoms = _atoms(one, wanted)
        if atoms is None:
            return None
        found += atoms
    return found


def _only(parts: Sequence[Value]) -> Atoms | None:
    """Of tests that must all hold: the one that speaks of names, if the others only ask whether a
    parameter trains."""
    rest = [one for one in parts if not _trains(one)]
    return _atoms(rest[0], True) if len(rest) == 1 else None


def _trains(test: Value) -> bool:
    return any(
        isinstance(one, Known) and one.value in ("requires_grad", "stop_gradient", "trainable")
        for one in leaves(test)
    )


def _classes(of: Value) -> Atoms | None:
    """Of `isinstance(module, (LayerNorm, ...))`."""
    kinds = of.values if isinstance(of, ListValue) else [of]
    if not all(isinstance(one, Library) for one in kinds):
        return None
    return [("class", getattr(one, "path", "").rpartition(".")[2]) for one in kinds]


def _members(of: ListValue) -> Atoms | None:
    """By what a set that a loop filled came by its members."""
    found: Atoms = []
    for item in of.items:
        tests = [c for c in item.context.conditions if c.taken is None and not _trains(c.test)]
        atoms = _atoms(tests[0].test, tests[0].holds) if len(tests) == 1 else None
        if not atoms:
            return None
        found += atoms
    return found


def _membership(one: Value, of: Value) -> Atoms | None:
    if isinstance(one, Known) and isinstance(one.value, str) and not isinstance(of, ListValue):
        return [("substring", one.value)]
    if isinstance(of, ListValue):
        texts = [v.value for v in of.values if isinstance(v, Known) and isinstance(v.value, str)]
        if len(texts) == len(of.items) and not of.open:
            return [("exact", text) for text in texts]
        if of.open and not texts and not isinstance(one, Known):
            return _members(of) if of.items else None
    for choice in alternatives(of):
        if choice is not of and isinstance(choice, ListValue):
            atoms = _membership(one, choice)
            if atoms:
                return atoms
    return None


def _method(call: Made) -> Atoms | None:
    name = call.path.rpartition(".")[2]
    texts = [one.value for one in call.args if isinstance(one, Known)]
    if name in ("endswith", "startswith"):
        given = call.args[0] if call.args else None
        if isinstance(given, ListValue):
            texts = [one.value for one in given.values if isinstance(one, Known)]
        kind = "suffix" if name == "endswith" else "prefix"
        if _class_name(call.receiver):
            return [("class", f"*{text}") for text in texts] if kind == "suffix" else None
        kind = f"own {kind}" if _own_name(call.receiver) else kind
        return [(kind, str(text)) for text in texts] if texts else None
    if name in ("match", "search", "fullmatch", "findall"):
        if call.path.startswith("re.") and call.path.count(".") == 1:
            return _patterns(str(texts[0])) if texts else None
        compiled = call.receiver
        if isinstance(compiled, Made) and compiled.args and isinstance(compiled.args[0], Known):
            return _patterns(str(compiled.args[0].value))
    if name in ("fnmatch", "fnmatchcase") and texts:
        return [("glob", str(texts[-1]))]
    return None


def _class_name(of: Value | None) -> bool:
    """Whether it is `type(module).__name__`."""
    if not isinstance(of, Unknown) or of.op != "attr":
        return False
    return any(isinstance(o, Known) and o.value == "__name__" for o in of.operands)


def _own_name(of: Value | None) -> bool:
    """Whether it is a parameter's name in the module that holds it itself."""
    if not (isinstance(of, Unknown) and of.op == "item"):
        return False
    for one in leaves(of):
        if isinstance(one, Made) and one.path.rpartition(".")[2] == "named_parameters":
            given = (*one.args, *one.kwargs.values())
            return any(isinstance(arg, Known) and arg.value is False for arg in given)
    return False


def _patterns(expression: str) -> Atoms:
    """Each side of an expression's outermost `|`."""
    whole = not re.search(r"[()\[\]\\]", expression)
    return [("regex", one) for one in (expression.split("|") if whole else [expression])]


COMPARES = ("==", "!=", "<", "<=", ">", ">=")


def _shape(op: str, a: Value, b: Value, wanted: bool) -> Atoms | None:
    """`p.ndim <= 1` and its like."""
    if isinstance(a, Known) and not isinstance(b, Known):
        turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
        return _shape(turned.get(op, op), b, a, wanted)
    if not isinstance(b, Known):
        return None
    if not _dimensions(a):
        if op in ("==", "!=") and isinstance(b.value, str):
            return [("exact", b.value)] if (op == "==") is wanted else None
        if op in ("is", "is not", "!=") and b.value is None and isinstance(a, Made):
            return _atoms(a, (op != "==") is wanted)
        return None
    low = {("==", 1), ("<=", 1), ("<", 2)}
    high = {("!=", 1), (">", 1), (">=", 2)}
    if (op, b.value) in (low if wanted else high):
        return [("ndim1", ONE_DIMENSIONAL if op in ("==", "!=") else "")]
    if op == ("<" if wanted else ">=") and isinstance(b.value, int):
        return [("below", str(b.value))]
    return None


def _dimensions(value: Value) -> bool:
    match value:
        case Unknown(op="len", operands=(of,)):
            return any(isinstance(o, Known) and o.value == "shape" for o in leaves(of))
        case Unknown(op="attr", operands=(_, Known(value=name))):
            return name in ("ndim", "dim")
        case Made(path=path):
            return path.rpartition(".")[2] in ("dim", "ndimension", "ndim")
    return False
