"""What a trace says of a model that the numbers in it do not show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["notes_of"]


def notes_of(modules: Mapping[str, Any], buffers: Sequence[str]) -> list[str]:
    """Sentences about dropout and about buffers that are left out.

    modules: path -> module. buffers: names of those that a trace neither compares nor saves.
    """
    dropping = [path or "the model" for path, module in modules.items() if _rate(module) > 0.0]
    dropout = f"dropout is on, in {_some(dropping)}: masks cannot match across frameworks"
    left_out = f"buffers are neither compared nor saved: {_some(buffers)}"
    return [*([dropout] if dropping else []), *([left_out] if buffers else [])]


def _rate(module: Any) -> float:
    """The dropout rate of a layer; attention and recurrent layers hold one as `dropout`."""
    is_dropout = any("Dropout" in base.__name__ for base in type(module).__mro__)
    rate = getattr(module, "p" if is_dropout else "dropout", 0.0)
    return float(rate) if isinstance(rate, (int, float)) else 0.0


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
