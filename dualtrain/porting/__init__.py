"""A recipe of one framework as a script of the other: read, written, its rates proved."""

from dualtrain.porting._port import Ported, port

__all__ = ["Ported", "port"]
