"""What a command or a configuration gives, by the name of the argument."""

from __future__ import annotations

from dualtrain.reading import Command, Node
from dualtrain.recipes._record import Found

__all__ = ["given_by_command", "given_by_data"]


def given_by_command(command: Command) -> dict[str, Found]:
    """The flags of a command, `--learning_rate 1e-5` as `learning_rate`.

    >>> from dualtrain.reading import commands
    >>> [one] = commands("python run.py --learning-rate=1e-5 --seed $seed", "run.sh")
    >>> given = given_by_command(one)
    >>> given["learning_rate"].value, given["seed"].certainty
    ('1e-5', 'unknown')
    """
    return {
        name.lstrip("-").replace("-", "_"): _flag(command, name, node)
        for name, node in command.flags().items()
    }


def _flag(command: Command, name: str, node: Node) -> Found:
    values = node.value if isinstance(node.value, list) else [node]
    for number, why in command.unresolved.items():
        for one in values:
            word = command.words[number]
            if word.endswith(str(one.value)) and command.places[number] == one.place:
                return Found(None, "unknown", node.place, "command line", name, why)
    return Found(node.plain(), "stated", node.place, "command line", name)


def given_by_data(tree: Node) -> dict[str, Found]:
    """The keys of a mapping in JSON or YAML."""
    members = tree.value if isinstance(tree.value, dict) else {}
    return {
        key: Found(node.plain(), "stated", node.place, "configuration", key)
        for key, node in members.items()
    }
