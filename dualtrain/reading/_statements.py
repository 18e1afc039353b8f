"""Statements, in their order; both sides of a branch are read, loops once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dualtrain.reading import _attributes, _calls, _imports
from dualtrain.reading import _expressions as expressions
from dualtrain.reading._flags import overwrites
from dualtrain.reading._machine import Change, Event, Frame, Machine, either
from dualtrain.reading._operators import RAISES, binary, truth
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    Class,
    Condition,
    Function,
    Known,
    ListValue,
    Loop,
    Origin,
    Unknown,
    Value,
    leaves,
)

__all__ = ["block", "run"]

NEXT, RETURN, RAISE, BREAK, CONTINUE = "next", "return", "raise", "break", "continue"
"""How a block ends."""


def run(machine: Machine, body: Sequence[ast.stmt], frame: Frame, place: Place) -> Value:
    """The body of a function; gives what it returns."""
    ends = block(machine, body, frame)
    if frame.yields:
        cells = {"items": tuple(frame.yields), "open": True}
        return ListValue("list", cells, Origin("computed", place))
    if ends == RAISE and not frame.returns:
        return Unknown("an error is raised there", Origin("computed", place), "raise")
    result: Value | None = None
    for conditions, value in reversed(frame.returns):
        if result is None or not conditions:
            result = value
            continue
        last = conditions[-1]
        result = _returned(last, value, result)
    return Known(None, Origin("computed", place)) if result is None else result


def _returned(condition: Condition, value: Value, otherwise: Value) -> Value:
    """What is returned where a return under a condition comes before another."""
    sides = (value, otherwise) if condition.holds else (otherwise, value)
    if condition.taken is None:
        return either(condition.test, *sides)
    kept = value if condition.taken else otherwise
    if isinstance(kept, (Known, Unknown)) and value is not otherwise:
        if isinstance(kept, Known):
            return Known(kept.value, kept.origin, "if", (condition.test, *sides))
        return Unknown(kept.why, kept.origin, "if", (condition.test, *sides))
    return kept


def block(machine: Machine, body: Iterable[ast.stmt], frame: Frame) -> str:
    """Statements one after another; gives how they end."""
    rest = iter(body)
    for node in rest:
        machine.burn()
        rule = RULES.get(type(node))
        if rule is None:
            continue
        ends = rule(machine, node, frame)
        if ends is not None and ends != NEXT:
            return ends
        if frame.passed is not None:
            passed, frame.passed = frame.passed, None
            with machine.under(condition=passed):
                return block(machine, rest, frame)
    return NEXT


def _at(frame: Frame, node: ast.AST) -> Place:
    return Place(frame.module.file, getattr(node, "lineno", 0))


def _expression(machine: Machine, node: ast.Expr, frame: Frame) -> str | None:
    value = expressions.evaluate(machine, node.value, frame)
    if isinstance(node.value, ast.Call) and _calls.path_of(value) in ENDS:
        return RAISE
    return None


ENDS = frozenset({"sys.exit", "builtins.exit", "builtins.quit", "os._exit"})


def _assign(machine: Machine, node: ast.Assign, frame: Frame) -> None:
    value = expressions.evaluate(machine, node.value, frame)
    for target in node.targets:
        if isinstance(target, ast.Name) and frame.function is None:
            old = frame.cells.get(target.id)
            overwrites(machine, target.id, old, value, _at(frame, node))
        expressions.bind(machine, target, value, frame)


def _annotated(machine: Machine, node: ast.AnnAssign, frame: Frame) -> None:
    if node.value is not None:
        value = expressions.evaluate(machine, node.value, frame)
        expressions.bind(machine, node.target, value, frame)


def _augmented(machine: Machine, node: ast.AugAssign, frame: Frame) -> None:
    place = _at(frame, node)
    load = ast.copy_location(_loaded(node.target), node)
    old = expressions.evaluate(machine, load, frame)
    value = expressions.evaluate(machine, node.value, frame)
    if isinstance(old, ListValue) and isinstance(node.op, ast.Add):
        more = value.items if isinstance(value, ListValue) else ()
        now_open = old.open or not isinstance(value, ListValue) or value.open
        machine.write(old.cells, "items", (*old.items, *more))
        machine.write(old.cells, "open", now_open)
        return
    old = _counted(machine, node, old, frame)
    new = binary(node.op, old, value, place)
    expressions.bind(machine, node.target, new, frame)


def _counted(machine: Machine, node: ast.AugAssign, old: Value, frame: Frame) -> Value:
    """What a function that a loop calls counts up outlasts the call: it differs round by round."""
    outlasts = isinstance(node.target, ast.Attribute) or (
        isinstance(node.target, ast.Name) and node.target.id in frame.globals
    )
    number = isinstance(old, Known) and isinstance(old.value, (int, float))
    if not (outlasts and number and frame.function and machine.context.loops):
        return old
    return Unknown("", Origin("loop", _at(frame, node)), "carried", (old,))


def _loaded(node: ast.expr) -> ast.expr:
    match node:
        case ast.Name(id=name):
            return ast.Name(id=name, ctx=ast.Load())
        case ast.Attribute(value=value, attr=attr):
            return ast.Attribute(value=value, attr=attr, ctx=ast.Load())
        case ast.Subscript(value=value, slice=index):
            return ast.Subscript(value=value, slice=index, ctx=ast.Load())
    return node


@dataclass
class _Side:
    """What a branch came to."""

    ends: str
    changes: list[Change]
    returns: list[Any] = field(default_factory=list)


def _branch(
    machine: Machine, body: Sequence[ast.stmt], frame: Frame, condition: Condition
) -> _Side:
    since, before = machine.mark(), len(frame.returns)
    with machine.under(condition=condition):
        ends = block(machine, body, frame)
    made = frame.returns[before:]
    return _Side(ends, machine.changes(since), made)


def _if(machine: Machine, node: ast.If, frame: Frame) -> str | None:
    test = expressions.evaluate(machine, node.test, frame)
    known, place = truth(test), _at(frame, node)
    if known is not None:
        return _decided(machine, node, frame, test, known, place)
    since = machine.mark()
    then = _branch(machine, node.body, frame, Condition(test, True, None, place))
    machine.back(since)
    other = _branch(machine, node.orelse, frame, Condition(test, False, None, place))
    gone = (RETURN, RAISE, BREAK, CONTINUE)
    if then.ends in gone and other.ends not in gone:
        frame.passed = _rounds_left(then, test, False, place)
        return None
    machine.back(since)
    if other.ends in gone and then.ends not in gone:
        _again(machine, then.changes)
        frame.passed = _rounds_left(other, test, True, place)
        return None
    machine.merge(test, then.changes, other.changes)
    if then.ends in gone and other.ends in gone:
        return RETURN if RETURN in (then.ends, other.ends) else then.ends
    return None


def _rounds_left(side: _Side, test: Value, holds: bool, place: Place) -> Condition | None:
    """Behind `if step % n: continue`: the rounds that come so far, of a test that counts them."""
    counts = any(isinstance(one, (Known, Unknown)) and one.op == "%" for one in leaves(test))
    return Condition(test, holds, None, place) if side.ends == CONTINUE and counts else None


def _again(machine: Machine, changes: list[Change]) -> None:
    from dualtrain.reading._machine import MISSING

    for change in changes:
        if change.new is MISSING:
            machine.remove(change.cells, change.key)
        else:
            machine.write(change.cells, change.key, change.new)


def _decided(
    machine: Machine, node: ast.If, frame: Frame, test: Value, known: bool, place: Place
) -> str | None:
    """A branch of which the text tells which side is taken; the other one is read too."""
    taken_body, other_body = (node.body, node.orelse) if known else (node.orelse, node.body)
    since = machine.mark()
    other = _branch(machine, other_body, frame, Condition(test, not known, False, place))
    machine.back(since)
    taken = _branch(machine, taken_body, frame, Condition(test, known, True, place))
    if other.ends == NEXT:
        machine.keep(test, known, taken.changes, other.changes)
    error = next((one for one in taken_body if isinstance(one, ast.Raise)), None)
    if taken.ends == RAISE and error is not None:
        machine.fails(_at(frame, error))
        return None
    return taken.ends


def _return(machine: Machine, node: ast.Return, frame: Frame) -> str:
    value = expressions.evaluate(machine, node.value, frame)
    _leaves(machine, node, frame, RETURN)
    depth = len(machine.context.functions)
    conditions = tuple(
        one for one in machine.context.conditions if _inside(machine, one, depth, frame)
    )
    frame.returns.append((conditions, value))
    return RETURN


def _leaves(machine: Machine, node: ast.stmt, frame: Frame, how: str) -> None:
    """Notes that a loop may end here."""
    if machine.context.loops:
        nothing, at = Known(None), _at(frame, node)
        machine.events.append(Event("leave", how, None, (), {}, nothing, at, machine.context))


def _break(machine: Machine, node: ast.Break, frame: Frame) -> str:
    _leaves(machine, node, frame, BREAK)
    return BREAK


def _inside(machine: Machine, condition: Condition, depth: int, frame: Frame) -> bool:
    """Whether a condition stands in the function of this frame."""
    if condition.place.file != frame.module.file or frame.function is None:
        return frame.function is None
    node = frame.function.node
    return node.lineno <= condition.place.line <= (node.end_lineno or node.lineno)


def _raise(machine: Machine, node: ast.Raise, frame: Frame) -> str:
    if node.exc is not None:
        expressions.evaluate(machine, node.exc, frame)
    return RAISE


def _carry(machine: Machine, body: Sequence[ast.stmt], frame: Frame, place: Place) -> None:
    """What a loop changes step by step is not known at the beginning of a round."""
    for node in ast.walk(ast.Module(list(body), [])):
        for target in _changed(node):
            old = expressions.evaluate(machine, _loaded(target), frame)
            if isinstance(old, (Known, Unknown)) and not _text(old):
                carried = Unknown("", Origin("loop", place), "carried", (old,))
                expressions.bind(machine, target, carried, frame)


def _changed(node: ast.AST) -> list[ast.Name | ast.Attribute]:
    """What a statement computes anew from what it is: `n += 1`, `n = n + 1`, `a, b = b, a + b`."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.AugAssign):
        targets = [node.target]
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        [target] = node.targets
        parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
        targets = [one for one in parts if _mentions(node.value, one)]
    return [one for one in targets if isinstance(one, (ast.Name, ast.Attribute))]


