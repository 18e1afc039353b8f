"""Commands made of a function's parameters: fire, typer, tyro."""

from __future__ import annotations

import ast
import re

from dualtrain.reading import _argparse, _calls
from dualtrain.reading._argparse_fields import arguments
from dualtrain.reading._argparse_words import Argument
from dualtrain.reading._click import filled
from dualtrain.reading._dataclasses import construct
from dualtrain.reading._executed import module_of
from dualtrain.reading._flags import declare, default_of, labelled, stranger
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._operators import of_python
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    Class,
    DictValue,
    Function,
    Instance,
    Known,
    Library,
    Made,
    Origin,
    Value,
)

__all__ = ["MODELS"]


def _parameters(function: Function) -> list[tuple[str, str, Place]]:
    """Names, annotations and places of what a call may give."""
    a = function.node.args
    found = [*a.posonlyargs, *a.args][1 if function.bound is not None else 0 :]
    return [
        (
            one.arg,
            ast.unparse(one.annotation) if one.annotation is not None else "",
            Place(function.module.file, one.lineno),
        )
        for one in (*found, *a.kwonlyargs)
    ]


# fire


def _fire(machine: Machine, event: Event) -> Value | None:
    """fire.Fire(function): each word is the literal of Python that it is, else a text."""
    component = event.args[0] if event.args else event.kwargs.get("component")
    words = _argparse.words_of(machine, event.kwargs.get("command")) or []
    if component is None:
        module = module_of(machine, event.place.file)
        component = DictValue(dict(module.cells)) if module is not None else None
    if isinstance(component, DictValue) and words:
        component, words = component.cells.get(str(words[0].value)), words[1:]
    if isinstance(component, Class):
        component = _calls.instantiate(machine, component, [], {}, event.place)
    if isinstance(component, Instance) and words:
        found = next((one.cells.get(str(words[0].value)) for one in component.of.line), None)
        if isinstance(found, Function):
            component, words = found.bind(component), words[1:]
    if not isinstance(component, Function):
        return None
    given, args = _fired(machine, component, words, event.place)
    return _calls.call(machine, component, args, given, event.place)


def _fired(
    machine: Machine, function: Function, words: list[Known], place: Place
) -> tuple[dict[str, Value], list[Value]]:
    known = {name: where for name, _, where in _parameters(function)}
    for name, where in known.items():
        declare(machine, f"--{name}", where)
        if name in function.defaults:
            function.defaults[name] = default_of(function.defaults[name], f"--{name}", where)
    given: dict[str, Value] = {}
    args: list[Value] = []
    at = 0
    while at < len(words):
        word, at = words[at], at + 1
        text = str(word.value)
        match = re.match(r"^--?([A-Za-z_][\w-]*)(?:=(.*))?$", text, re.DOTALL)
        if not match:
            args.append(_literal(text, word.origin.place, ""))
            continue
        name, value = match[1].replace("-", "_"), match[2]
        if value is None:
            after = str(words[at].value) if at < len(words) else "-"
            if re.match(r"^--?[A-Za-z_]", after) or after == "-":
                no = name.startswith("no") and name not in known and name[2:] in known
                value, name = ("False", name[2:]) if no else ("True", name)
            else:
                value, at = after, at + 1
        if name not in known and function.node.args.kwarg is None:
            stranger(machine, word, place)
            continue
        declare(machine, f"--{name}", place, given=True)
        given[name] = _literal(value, word.origin.place, f"--{name}")
    return given, args


def _literal(text: str, place: Place | None, flag: str) -> Value:
    origin = Origin("command line", place, flag)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = text
    made = of_python(value, origin)
    return Known(text, origin) if made is None else labelled(made, origin)


# typer and tyro


def _typer_run(machine: Machine, event: Event) -> Value | None:
    """typer.run(function), or a call of an app that has one command."""
    function = event.args[0] if event.args else None
    if function is None:
        function = machine.state.get("typer", {}).get(id(event.receiver))
    if not isinstance(function, Function):
        return None
    options = [_typed(function, *one) for one in _parameters(function)]
    words = _argparse.words_of(machine, None)
    space, _ = filled(machine, options, words, event.place)
    given = {str(name): value for name, value in space.cells.items()}
    return _calls.call(machine, function, [], given, event.place)


def _typed(function: Function, name: str, kind: str, place: Place) -> Argument:
    default = function.defaults.get(name)
    words: dict[str, Value] = {"dest": Known(name)}
    names = [f"--{name.replace('_', '-')}"]
    option = default.path == "typer.Option" if isinstance(default, Made) else default is not None
    if isinstance(default, Made) and default.path in ("typer.Option", "typer.Argument"):
        texts = [str(one.value) for one in default.args[1:] if isinstance(one, Known)]
        names = [one for one in texts if one.startswith("-")] or names
        default = default.args[0] if default.args else default.kwargs.get("default")
        default = None if isinstance(default, Known) and default.value is ... else default
    found = re.search(r"\b(int|float|bool)\b", kind)
    base = found[1] if found else ""
    if default is not None:
        words["default"] = default
    if base == "bool" and option:
        words |= {"action": Known("store_true"), "off": Known(f"--no-{names[0][2:]}")}
    elif base in ("int", "float"):
        words["type"] = Library(f"builtins.{base}")
    if option:
        words |= {} if default is not None else {"required": Known(True)}
        return Argument(tuple(names), words, place)
    words |= {"nargs": Known("?")} if default is not None else {}
    return Argument((), words, place)


def _typer_command(machine: Machine, event: Event) -> Value | None:
    """@app.command(): the app's one command."""
    decorator, (function,) = event.receiver, event.first(1)
    app = decorator.receiver if isinstance(decorator, Made) else None
    machine.state.setdefault("typer", {})[id(app)] = function
    return None


def _of_class(machine: Machine, event: Event) -> Value | None:
    """tyro.cli(Class), or Class().parse_args() of one that derives from Tap."""
    tyro = event.path.startswith("tyro")
    of = event.first(1)[0] if tyro else event.receiver
    kind = of.of if isinstance(of, Instance) else of
    if not isinstance(kind, Class):
        return None
    given = event.kwargs.get("args", None if tyro else event.first(1)[0])
    words = _argparse.words_of(machine, given)
    options = arguments(machine, kind, hyphens=tyro)
    space, _ = filled(machine, options, words, event.place)
    made = of if isinstance(of, Instance) else Instance(kind, event.place)
    return construct(machine, made, {str(k): v for k, v in space.cells.items()}, event.place)


MODELS: dict[str, Model] = {
    "fire.Fire": _fire,
    "fire.core.Fire": _fire,
    "typer.run": _typer_run,
    "typer.Typer.__call__": _typer_run,
    "decorate:typer.Typer.command": _typer_command,
    "tyro.cli": _of_class,
    "tap.Tap.parse_args": _of_class,
}
