"""What a program, a configuration or a command says, found without running any of it."""

from dualtrain.reading._commands import Command, choose, commands, working_folder
from dualtrain.reading._data_files import read_data
from dualtrain.reading._data_text import json_node, yaml_node
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._node import Node
from dualtrain.reading._place import Place
from dualtrain.reading._program import Program, read_program
from dualtrain.reading._values import (
    Class,
    Condition,
    Context,
    DictValue,
    Function,
    Instance,
    Item,
    Known,
    Library,
    ListValue,
    Loop,
    Made,
    Module,
    Origin,
    Unknown,
    Value,
    alternatives,
    leaves,
    plain,
)

__all__ = [
    "Class",
    "Command",
    "Condition",
    "Context",
    "DictValue",
    "Event",
    "Function",
    "Instance",
    "Item",
    "Known",
    "Library",
    "ListValue",
    "Loop",
    "Machine",
    "Made",
    "Model",
    "Module",
    "Node",
    "Origin",
    "Place",
    "Program",
    "Unknown",
    "Value",
    "alternatives",
    "choose",
    "commands",
    "json_node",
    "leaves",
    "plain",
    "read_data",
    "read_program",
    "working_folder",
    "yaml_node",
]
