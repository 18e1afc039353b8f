"""Recipes of vision repositories: a tree of YAML, and code that is the same for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dualtrain.reading import Node
from dualtrain.recipes._record import Found, Hazard
from dualtrain.recipes.vision import (
    _classification,
    _detection,
    _openmmlab,
    _segmentation,
    _text,
    _video,
)
from dualtrain.recipes.vision._flags import applied
from dualtrain.recipes.vision._reading import Claim, Reading, frozen

__all__ = ["framework_of", "vision_recipe"]

FAMILIES = (_segmentation, _classification, _text, _detection, _video, _openmmlab)


def framework_of(tree: Node) -> str:
    """Whose optimizer a configuration of a known shape names."""
    return "torch" if _openmmlab.recognises(tree) else "paddle"


def no_code(path: str) -> None:
    """Where the repository of a configuration is not at hand."""


def vision_recipe(
    tree: Node,
    code: Callable[[str], str | None] = no_code,
    words: Sequence[Node] = (),
) -> tuple[dict[str, Found], list[Hazard]] | None:
    """The fields and the hazards of a configuration whose shape is known; None of another.

    `tree` is the configuration after inheritance, each value with its place. A family is known by
    the shape of the tree, not by a name; what its code does with the keys is in its file here.
    `code` gives the text of a file of the repository, None where there is no such file. Fields
    that rest on code which is there and does something else are unknown. `words` are those of the
    command behind the script's name; they change the tree first.

    >>> from dualtrain.reading import Place
    >>> at = Place("a.yml", 1)
    >>> vision_recipe(Node({"lr": Node(0.1, at)}, at)) is None
    True
    """
    if not isinstance(tree.value, dict):
        return None
    for family in FAMILIES:
        if family.recognises(tree):
            reading = family.read(applied(tree, words, family.FLAGS))
            reading.hold(family.CLAIMS, code)
            if "freeze" not in reading.fields:
                _freeze(reading)
            entry = _another(family.CLAIMS, code)
            if entry:
                reading.leave(entry)
            return _finish(reading)
    return None


ENTRIES = ("tools/train.py", "train.py", "main.py")


def _another(claims: Sequence[Claim], code: Callable[[str], str | None]) -> str:
    """The script that trains in a repository that has none of a family's code, only a tree of its
    shape; empty where the code is the family's, or not at hand."""
    packages = {one.file.partition("/")[0] for one in claims if "/" in one.file} - {"tools"}
    if any(code(one.file) is not None for one in claims if one.file not in ENTRIES):
        return ""
    for entry in ENTRIES:
        text = code(entry)
        if text is not None and not any(one in text for one in packages):
            return entry
    return ""


def _freeze(reading: Reading) -> None:
    still = frozen(reading.tree)
    if still:
        reading.state("freeze", still, still[0])
    else:
        reading.imply("freeze", [], "no key freezes anything")


def _finish(reading: Reading) -> tuple[dict[str, Found], list[Hazard]]:
    text = f"the numbers stand in a configuration, what is made of them in {reading.code}'s code"
    reading.warn("spread_over_files", reading.tree.place, text)
    return reading.fields, reading.hazards
