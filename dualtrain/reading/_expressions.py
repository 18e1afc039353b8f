"""Expressions: each gives a value, known or not."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from dualtrain.errors import SourceError
from dualtrain.reading import _attributes, _calls, _imports
from dualtrain.reading._flags import enclosed, labelled, passed, read, uses_by_name
from dualtrain.reading._machine import Frame, Machine, either
from dualtrain.reading._operators import (
    BINARY,
    OUTSIDE,
    UNARY,
    binary,
    compare,
    compute,
    truth,
)
from dualtrain.reading._place import Place
from dualtrain.reading._source import tree
from dualtrain.reading._values import (
    Class,
    Condition,
    DictValue,
    Function,
    Item,
    Known,
    Library,
    ListValue,
    Made,
    Origin,
    Unknown,
    Value,
)

__all__ = ["bind", "elements", "evaluate"]

UNROLLED = 200
"""Elements of a known list that a comprehension or loop goes through one by one."""


def evaluate(machine: Machine, node: ast.expr | None, frame: Frame) -> Value:
    """The value of an expression; None's where there is none."""
    machine.burn()
    if node is None:
        return Known(None)
    rule = RULES.get(type(node))
    place = Place(frame.module.file, getattr(node, "lineno", 0))
    if rule is None:
        return Unknown(f"{type(node).__name__} is not followed", Origin("computed", place))
    return rule(machine, node, frame, place)


def _constant(machine: Machine, node: ast.Constant, frame: Frame, place: Place) -> Value:
    return Known(node.value, Origin("literal", place))


def _name(machine: Machine, node: ast.Name, frame: Frame, place: Place) -> Value:
    value = _named_value(machine, node, frame, place)
    a = frame.function.node.args if frame.function is not None else None
    parameters = (*a.posonlyargs, *a.args, *a.kwonlyargs) if a is not None else ()
    handed = any(one.arg == node.id for one in parameters)
    if isinstance(value, Function) and value.scopes:
        enclosed(machine, value)
    return read(machine, value, place) if handed else value


def _named_value(machine: Machine, node: ast.Name, frame: Frame, place: Place) -> Value:
    if node.id not in frame.globals:
        for cells in (frame.cells, *frame.around):
            if node.id in cells:
                return cells[node.id]
    cells = frame.module.cells
    if node.id in cells:
        return cells[node.id]
    if node.id in _calls.BUILTINS:
        return Library(f"builtins.{node.id}")
    starred = _imports.starred(machine, frame.module, node.id)
    if starred is not None:
        return starred
    return Unknown(
        f"{node.id} is set nowhere", Origin("computed", place), "name", (Known(node.id),)
    )


def _attribute(machine: Machine, node: ast.Attribute, frame: Frame, place: Place) -> Value:
    of = evaluate(machine, node.value, frame)
    return read(machine, _attributes.get(machine, of, node.attr, place), place)


def _call(machine: Machine, node: ast.Call, frame: Frame, place: Place) -> Value:
    if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
        return _calls.super_of(frame)
    if isinstance(node.func, ast.Name) and node.func.id in ("locals", "vars") and not node.args:
        return DictValue(dict(frame.cells), Origin("computed", place))
    callee = evaluate(machine, node.func, frame)
    args: list[Value] = []
    kwargs: dict[str, Value] = {}
    for one in node.args:
        if isinstance(one, ast.Starred):
            spread = evaluate(machine, one.value, frame)
            if isinstance(spread, ListValue) and not spread.open:
                args += spread.values
            else:
                kwargs["*"] = spread
        else:
            args.append(_argument(machine, one, frame, callee))
    for keyword in node.keywords:
        value = _argument(machine, keyword.value, frame, callee)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
            continue
        entries = _attributes.entries(value)
        if entries is not None:
            if isinstance(callee, (Function, Class)) or not getattr(value, "attributes", False):
                for entry in entries.values():
                    read(machine, entry, place)
            kwargs |= {key: one for key, one in entries.items() if isinstance(key, str)}
        if entries is None or (isinstance(value, DictValue) and value.open):
            kwargs["**"] = value
    if isinstance(callee, Library) and callee.path == "builtins.locals" and frame.function:
        return DictValue(dict(frame.cells), Origin("computed", place))
    if isinstance(callee, Library) and callee.path == "builtins.eval" and args:
        return _evaluated(machine, args[0], frame, place)
    return _calls.call(machine, callee, args, kwargs, place)


