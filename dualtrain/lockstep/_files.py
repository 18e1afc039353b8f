"""Updates on disk: a folder of states that a run leaves, and what a side shows of one update.

An update is one safetensors file, whole or not there, whose metadata has what is no array. In a
folder of states `states.json` says of which run they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from dualtrain.aside import save_arrays, write_aside
from dualtrain.errors import StatesError
from dualtrain.files import irregular, parse_json, read_bytes, read_header, reason
from dualtrain.lockstep._record import Led, Move, Pass, Scalars, Shown
from dualtrain.printable import escaped, printable
from dualtrain.state import Arrays, RunState
from dualtrain.trace import Header

__all__ = [
    "FILES",
    "States",
    "led_attempts",
    "led_file",
    "read_led",
    "read_shown",
    "read_states",
    "shown_file",
    "write_led",
    "write_shown",
    "write_states",
]

_MANIFEST = "states.json"
FILES = (_MANIFEST, "update-*.safetensors")
"""What a folder of states consists of."""

_VERSION: Literal[1] = 1


@dataclass(frozen=True, kw_only=True)
class States:
    """What a folder of states is of."""

    version: Literal[1] = _VERSION
    header: Header
    """Of the leading run: its side, its types, its plan with the decisions for each parameter."""
    judged: tuple[int, ...]
    """The updates that are there, in order; the first and the last of the run are among them."""
    total: int
    """Updates that the run made or skipped."""


def write_states(folder: Path, states: States) -> None:
    """Say in a folder of states of which run they are. Raises `OSError`."""
    with write_aside(folder / _MANIFEST) as temporary:
        temporary.write_bytes(TypeAdapter(States).dump_json(states))


def read_states(folder: Path) -> States:
    """What a folder of states says of itself.

    Raises `StatesError` for what is none, for one of another version, and for one that lacks an
    update.
    """
    path = folder / _MANIFEST
    try:
        said = parse_json(read_bytes(path))
    except OSError as error:
        raise _error(path, _NO_FOLDER, reason(error)) from None
    except ValueError as error:
        raise _error(path, _NO_FOLDER, str(error)) from None
    version = said.get("version") if isinstance(said, Mapping) else None
    if version != _VERSION:
        raise _error(path, f"its version must be {_VERSION}", repr(version))
    try:
        states = TypeAdapter(States).validate_json(json.dumps(said))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _error(path, _NO_FOLDER, f"{place}: {first['msg']}") from None
    if states.header.plan is None:
        raise _error(path, "states are those of a run with a plan", "none")
    for attempt in states.judged:
        if not led_file(folder, attempt).is_file():
            rule = f"the folder must hold {led_file(folder, attempt).name}"
            raise _error(path, rule, "a folder without it")
    return states


def led_attempts(folder: Path) -> tuple[int, ...]:
    """The updates of a folder of states. Raises `StatesError` as `read_states` does."""
    return read_states(folder).judged


def led_file(folder: Path, attempt: int) -> Path:
    """Where a folder of states has an update.

    >>> led_file(Path("states"), 12).as_posix()
    'states/update-0000012.safetensors'
    """
    return folder / f"update-{attempt:07}.safetensors"


def shown_file(folder: Path, attempt: int) -> Path:
    """Where a side leaves what it shows of an update.

    >>> shown_file(Path("states/shown"), 12).as_posix()
    'states/shown/shown-0000012.safetensors'
    """
    return folder / f"shown-{attempt:07}.safetensors"


def write_led(folder: Path, led: Led) -> None:
    """Leave an update in a folder of states. Raises `OSError`."""
    arrays, facts = _pass(led.passed, "passed")
    states, kept = _states(before=led.before, after=led.after)
    told = {"attempt": led.attempt, "batches": led.batches, **facts, **kept}
    _write(led_file(folder, led.attempt), "led", {**arrays, **states}, told)


def read_led(folder: Path, attempt: int) -> Led:
    """An update of a folder of states. Raises `StatesError` for a file that has none."""
    path = led_file(folder, attempt)
    with _read(path, "led") as (arrays, facts):
        return Led(
            attempt=int(facts["attempt"]),
            batches=tuple(facts["batches"]),
            before=_state_in(arrays, facts, "before"),
            passed=_pass_in(arrays, facts, "passed"),
            after=_state_in(arrays, facts, "after"),
        )


def write_shown(path: Path, shown: Shown) -> None:
    """Write what a side shows of one update. Raises `OSError`."""
    arrays: dict[str, Any] = {}
    facts: dict[str, Any] = {
        name: getattr(shown, name)
        for name in ("attempt", "batches", "narrow", "random", "nudges", "reached")
    }
    parts = [_pass(shown.passed, "passed"), _move(shown.moved, "moved")]
    parts += [_move(shown.probe, "probe")]
    if shown.wide is not None:
        parts.append(_pass(shown.wide, "wide"))
    for held, told in parts:
        arrays |= held
        facts |= told
    _write(path, "shown", arrays, facts)


def read_shown(path: Path) -> Shown:
    """What a side shows of one update. Raises `StatesError` for a file that has none."""
    with _read(path, "shown") as (arrays, facts):
        return Shown(
            attempt=int(facts["attempt"]),
            batches=tuple(facts["batches"]),
            passed=_pass_in(arrays, facts, "passed"),
            wide=_pass_in(arrays, facts, "wide") if "wide" in facts else None,
            narrow=str(facts["narrow"]),
            random=str(facts["random"]),
            moved=_move_in(arrays, facts, "moved"),
            probe=_move_in(arrays, facts, "probe"),
            nudges=tuple(facts["nudges"]),
            reached=facts["reached"],
        )


Packed = tuple[dict[str, Any], dict[str, Any]]
"""Arrays by flat name, and what is none."""


def _pass(passed: Pass, part: str) -> Packed:
    arrays = _under(f"{part}/gradients", passed.gradients)
    arrays |= _under(f"{part}/statistics", passed.statistics)
    return arrays, {part: {"losses": passed.losses}}


def _pass_in(arrays: Arrays, facts: Mapping[str, Any], part: str) -> Pass:
    return Pass(
        gradients=_in(arrays, f"{part}/gradients"),
        losses=tuple(map(float, facts[part]["losses"])),
        statistics=_in(arrays, f"{part}/statistics"),
    )


def _move(move: Move, part: str) -> Packed:
    arrays = _under(f"{part}/handed", move.handed) | _under(f"{part}/clipped", move.clipped)
    states, facts = _states(**{f"{part}/before": move.before, f"{part}/after": move.after})
    scalars = {name: asdict(held) for name, held in move.scalars.items()}
    told = {n: getattr(move, n) for n in ("lr", "momentum", "skipped", "norm")}
    return arrays | states, {part: {**told, "scalars": scalars}, **facts}


def _move_in(arrays: Arrays, facts: Mapping[str, Any], part: str) -> Move:
    told = dict(facts[part])
    scalars = {name: Scalars(**held) for name, held in told.pop("scalars").items()}
    return Move(
        before=_state_in(arrays, facts, f"{part}/before"),
        handed=_in(arrays, f"{part}/handed"),
        clipped=_in(arrays, f"{part}/clipped"),
        after=_state_in(arrays, facts, f"{part}/after"),
        scalars=scalars,
        **told,
    )


def _states(**states: RunState) -> Packed:
    arrays: dict[str, Any] = {}
    for part, state in states.items():
        arrays |= _under(part, state.arrays())
    return arrays, {part: state.scalars() for part, state in states.items()}


def _state_in(arrays: Arrays, facts: Mapping[str, Any], part: str) -> RunState:
    return RunState.joined(_in(arrays, part), facts[part])


def _under(part: str, arrays: Arrays) -> dict[str, Any]:
    return {f"{part}/{name}": np.asarray(a, order="C") for name, a in arrays.items()}


def _in(arrays: Arrays, part: str) -> dict[str, Any]:
    start = f"{part}/"
    return {name[len(start) :]: a for name, a in arrays.items() if name.startswith(start)}


def _write(path: Path, kind: str, arrays: Arrays, facts: Mapping[str, Any]) -> None:
    says = {"dualtrain": f"{kind} {_VERSION}", "facts": json.dumps(facts)}
    save_arrays(path, arrays, says)


@contextmanager
def _read(path: Path, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """A file of ours; what of it cannot be taken, in the block too, is refused."""
    from safetensors import SafetensorError, safe_open

    found = irregular(path)
    if found is not None:
        raise _error(path, _RULE, found)
    try:
        read_header(path)
        with safe_open(path, framework="np") as file:
            says = file.metadata() or {}
            if says.get("dualtrain") != f"{kind} {_VERSION}":
                raise ValueError(f"one that says {says.get('dualtrain')!r}")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        yield arrays, parse_json(says["facts"])
    except OSError as error:
        raise _error(path, _RULE, reason(error)) from None
    except SafetensorError as error:
        raise _error(path, _RULE, str(error)) from None
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _error(path, _RULE, f"{type(error).__name__}: {error}") from None


_NO_FOLDER = "a folder of states is what `dualtrain train --states FOLDER` leaves"
_RULE = "an update must be a safetensors file that dualtrain has written, of this version"


def _error(path: Path, rule: str, received: str) -> StatesError:
    told = f"{printable(rule)}. Received: {printable(received)}"
    return StatesError(f"{escaped(str(path))}: {told}")
