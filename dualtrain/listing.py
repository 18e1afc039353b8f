"""Several texts in a sentence that must stay one."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["listed"]


def listed(texts: Sequence[str], most: int = 3, *, between: str = ", ") -> str:
    """The first few of several texts, and how many more there are.

    >>> listed(["a", "b", "c", "d", "e"]), listed(["a", "b"])
    ('a, b, c, and 2 more', 'a, b')
    """
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return between.join([*texts[:most], *more])
