"""What torch's layers need where they are frozen: nothing; the mirror of Paddle's."""

from __future__ import annotations

from typing import Any

from torch import nn

__all__ = ["can_keep", "mend_frozen"]


def can_keep(module: Any) -> bool:
    """Whether running statistics stand still in evaluation mode: in torch all do."""
    return True


def mend_frozen(model: nn.Module) -> None:
    """See to kernels that go wrong where a parameter stands still: torch has none."""