def _argument(machine: Machine, node: ast.expr, frame: Frame, callee: Value) -> Value:
    """An argument; a flag that a function of the program's own is handed is not used thereby."""
    handed = isinstance(node, (ast.Name, ast.Attribute)) or (
        isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
    )
    if not handed or not uses_by_name(callee):
        return evaluate(machine, node, frame)
    machine.burn()
    place = Place(frame.module.file, node.lineno)
    if isinstance(node, ast.Name):
        value = _named_value(machine, node, frame, place)
    elif isinstance(node, ast.Attribute):
        of = evaluate(machine, node.value, frame)
        value = _attributes.get(machine, of, node.attr, place)
    else:
        assert isinstance(node, ast.Subscript)
        of, index = (evaluate(machine, one, frame) for one in (node.value, node.slice))
        value = _attributes.item(machine, of, index, place)
    return passed(machine, value, place)


def _evaluated(machine: Machine, text: Value, frame: Frame, place: Place) -> Value:
    """eval(text): an expression, among the names of the one that calls."""
    origin = Origin("computed", place)
    if not isinstance(text, Known) or not isinstance(text.value, str):
        return Unknown("", origin, "eval", (text,))
    try:
        node = tree(text.value.strip(), place.file).body
    except SourceError:
        return Unknown("", origin, "eval", (text,))
    if len(node) != 1 or not isinstance(node[0], ast.Expr):
        return Unknown("", origin, "eval", (text,))
    for one in ast.walk(node[0]):
        if isinstance(one, ast.expr):
            one.lineno = place.line
    value = evaluate(machine, node[0].value, frame)
    outside = isinstance(value, Known) and text.origin.how in OUTSIDE
    return labelled(value, text.origin) if outside else value


def _binary(machine: Machine, node: ast.BinOp, frame: Frame, place: Place) -> Value:
    if type(node.op) not in BINARY:
        return Unknown("", Origin("computed", place))
    a, b = evaluate(machine, node.left, frame), evaluate(machine, node.right, frame)
    return binary(node.op, a, b, place)


def _unary(machine: Machine, node: ast.UnaryOp, frame: Frame, place: Place) -> Value:
    value = evaluate(machine, node.operand, frame)
    op, function = UNARY[type(node.op)]
    if op == "not":
        known = truth(value)
        if known is not None:
            return Known(not known, Origin("computed", place), op, (value,))
        return Unknown("", Origin("computed", place), op, (value,))
    return compute(op, function, (value,), place)


def _boolean(machine: Machine, node: ast.BoolOp, frame: Frame, place: Place) -> Value:
    op = "and" if isinstance(node.op, ast.And) else "or"
    open_ones: list[Value] = []
    last: Value = Known(op == "and")
    first: Value | None = None
    for one in node.values:
        first, last = (last if one is node.values[-1] else None), evaluate(machine, one, frame)
        known = truth(last)
        if known is None or known is (op == "or"):
            open_ones.append(last)
        if known is (op == "or"):
            break
    if not open_ones or open_ones[0] is last:
        return _instead(node, first, last) if first is not None else last
    return Unknown("", Origin("computed", place), op, tuple(open_ones))


def _instead(node: ast.BoolOp, first: Value, last: Value) -> Value:
    """Of `flag or number`, where the flag is not given: a choice, as `if` makes it."""
    unset = isinstance(first, Known) and bool(first.origin.name) and first.value in (None, 0)
    if isinstance(node.op, ast.Or) and unset and isinstance(last, Unknown) and last.op:
        return replace(last, op="if", operands=(first, first, last))
    return last


