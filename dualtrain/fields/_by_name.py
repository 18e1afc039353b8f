"""How tables of names are written: what is said of them, then all of whom it is said."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["by_name"]


def by_name(names_of: Mapping[str, str]) -> dict[str, str]:
    """Each of the names, parted by white space -> what is said of it.

    >>> by_name({"write lr: VALUE": "base_lr max_lr"})
    {'base_lr': 'write lr: VALUE', 'max_lr': 'write lr: VALUE'}
    """
    return {name: said for said, names in names_of.items() for name in names.split()}