def _text(value: Value) -> bool:
    return isinstance(value, Known) and isinstance(value.value, str)


def _mentions(value: ast.expr, target: ast.expr) -> bool:
    wanted = ast.dump(_loaded(target))
    return any(
        isinstance(one, ast.expr) and ast.dump(one) == wanted
        for one in ast.walk(value)
        if isinstance(one, (ast.Name, ast.Attribute))
    )


def _for(machine: Machine, node: Any, frame: Frame) -> str | None:
    over = expressions.evaluate(machine, node.iter, frame)
    place = _at(frame, node)
    known = expressions.elements(over)
    if known is not None and len(known) <= UNROLLED:
        for value in known:
            expressions.bind(machine, node.target, value, frame)
            ends = block(machine, node.body, frame)
            if ends == BREAK:
                return None
            if ends in (RETURN, RAISE):
                return ends
        block(machine, node.orelse, frame)
        return None
    _carry(machine, node.body, frame, place)
    with machine.under(loop=Loop(over, place)):
        if isinstance(over, ListValue) and over.items:
            for item in over.items[:UNROLLED]:
                with machine.as_in(item.context):
                    expressions.bind(machine, node.target, item.value, frame)
                    block(machine, node.body, frame)
        else:
            expressions.bind(machine, node.target, expressions.element(over, place), frame)
            block(machine, node.body, frame)
    block(machine, node.orelse, frame)
    return None