def _compare(machine: Machine, node: ast.Compare, frame: Frame, place: Place) -> Value:
    left = evaluate(machine, node.left, frame)
    found: list[Value] = []
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = evaluate(machine, right_node, frame)
        found.append(compare(op, read(machine, left, place), right, place))
        left = right
    if len(found) == 1:
        return found[0]
    known = [truth(one) for one in found]
    if False in known:
        return Known(False, Origin("computed", place), "and", tuple(found))
    if None not in known:
        return Known(True, Origin("computed", place), "and", tuple(found))
    return Unknown("", Origin("computed", place), "and", tuple(found))


def _choice(machine: Machine, node: ast.IfExp, frame: Frame, place: Place) -> Value:
    test = evaluate(machine, node.test, frame)
    known = truth(test)
    sides: list[Value] = []
    for holds, side in ((True, node.body), (False, node.orelse)):
        taken = None if known is None else known is holds
        since = machine.mark()
        with machine.under(condition=Condition(test, holds, taken, place)):
            sides.append(evaluate(machine, side, frame))
        if taken is False:
            machine.back(since)
    if known is None:
        return either(test, sides[0], sides[1])
    value = sides[0] if known else sides[1]
    if isinstance(value, Known):
        return Known(value.value, value.origin, "if", (test, *sides))
    if isinstance(value, Unknown):
        return Unknown(value.why, value.origin, "if", (test, *sides))
    return value


def _sequence(machine: Machine, node: Any, frame: Frame, place: Place) -> Value:
    kind = {ast.Tuple: "tuple", ast.List: "list", ast.Set: "set"}[type(node)]
    items: list[Item] = []
    is_open = False
    for one in node.elts:
        if isinstance(one, ast.Starred):
            spread = evaluate(machine, one.value, frame)
            if isinstance(spread, ListValue):
                items += spread.items
                is_open = is_open or spread.open
            else:
                is_open = True
        else:
            items.append(Item(evaluate(machine, one, frame), machine.context))
    return ListValue(kind, {"items": tuple(items), "open": is_open}, Origin("literal", place))


def _dict(machine: Machine, node: ast.Dict, frame: Frame, place: Place) -> Value:
    made = DictValue({}, Origin("literal", place))
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        value = evaluate(machine, value_node, frame)
        if key_node is None:
            entries = _attributes.entries(value)
            made.cells |= entries or {}
            made.open = made.open or entries is None
            continue
        key = evaluate(machine, key_node, frame)
        if isinstance(key, Known) and _hashable(key.value):
            made.cells[key.value] = value
        else:
            made.open = True
    return made


def _hashable(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool, bytes, type(None)))


def _bounds(machine: Machine, node: ast.Slice, frame: Frame, place: Place) -> Value:
    """A slice among others: the `:-1` of `x[..., :-1, :]`."""
    parts = tuple(evaluate(machine, one, frame) for one in (node.lower, node.upper, node.step))
    return Unknown("", Origin("computed", place), "bounds", parts)


def _subscript(machine: Machine, node: ast.Subscript, frame: Frame, place: Place) -> Value:
    base = evaluate(machine, node.value, frame)
    if isinstance(node.slice, ast.Slice):
        parts = (node.slice.lower, node.slice.upper, node.slice.step)
        bounds = [evaluate(machine, one, frame) for one in parts]
        return _attributes.slice_of(base, bounds, place)
    value = _attributes.item(machine, base, evaluate(machine, node.slice, frame), place)
    return read(machine, value, place) if isinstance(node.slice, ast.Constant) else value


def _lambda(machine: Machine, node: ast.Lambda, frame: Frame, place: Place) -> Value:
    made = make_function(machine, node, frame, ())
    enclosed(machine, made)
    return made


def make_function(
    machine: Machine, node: Any, frame: Frame, decorators: tuple[Value, ...]
) -> Function:
    """A function where it is defined: its defaults are evaluated here, its body is not."""
    a = node.args
    names = [one.arg for one in (*a.posonlyargs, *a.args)]
    defaults = dict(
        zip(
            names[len(names) - len(a.defaults) :],
            [evaluate(machine, one, frame) for one in a.defaults],
            strict=True,
        )
    )
    for one, default in zip(a.kwonlyargs, a.kw_defaults, strict=True):
        if default is not None:
            defaults[one.arg] = evaluate(machine, default, frame)
    inside = frame.function is not None
    around = (frame.cells, *frame.around) if inside else ()
    return Function(node, frame.module, tuple(around), defaults, decorators=decorators)  # type: ignore[arg-type]


