"""A JSON file of a trained model's folder, written and read as one part of words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from dualtrain.aside import write_aside
from dualtrain.errors import CheckpointError
from dualtrain.fields import Part, problems_of
from dualtrain.files import parse_json, read_bytes, reason

__all__ = ["read_record", "write_record"]

P = TypeVar("P", bound=Part)


def write_record(path: Path, record: Part) -> None:
    """Write what `read_record` reads."""
    content = record.model_dump(mode="json", exclude_none=True)
    with write_aside(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        temporary.write_text(text, encoding="utf-8")


def read_record(path: Path, kind: type[P]) -> P:
    """The record of a file that a run left. Raises `CheckpointError` with all that is wrong."""
    try:
        return kind.model_validate(parse_json(read_bytes(path)))
    except OSError as error:
        rule = "must be what `dualtrain train --output` writes beside the weights of its task"
        raise CheckpointError(f"{path}: {rule}. Received: {reason(error)}") from None
    except ValidationError as error:
        told = "\n".join(map(str, problems_of(error, kind, file=str(path))))
        raise CheckpointError(told) from None
    except ValueError as error:
        raise CheckpointError(f"{path}: must be valid JSON. Received: {error}") from None
