"""From a spec file to a `Spec`, or to everything that is wrong with the file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pydantic import ValidationError

from dualtrain.errors import Problem, SpecError
from dualtrain.fields import Malformed, Positions, Source, dotted, problems_of, shown
from dualtrain.files import read_bytes, reason
from dualtrain.spec._spec import Spec

__all__ = ["load_spec", "read_document"]


def load_spec(path: str | os.PathLike[str]) -> Spec:
    """Read a spec from a .yaml, .yml, .toml or .json file in UTF-8.

    Raises `SpecError` with every problem of the file, in the order of its lines: syntax; unknown,
    missing and repeated keys; values that break a rule.
    """
    path = Path(path)
    file = str(path)
    try:
        data, positions = read_document(path)
    except Malformed as error:
        problem = Problem(
            where="", rule=error.rule, received=error.received, file=file, line=error.line
        )
        raise SpecError((problem,)) from None
    found = _repeated(positions, file)
    try:
        spec = Spec.model_validate(data, context={"folder": path.parent})
    except ValidationError as error:
        raise _all(found + problems_of(error, Spec, file=file, positions=positions)) from None
    if found:
        raise _all(found)
    return spec.located(Source(path.parent.absolute(), file, positions))


def read_document(path: Path) -> tuple[object, Positions]:
    """The data of a .yaml, .yml, .toml or .json file, and where its keys stand.

    Raises `Malformed` for what cannot be read as its format; repeated keys are told by `Positions`.
    """
    match path.suffix.lower():
        case ".yaml" | ".yml":
            from dualtrain.spec._yaml import read_yaml as read
        case ".toml":
            from dualtrain.spec._toml import read_toml as read
        case ".json":
            from dualtrain.spec._json import read_json as read
        case suffix:
            raise Malformed("must end in .yaml, .yml, .toml or .json", received=repr(suffix))
    text = _text(path)
    if path.suffix.lower() != ".toml":  # where a carriage return alone is a mistake
        text = re.sub("\r\n?", "\n", text)
    if not text.strip():
        raise Malformed("is empty")
    try:
        return read(text)
    except Malformed as error:
        if error.line is not None:
            written = "".join(text.split("\n")[error.line - 1 : error.line]).strip()
            error.received = shown(written) if written else "the end of the file"
        raise
    except RecursionError:
        raise Malformed("is nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise Malformed(f"cannot be read: {error}") from None


def _text(path: Path) -> str:
    try:
        data = read_bytes(path)
    except OSError as error:
        raise Malformed(f"cannot be read: {reason(error)}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len((error.object[: error.start] + b"x").splitlines())
        byte = error.object[error.start]
        raise Malformed(
            "must be text in UTF-8; save it as UTF-8", line, f"byte 0x{byte:02x}"
        ) from None


def _repeated(positions: Positions, file: str) -> list[Problem]:
    return [
        Problem(
            where=dotted(steps[:-1]),
            rule=f"key {steps[-1]!r} is given twice, first on line {first}",
            file=file,
            line=line,
        )
        for steps, line, first in positions.repeated
    ]


def _all(problems: list[Problem]) -> SpecError:
    return SpecError(tuple(sorted(problems, key=lambda problem: problem.line or 0)))