def _text(machine: Machine, node: ast.JoinedStr, frame: Frame, place: Place) -> Value:
    parts: list[Value] = []
    for one in node.values:
        if isinstance(one, ast.FormattedValue):
            value = evaluate(machine, one.value, frame)
            if one.format_spec is not None or one.conversion not in (-1, None):
                value = Unknown("", Origin("computed", place), "format", (value,))
            parts.append(value)
        else:
            parts.append(evaluate(machine, one, frame))
    return compute("f", lambda *given: "".join(map(str, given)), tuple(parts), place)


def _comprehension(machine: Machine, node: Any, frame: Frame, place: Place) -> Value:
    inner = Frame({}, frame.module, (frame.cells, *frame.around), frame.function, frame.globals)
    found: list[Item] = []
    state = {"open": False}
    overs: list[Value] = []

    def put() -> None:
        if isinstance(node, ast.DictComp):
            key = evaluate(machine, node.key, inner)
            value = evaluate(machine, node.value, inner)
            found.append(
                Item(
                    ListValue("tuple", {"items": (Item(key), Item(value)), "open": False}),
                    machine.context,
                )
            )
        else:
            found.append(Item(evaluate(machine, node.elt, inner), machine.context))

    def go(depth: int) -> None:
        if depth == len(node.generators):
            put()
            return
        part = node.generators[depth]
        over = evaluate(machine, part.iter, inner)
        overs.append(over)
        known = elements(over) or counted(over)
        state["open"] = state["open"] or known is None
        if known is None and isinstance(over, ListValue) and over.items:
            for item in over.items:
                with machine.as_in(item.context):
                    bind(machine, part.target, item.value, inner)
                    tests(0, depth, part)
            return
        for value in [element(over, place)] if known is None else known:
            bind(machine, part.target, value, inner)
            tests(0, depth, part)

    def tests(index: int, depth: int, part: ast.comprehension) -> None:
        if index == len(part.ifs):
            go(depth + 1)
            return
        test = evaluate(machine, part.ifs[index], inner)
        known = truth(test)
        if known is False:
            return
        if known is True:
            tests(index + 1, depth, part)
            return
        with machine.under(condition=Condition(test, True, None, place)):
            tests(index + 1, depth, part)

    go(0)
    if isinstance(node, ast.DictComp):
        made = DictValue({}, Origin("computed", place), state["open"])
        for nth, one in enumerate(found):
            assert isinstance(one.value, ListValue)
            key, value = one.value.values
            if isinstance(key, Known) and _hashable(key.value):
                made.cells[key.value] = value
            else:
                made.open = True
                _attributes.put_any(machine, made, value, place, nth)
        return made
    kind = "set" if isinstance(node, ast.SetComp) else "list"
    cells = {"items": tuple(found), "open": state["open"]}
    return ListValue(kind, cells, Origin("computed", place), overs[0])


def elements(over: Value) -> list[Value] | None:
    """The elements of what is iterated, one by one; None where they are not known."""
    if isinstance(over, ListValue) and not over.open and len(over.items) <= UNROLLED:
        return over.values
    if isinstance(over, DictValue) and not over.open and len(over.cells) <= UNROLLED:
        return [Known(key, over.origin) for key in over.cells]
    if isinstance(over, Known) and isinstance(over.value, str) and len(over.value) <= UNROLLED:
        return [Known(one, over.origin) for one in over.value]
    return None


def counted(over: Value) -> list[Value] | None:
    """The numbers of a short `range`, one by one; None of others."""
    if not (isinstance(over, Made) and over.path == "builtins.range" and not over.kwargs):
        return None
    bounds = [one.value if isinstance(one, Known) else None for one in over.args]
    if not all(isinstance(one, int) for one in bounds):
        return None
    try:
        numbers = range(*bounds)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    if len(numbers) > UNROLLED:
        return None
    return [Known(one, Origin("computed", over.place)) for one in numbers]


