"""The weights beside a trace: read when they are those of its run, by name, shape, type and digest.

What a file says it holds is looked at before any of it is read: a header of terabytes costs
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dualtrain.errors import TraceError
from dualtrain.files import irregular, read_header
from dualtrain.listing import listed
from dualtrain.parity._weight_set import Arrays, WeightSet
from dualtrain.printable import escaped, printable
from dualtrain.trace import Header, Trace, weight_digest, weights_digest

__all__ = ["read_weights"]

Shapes = Mapping[str, tuple[int, ...]]


def read_weights(path: Path, trace: Trace) -> WeightSet | None:
    """The weights that a trace's end names, beside the trace file `path`; None if it names none.

    Raises `TraceError` if the files are not there, are not safetensors in float32, or do not hold
    what this run began and ended with: the tensors of its header, with the digests of the trace.
    """
    end = trace.end
    if end is None or end.weights is None or end.initial_weights is None:
        return None
    files = [end.initial_weights, end.weights, *([end.averages] if end.averages else [])]
    shapes = [_shapes(path.parent / file) for file in files]
    for file, found in zip(files, shapes, strict=True):
        _check_names(path, file, found, trace.header)
        if found != shapes[0]:
            raise _error(
                path,
                "all weights of a run have the same names and shapes",
                f"{file}, {_apart(found, shapes[0])} {files[0]}",
            )
    initial, final, *averages = (_read(path.parent / file) for file in files)
    digests = {name: weight_digest(array) for name, array in initial.items()}
    if digests != trace.header.initial_digest:
        raise _replaced(path, end.initial_weights, "began with")
    # None in the first traces of version 2
    if end.weights_digest not in (None, weights_digest(final)):
        raise _replaced(path, end.weights, "ended with")
    if end.averages is None:
        return WeightSet(initial, final)
    if end.averages_digest not in (None, weights_digest(averages[0])):
        raise _replaced(path, end.averages, "ended with")
    return WeightSet(initial, final, averages[0])


def _check_names(path: Path, file: str, found: Shapes, header: Header) -> None:
    """Refuse a file that lacks a tensor of the run, has one more, or one of another shape."""
    lacking = sorted(header.initial_digest.keys() - found.keys())
    more = sorted(found.keys() - header.initial_digest.keys())
    if lacking or more:
        told = [*(f"without {name!r}" for name in lacking), *(f"with {name!r}" for name in more)]
        rule = f"{file} must hold the tensors that the first line names"
        raise _error(path, rule, f"one {listed(told)}")
    for parameter in header.parameters:
        if found[parameter.name] != parameter.shape:
            rule = f"{file} must hold {parameter.name!r} with the shape {list(parameter.shape)}"
            raise _error(path, rule, str(list(found[parameter.name])))


def _apart(found: Shapes, others: Shapes) -> str:
    name = next(name for name in found if found[name] != others[name])
    return f"which has {name!r} as {list(found[name])}, and not as {list(others[name])} as in"


def _replaced(path: Path, file: str, whose: str) -> TraceError:
    rule = f"{file} must hold the weights that this run {whose}"
    return _error(path, rule, "those of another run")


def _shapes(path: Path) -> Shapes:
    """What a file of weights says it holds. Raises `TraceError` for what is none."""
    kind = irregular(path)
    if kind is not None:
        raise _error(path, _RULE, kind)
    try:
        header = read_header(path)
    except (OSError, ValueError) as error:
        raise _error(path, _RULE, str(error)) from None
    for name, (dtype, _) in header.items():
        if dtype != "F32":
            rule = "the weights of a run are written in float32 (F32), whatever type trained"
            raise _error(path, rule, f"{name!r} in {dtype}")
    return {name: shape for name, (_, shape) in header.items()}


_RULE = "weights are a safetensors file"


def _read(path: Path) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays: Arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _error(path, _RULE, str(error)) from None
    return arrays


def _error(path: Path, rule: str, received: str) -> TraceError:
    told = f"{printable(rule)}. Received: {printable(received)}"
    return TraceError(f"{escaped(str(path))}: {told}")
