"""A recipe of one framework as a script of the other: read, written, its rates proved."""

from dualtrain.porting._port import port
from dualtrain.porting._ported import Ported

__all__ = ["Ported", "port"]
