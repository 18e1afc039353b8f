"""What a program, a configuration or a command says, found without running any of it."""

from dualtrain.reading._node import Node
from dualtrain.reading._place import Place

__all__ = ["Node", "Place"]
