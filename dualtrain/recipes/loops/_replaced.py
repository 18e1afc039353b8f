"""Numbers of a training that something replaces: a later line, a file, the word of a task."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dualtrain.reading import DictValue, Known, Place, Value, leaves
from dualtrain.reading._flags import Chosen, Overwritten
from dualtrain.recipes._decides import decides
from dualtrain.recipes._record import Hazard
from dualtrain.recipes._seen import Seen
from dualtrain.recipes._source_lines import module_of

__all__ = ["replaced"]

TASK = re.compile(r"(^|_)(task|data|dataset|corpus|lang|language|domain|subset)(_?name)?$")
"""Flags that say what is trained on."""

FLAG = ("flag default", "command line")


def replaced(seen: Seen) -> Iterator[Hazard]:
    """All that are seen."""
    flags = seen.program.flags
    for one in flags.overwritten:
        yield from _overwritten(one)
    for chosen in flags.chosen:
        yield from _of_a_task(chosen)
    yield from _assigned_again(seen)


def _overwritten(of: Overwritten) -> Iterator[Hazard]:
    old, new = of.old, of.new
    if not decides(of.name) or old.value is None:
        return
    was = f"{old.value} at {old.origin.place or f'the {old.origin.how}'}"
    text = f"{of.name} is {was}, and {new.value} from here on"
    if any(map(_is_task, of.words)):
        yield Hazard("defaults_per_task", of.place, f"{text}, as {of.words[-1]} says")
    elif new.origin.how == "configuration":
        if old.origin.how in FLAG or old.origin.how.startswith("library default"):
            text = f"{of.name} is {was}, and {new.origin.place} sets {new.value} in its place"
            yield Hazard("config_beats_cli", of.place, f"{text}, whatever the command says")
    elif _is_set(old) and not _follows(old, new) and _is_later(of):
        if new.origin.how in FLAG:
            text = f"{of.name} is {was}, and {new.origin.name} sets it from here on"
            yield Hazard("constants_reassigned", of.place, text)
        else:
            yield Hazard("constants_reassigned", new.origin.place, text)


def _is_later(of: Overwritten) -> bool:
    """Whether it is no flag that has its way, unless over a constant."""
    return of.new.origin.how not in FLAG or (of.old.origin.how == "literal" and of.name.isupper())


def _is_set(old: Known) -> bool:
    """Whether it is a number that means something by itself, or a switch of the command."""
    if isinstance(old.value, bool):
        return old.origin.how in FLAG
    return isinstance(old.value, (int, float)) and old.value > 0


def _follows(old: Known, new: Known) -> bool:
    """Whether the new value is computed from the old one."""
    return any(one is old for one in leaves(new))


def _is_task(flag: str) -> bool:
    return TASK.search(flag.strip("-").replace("-", "_").lower()) is not None


def _of_a_task(of: Chosen) -> Iterator[Hazard]:
    """A mapping of numbers, or of mappings of them, of which a task's name takes one."""
    if not _is_task(of.flag):
        return
    each = {key: _numbers(value) for key, value in of.of.cells.items()}
    others = {name for key, names in each.items() if key != of.key for name in names}
    shared = sorted(set(each[of.key]) & others)
    if shared:
        named = ", ".join(shared)
        text = f"{of.flag} {of.key} takes one of {len(each)} sets of numbers: {named}"
        yield Hazard("defaults_per_task", of.place, text)


def _numbers(value: Value) -> list[str]:
    if not isinstance(value, DictValue):
        return []
    return [str(name) for name, one in value.cells.items() if decides(str(name)) and _number(one)]


def _number(value: Value) -> bool:
    return isinstance(value, Known) and type(value.value) in (int, float)


def _assigned_again(seen: Seen) -> Iterator[Hazard]:
    """A constant of the entry, in capitals, that its module assigns a second time."""
    file = seen.program.entry.file
    first: dict[str, int] = {}
    tree = module_of(seen.program, file)
    for node in _of_module(tree):
        names = [one.id for one in node.targets if isinstance(one, ast.Name)]
        for name in filter(str.isupper, names):
            if not decides(name):
                continue
            if name in first and node.lineno != first[name]:
                text = f"{name} is assigned at line {first[name]}, and again here"
                yield Hazard("constants_reassigned", Place(file, node.lineno), text)
                return
            if node in getattr(tree, "body", []):
                first.setdefault(name, node.lineno)


def _of_module(tree: ast.AST | None) -> Iterator[ast.Assign]:
    """The assignments of a module that no function holds, an `if` and a `with` open; of two sides
    of a choice the first, as only one of them is run."""
    for node in getattr(tree, "body", []):
        if isinstance(node, ast.Assign):
            yield node
        elif isinstance(node, (ast.If, ast.With, ast.Try)):
            yield from _of_module(node)