def _all_one(over: ListValue) -> bool:
    """Whether each element is the same value: of one alone, or of `[value] * n`."""
    first = over.items[0].value if over.items else None
    same = all(one.value is first for one in over.items) and not over.open
    return first is not None and (len(over.items) == 1 or same)


def element(over: Value, place: Place) -> Value:
    """Any element of what is iterated."""
    origin = Origin("loop", place)
    if isinstance(over, ListValue) and _all_one(over):
        return over.items[0].value
    if isinstance(over, Made):
        if over.path == "builtins.range":
            start = over.args[0] if len(over.args) > 1 else Known(0)
            return Unknown("", origin, "index", (over, start))
        if over.path == "builtins.enumerate" and over.args:
            counted = over.args[1] if len(over.args) > 1 else Known(0)
            start = over.kwargs.get("start", counted)
            inner = next(iter(over.args))
            index = Unknown("", origin, "index", (inner, start))
            pair = (Item(index), Item(element(inner, place)))
            return ListValue("tuple", {"items": pair, "open": False}, origin)
        if over.path == "builtins.zip" and over.args:
            each = [Item(element(one, place)) for one in over.args]
            return ListValue("tuple", {"items": tuple(each), "open": False}, origin)
        if over.path.rpartition(".")[2] in WRAPPERS and over.args:
            return element(over.args[0], place)
    return Unknown("", origin, "element", (over,))


WRAPPERS = frozenset(
    (
        "tqdm",
        "tqdm_notebook",
        "master_bar",
        "progress_bar",
        "track",
        "iter",
        "list",
        "reversed",
        "sorted",
        "tuple",
    )
)
"""What gives the elements of its first argument."""


def bind(machine: Machine, target: ast.expr, value: Value, frame: Frame) -> None:
    """Gives a value to a name, an attribute, an item, or to several of them."""
    place = Place(frame.module.file, getattr(target, "lineno", 0))
    match target:
        case ast.Name(id=name):
            cells = frame.module.cells if name in frame.globals else frame.cells
            if name in frame.globals and name not in frame.module.cells:
                for around in frame.around:
                    if name in around:
                        cells = around
            machine.write(cells, name, value)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for number, (part, one) in enumerate(
                zip(parts, _unpacked(value, parts, place), strict=True)
            ):
                del number
                bind(machine, part, one, frame)
        case ast.Starred(value=inner):
            bind(machine, inner, value, frame)
        case ast.Attribute(value=base, attr=name):
            _attributes.put(machine, evaluate(machine, base, frame), name, value, place)
        case ast.Subscript(value=base, slice=index) if not isinstance(index, ast.Slice):
            at = evaluate(machine, index, frame)
            _attributes.put_item(machine, evaluate(machine, base, frame), at, value, place)


def _unpacked(value: Value, parts: list[ast.expr], place: Place) -> Iterator[Value]:
    if isinstance(value, ListValue) and not value.open and len(value.items) == len(parts):
        yield from value.values
        return
    for number, _ in enumerate(parts):
        at = Known(number, Origin("literal", place))
        yield Unknown("", Origin("computed", place), "item", (value, at))


def _named(machine: Machine, node: ast.NamedExpr, frame: Frame, place: Place) -> Value:
    value = evaluate(machine, node.value, frame)
    bind(machine, node.target, value, frame)
    return value


def _await(machine: Machine, node: Any, frame: Frame, place: Place) -> Value:
    return evaluate(machine, node.value, frame)


def _yield(machine: Machine, node: Any, frame: Frame, place: Place) -> Value:
    value = evaluate(machine, node.value, frame)
    frame.yields.append(Item(value, machine.context))
    return Unknown("", Origin("computed", place), "sent")


RULES: dict[type[ast.AST], Callable[[Machine, Any, Frame, Place], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.IfExp: _choice,
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.Subscript: _subscript,
    ast.Lambda: _lambda,
    ast.JoinedStr: _text,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Slice: _bounds,
    ast.NamedExpr: _named,
    ast.Await: _await,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
}
