"""Configuration files in YAML, JSON and Python, with the files that they build upon."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dualtrain.errors import SourceError
from dualtrain.files import read_bytes, reason
from dualtrain.reading._config_scripts import python_node
from dualtrain.reading._data_text import json_node, yaml_node
from dualtrain.reading._node import Node
from dualtrain.reading._place import Place
from dualtrain.reading._source import decoded

__all__ = ["read_data"]

_BASES = ("_base_", "_BASE_", "BASE")
READERS = {".json": json_node, ".py": python_node}
_ENDS = (".yml", ".yaml", ".json", ".py")


def read_data(path: str | os.PathLike[str], root: str | os.PathLike[str] = ".") -> Node:
    """What a `.yml`, `.yaml`, `.json` or `.py` file says, over what those say that it builds on.

    Those are named by `_base_`, `_BASE_` or `BASE`, one or a list, from the file's own folder.
    Mappings are merged key by key, anything else is replaced; a mapping that says
    `_inherited_: False` or `_delete_: True` stands alone. Places name files from `root`.

    Raises `SourceError`: a file is not there, is not what its name says, or builds upon itself.
    """
    return _read(Path(path), Path(root), ())


def _read(path: Path, root: Path, above: Sequence[Path]) -> Node:
    name = _named(path, root)
    where = path.resolve()
    if where in above:
        raise SourceError(f"{name}: builds upon itself; leave one _base_ out")
    try:
        text = decoded(read_bytes(path))
    except OSError as fault:
        by = f", which {_named(above[-1], root)} builds upon" if above else ""
        raise SourceError(f"{name}{by}: cannot be read: {reason(fault)}") from None
    read = READERS.get(path.suffix.lower(), yaml_node)
    tree = read(text.removeprefix("\ufeff"), name)
    base = Node({}, Place(name, 1))
    for one in _bases(tree):
        base = _merged(base, _read(path.parent / Path(one).expanduser(), root, (*above, where)))
    return _merged(base, tree)


def _named(path: Path, root: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), root.resolve())).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def _bases(tree: Node) -> list[str]:
    """The files that a tree builds upon, in order."""
    if not isinstance(tree.value, dict):
        return []
    named = [tree.value[key].plain() for key in _BASES if key in tree.value]
    return [one for value in named if _are_files(value) for one in _listed(value) if one]


def _listed(value: object) -> list[str]:
    return value if isinstance(value, list) else [value]  # type: ignore[list-item]


def _are_files(value: object) -> bool:
    return all(isinstance(one, str) and (not one or one.endswith(_ENDS)) for one in _listed(value))


def _merged(base: Node, own: Node) -> Node:
    if not isinstance(own.value, dict):
        return own
    alone = _says(own, "_inherited_", False) or _says(own, "_delete_", True)
    below = base.value if isinstance(base.value, dict) and not alone else {}
    members = dict(below)
    for key, node in own.value.items():
        dropped = key in ("_inherited_", "_delete_") or (key in _BASES and _are_files(node.plain()))
        if not dropped:
            members[key] = _merged(below[key], node) if key in below else _merged(_NOTHING, node)
    return replace(own, value=members)


_NOTHING = Node(None, Place("", 0))


def _says(node: Node, key: str, value: bool) -> bool:
    return key in node.value and node.value[key].value is value
