"""A configuration that is a Trainer's arguments and nothing else, as command-line trainers take."""

from __future__ import annotations

from pathlib import Path

from dualtrain.reading import Node
from dualtrain.recipes._record import Found, Recipe
from dualtrain.recipes.trainers._defaults import DEFAULTS
from dualtrain.recipes.trainers._given import given_by_data
from dualtrain.recipes.trainers._releases import release_of
from dualtrain.recipes.trainers._trainers import trainer_recipe

__all__ = ["trainer_tree"]

_ENOUGH = 3
_ADAPTERS = ("lora", "qlora", "prefix", "pt", "vera", "lokr", "adapter")
_KINDS = ("finetuning_type", "fine_tuning")


def trainer_tree(tree: Node, root: Path, near: str) -> Recipe | None:
    """What a mapping says as the arguments of a Trainer; None where it does not look like them.

    Whose Trainer it is, is whichever library the repository names; where it names none or several,
    what they agree in is known and the rest is not.
    """
    given = given_by_data(tree)
    families = [one for one in DEFAULTS if len(given.keys() & DEFAULTS[one].keys()) >= _ENOUGH]
    if not families:
        return None
    releases = {one: release_of(root, one, near) for one in families}
    named = [one for one in families if releases[one].certainty != "absent"] or families
    read = {one: trainer_recipe(one, releases[one], given) for one in named}
    fields, hazards = read[named[0]]
    for other in named[1:]:
        theirs = read[other][0]
        fields = {name: _agreed(one, theirs.get(name), named) for name, one in fields.items()}
        codes = {one.code for one in read[other][1]}
        hazards = [one for one in hazards if one.code in codes]
    note = f"read as the arguments of a Trainer of {' or '.join(named)}; a script may add to them"
    framework = {"transformers": "torch"}.get(named[0], "paddle") if len(named) == 1 else ""
    return Recipe({**fields, "freeze": _frozen(tree)}, tuple(hazards), (note,), framework)


def _agreed(one: Found, other: Found | None, named: list[str]) -> Found:
    if other is not None and other.value == one.value:
        return one
    why = f"{' and '.join(named)} differ in it; which of them trains is not said"
    return Found(None, "unknown", one.place, "", one.flag, why)


def _frozen(tree: Node) -> Found:
    for key in _KINDS:
        node = tree.get(key)
        if node is not None and str(node.value).lower() in _ADAPTERS:
            return Found([f"all but {node.value}"], "stated", node.place, "configuration", key)
    node = tree.get("lora")
    if node is not None and node.value is True:
        return Found(["all but lora"], "stated", node.place, "configuration", "lora")
    return Found([], "implied", None, "nothing is said to stand still")
