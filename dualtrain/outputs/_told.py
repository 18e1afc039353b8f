"""What the system says of a place, told as a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dualtrain.errors import OutputError
from dualtrain.files import reason

__all__ = ["told"]


@contextmanager
def told(path: Path, rule: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        named = error.filename
        where = "" if named is None or Path(named) == path else f": {named}"
        raise OutputError(f"{path}: {rule}. Received: {reason(error)}{where}") from None
    except ValueError as error:  # a NUL in the name
        raise OutputError(f"{path}: {rule}. Received: {error}") from None