UNROLLED = 40
"""Rounds of a loop over a known list that are read one by one."""


def _while(machine: Machine, node: ast.While, frame: Frame) -> str | None:
    place = _at(frame, node)
    _carry(machine, node.body, frame, place)
    test = expressions.evaluate(machine, node.test, frame)
    taken = truth(test)
    since = machine.mark()
    with machine.under(loop=Loop(None, place, test)):
        if taken is False:
            with machine.under(condition=Condition(test, True, False, place)):
                block(machine, node.body, frame)
            machine.back(since)
        else:
            ends = block(machine, node.body, frame)
            if ends == RETURN and taken:
                return RETURN
    return None


def _with(machine: Machine, node: Any, frame: Frame) -> str | None:
    return _entered(machine, node.items, node.body, frame)


def _entered(
    machine: Machine, items: Sequence[ast.withitem], body: Sequence[ast.stmt], frame: Frame
) -> str | None:
    if not items:
        return block(machine, body, frame)
    first, *rest = items
    manager = expressions.evaluate(machine, first.context_expr, frame)
    if first.optional_vars is not None:
        expressions.bind(machine, first.optional_vars, manager, frame)
    with machine.under(manager=manager):
        return _entered(machine, rest, body, frame)


def _try(machine: Machine, node: Any, frame: Frame) -> str | None:
    begin = machine.mark()
    ends = block(machine, node.body, frame)
    if node.handlers and _undone(machine, begin):
        ends = block(machine, node.handlers[0].body, frame)
        final = block(machine, node.finalbody, frame)
        return final if final != NEXT else ends
    failed = Unknown("whether an error is raised", op="raises")
    for handler in node.handlers:
        place = _at(frame, handler)
        since = machine.mark()
        if handler.name:
            machine.write(frame.cells, handler.name, Unknown("an error"))
        _branch(machine, handler.body, frame, Condition(failed, True, None, place))
        machine.back(since)
    if ends == NEXT:
        ends = block(machine, node.orelse, frame)
    final = block(machine, node.finalbody, frame)
    return final if final != NEXT else ends


