"""OmegaConf: trees put over one another, and words `a.b=value` of a command."""

from __future__ import annotations

from dualtrain.errors import SourceError
from dualtrain.reading._argparse import words_of
from dualtrain.reading._config_nodes import merge
from dualtrain.reading._configurations import of_node
from dualtrain.reading._data_text import yaml_node
from dualtrain.reading._flags import labelled
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._methods import attributes_of, copied
from dualtrain.reading._values import DictValue, Known, Origin, Value

__all__ = ["MODELS"]


def _merged(machine: Machine, event: Event) -> Value | None:
    """OmegaConf.merge and unsafe_merge: a new tree, the later over the earlier."""
    if not event.args or not all(isinstance(one, DictValue) for one in event.args):
        return None
    made = DictValue({}, Origin("computed", event.place), attributes=True)
    for one in event.args:
        whole = attributes_of(copied(one))
        if isinstance(whole, DictValue):
            merge(machine, made, whole)
            made.open = made.open or whole.open
    return made


def _of_words(machine: Machine, event: Event) -> Value | None:
    """from_cli and from_dotlist: each word's value is read as YAML."""
    given = event.args[0] if event.args else next(iter(event.kwargs.values()), None)
    words = words_of(machine, given)
    if words is None:
        return None
    made = DictValue({}, Origin("command line", event.place), attributes=True)
    for word in words:
        path, equals, text = str(word.value).partition("=")
        if not equals:
            text = "null"
        origin = Origin("command line", word.origin.place, path)
        if not _put(made, path.split("."), text, origin):
            return None
    return made


def _put(into: DictValue, path: list[str], text: str, origin: Origin) -> bool:
    """Sets a value deep in a tree; whether that can be told."""
    for name in path[:-1]:
        inner = into.cells.setdefault(name, DictValue({}, origin, attributes=True))
        if not isinstance(inner, DictValue):
            return False
        into = inner
    file = origin.place.file if origin.place else ""
    try:
        value = of_node(yaml_node(text, file, exponents=True), attributes=True)
    except SourceError:
        return False
    into.cells[path[-1]] = labelled(value, origin) if isinstance(value, Known) else value
    return True


MODELS: dict[str, Model] = {
    "omegaconf.OmegaConf.merge": _merged,
    "omegaconf.OmegaConf.unsafe_merge": _merged,
    "omegaconf.OmegaConf.from_cli": _of_words,
    "omegaconf.OmegaConf.from_dotlist": _of_words,
}