def _undone(machine: Machine, begin: int) -> bool:
    """Whether a statement fails for certain, as `int("a")` does; what it sets is as it was."""
    failing = [
        one
        for one in machine.changes(begin)
        if isinstance(one.new, Unknown) and one.new.why == RAISES
    ]
    _again(machine, [Change(one.cells, one.key, one.new, one.old) for one in failing])
    return bool(failing)


def _import(machine: Machine, node: ast.Import, frame: Frame) -> None:
    for one in node.names:
        module = _imports.module(machine, one.name, frame)
        if one.asname:
            machine.write(frame.cells, one.asname, module)
        else:
            first = one.name.partition(".")[0]
            machine.write(frame.cells, first, _imports.module(machine, first, frame))


def _import_from(machine: Machine, node: ast.ImportFrom, frame: Frame) -> None:
    base = _imports.module(machine, node.module or "", frame, node.level)
    for one in node.names:
        if one.name == "*":
            _imports.everything(machine, base, frame)
            continue
        value = _attributes.get(machine, base, one.name, _at(frame, node))
        machine.write(frame.cells, one.asname or one.name, value)


def _define(machine: Machine, node: Any, frame: Frame) -> None:
    decorators = tuple(expressions.evaluate(machine, one, frame) for one in node.decorator_list)
    function = expressions.make_function(machine, node, frame, decorators)
    machine.write(frame.cells, node.name, function)
    for decorator in decorators:
        model = machine.models.get(f"decorate:{_calls.path_of(decorator)}")
        if model is not None:
            machine.happens(
                f"decorate:{_calls.path_of(decorator)}",
                [function],
                {},
                _at(frame, node),
                receiver=decorator,
            )
    _decorated(machine, function, decorators, _at(frame, node))


def _decorated(
    machine: Machine, made: Function | Class, decorators: Sequence[Value], place: Place
) -> None:
    """What the program's own decorators do with it, such as keep it under a name. The name itself
    stands for what is decorated: a wrapper calls it."""
    for decorator in reversed(decorators):
        if isinstance(decorator, Function):
            _calls.call(machine, decorator, [made], {}, place)


def _class(machine: Machine, node: ast.ClassDef, frame: Frame) -> None:
    bases = tuple(expressions.evaluate(machine, one, frame) for one in node.bases)
    decorators = tuple(expressions.evaluate(machine, one, frame) for one in node.decorator_list)
    made = Class(node.name, node, frame.module, bases, {}, decorators)
    inner = Frame(made.cells, frame.module, (frame.cells, *frame.around), frame.function)
    block(machine, node.body, inner)
    for one in made.cells.values():
        if isinstance(one, Function) and one.owner is None:
            one.owner = made
            one.scopes = tuple(s for s in one.scopes if s is not made.cells)
    machine.write(frame.cells, node.name, made)
    _decorated(machine, made, decorators, _at(frame, node))


def _delete(machine: Machine, node: ast.Delete, frame: Frame) -> None:
    for target in node.targets:
        if isinstance(target, ast.Name):
            machine.remove(frame.cells, target.id)


def _global(machine: Machine, node: Any, frame: Frame) -> None:
    frame.globals.update(node.names)


def _match(machine: Machine, node: ast.Match, frame: Frame) -> str | None:
    subject = expressions.evaluate(machine, node.subject, frame)
    for case in node.cases:
        pattern, place = case.pattern, _at(frame, case.pattern)
        if isinstance(pattern, ast.MatchAs) and pattern.pattern is None and case.guard is None:
            return block(machine, case.body, frame)
        if not isinstance(pattern, (ast.MatchValue, ast.MatchOr)):
            continue
        options = pattern.patterns if isinstance(pattern, ast.MatchOr) else [pattern]
        wanted = [
            expressions.evaluate(machine, one.value, frame)
            for one in options
            if isinstance(one, ast.MatchValue)
        ]
        both = isinstance(subject, Known) and all(isinstance(one, Known) for one in wanted)
        hit = both and any(
            isinstance(one, Known) and isinstance(subject, Known) and one.value == subject.value
            for one in wanted
        )
        test = Known(hit) if both else Unknown("", op="==", operands=(subject, *wanted))
        since = machine.mark()
        taken = hit if both else None
        side = _branch(machine, case.body, frame, Condition(test, True, taken, place))
        if hit:
            return side.ends
        machine.back(since)
        if not both:
            machine.merge(test, side.changes, [])
    return None


RULES: dict[type[ast.AST], Callable[[Machine, Any, Frame], str | None]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.If: _if,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.FunctionDef: _define,
    ast.AsyncFunctionDef: _define,
    ast.ClassDef: _class,
    ast.Delete: _delete,
    ast.Global: _global,
    ast.Nonlocal: _global,
    ast.Match: _match,
    ast.Break: _break,
    ast.Continue: lambda machine, node, frame: CONTINUE,
}
