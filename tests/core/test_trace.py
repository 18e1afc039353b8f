"""The trace file: what is written is read back, and anything else is refused with its line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualtrain.errors import TraceError
from dualtrain.trace import TraceWriter, header_from_json, header_to_json, read_trace
from tests.traces import make_spec, make_trace, with_update, write_trace

floats = st.floats(allow_nan=True, allow_infinity=True)


@given(lr=floats, losses=st.lists(floats), norm=st.none() | floats, skipped=st.booleans())
def test_every_float_comes_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory,
    lr: float,
    losses: list[float],
    norm: float | None,
    skipped: bool,
) -> None:
    written = with_update(
        make_trace(), 5, lr=lr, micro_losses=tuple(losses), grad_norm=norm, skipped=skipped
    )
    path = write_trace(tmp_path_factory.mktemp("trace") / "a.jsonl", written)
    assert repr(written) == repr(read_trace(path))  # repr: nan is not equal to itself


def test_a_spec_with_every_part_comes_back(tmp_path: Path) -> None:
    spec = make_spec(
        amp={"dtype": "float16", "loss_scale": {"init": 1024.0}},
        batch={"size": 8, "accumulate": 2},
        task={
            "name": "text_classification",
            "train": "train.csv",
            "text": "text",
            "label": "label",
            "model": {"path": "checkpoint", "max_length": 64},
        },
    )
    written = make_trace()
    written = replace(written, header=replace(written.header, spec=spec))
    assert written == read_trace(write_trace(tmp_path / "a.jsonl", written))


def test_the_file_is_one_header_one_line_per_update_and_one_end(tmp_path: Path) -> None:
    trace = with_update(make_trace(), 1, grad_norm=math.inf, loss=math.nan, clipped_norm=-math.inf)
    lines = write_trace(tmp_path / "a.jsonl", trace).read_text().splitlines()
    header, *updates, end = map(json.loads, lines)
    assert (header["format"], header["version"]) == ("dualtrain-trace", 2)
    assert [update["t"] for update in updates] == [0, 1, 2, 3, 4, 5]
    assert [updates[1][k] for k in ("grad_norm", "loss", "clipped_norm")] == ["inf", "nan", "-inf"]
    assert end == {
        "record": "end",
        "correct": 61,
        "total": 80,
        "eval_loss": 0.5,
        "skipped": None,
        "weights": None,
        "initial_weights": None,
        "weights_digest": None,
        "averages": None,
        "averages_digest": None,
    }


def test_a_header_crosses_processes_as_text() -> None:
    header = make_trace().header
    assert header == header_from_json(header_to_json(header))


def test_the_file_appears_when_it_is_ended_and_not_before(tmp_path: Path) -> None:
    trace, path = make_trace(), tmp_path / "made" / "a.jsonl"
    with TraceWriter(path, trace.header) as writer:
        assert not path.exists()
        writer.end(trace.end)
        assert path.exists()
    assert [path] == list(path.parent.iterdir())


def test_an_error_leaves_nothing_behind_and_an_older_file_as_it_was(tmp_path: Path) -> None:
    trace, path = make_trace(), tmp_path / "a.jsonl"
    path.write_text("older")
    with pytest.raises(KeyboardInterrupt), TraceWriter(path, trace.header) as writer:
        writer.update(trace.updates[0])
        raise KeyboardInterrupt
    assert ("older", [path]) == (path.read_text(), list(tmp_path.iterdir()))


def test_leaving_without_an_end_leaves_nothing_behind(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "a.jsonl", make_trace().header):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_skipped_update_holds_or_advances_the_clock(tmp_path: Path) -> None:
    trace = with_update(make_trace(), 1, skipped=True)
    held = [replace(u, t=u.t - (u.t > 1)) for u in trace.updates]
    for updates, clock in ((trace.updates, [0, 1, 2, 3, 4, 5]), (held, [0, 1, 1, 2, 3, 4])):
        path = write_trace(tmp_path / "a.jsonl", replace(trace, updates=tuple(updates)))
        assert clock == [update.t for update in read_trace(path).updates]


Lines = list[Any]


def set_field(line: int, **fields: Any) -> Callable[[Lines], Lines]:
    def change(lines: Lines) -> Lines:
        return [*lines[:line], {**lines[line], **fields}, *lines[line + 1 :]]

    return change


def drop_field(line: int, field: str) -> Callable[[Lines], Lines]:
    def change(lines: Lines) -> Lines:
        kept = {key: value for key, value in lines[line].items() if key != field}
        return [*lines[:line], kept, *lines[line + 1 :]]

    return change


# what happens to the file, and the message after its name
BROKEN: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "empty": (
        lambda lines: [],
        "1: a trace is JSON Lines, one whole object a line. Received: ''",
    ),
    "another format": (
        set_field(0, format="something"),
        "1: a trace's first line has 'format': 'dualtrain-trace'. Received: 'something'",
    ),
    "no format": (
        drop_field(0, "format"),
        "1: a trace's first line has 'format': 'dualtrain-trace'. Received: no 'format'",
    ),
    "another version": (
        set_field(0, version=1),
        "1: a trace's first line has 'version': 2. Received: 1",
    ),
    "not an object": (
        lambda lines: [[]],
        "1: a trace's first line has 'format': 'dualtrain-trace'. Received: no 'format'",
    ),
    "unknown field": (
        set_field(2, speed=3),
        "3: update speed is not a field of dualtrain-trace 2. Received: 3",
    ),
    "missing field": (
        drop_field(2, "lr"),
        "3: update lr is required. Received: a line without it",
    ),
    "missing field deep inside": (
        set_field(0, ledger=[{"name": "w"}]),
        "1: header ledger.0.native is required. Received: a line without it",
    ),
    "text for a number": (
        set_field(2, lr="0.1"),
        "3: update lr: input should be a valid number. Received: '0.1'",
    ),
    "unknown kind of line": (
        set_field(2, record="note"),
        "3: each line is a JSON object whose 'record' is header, update or end. Received: ",
    ),
    "header twice": (
        lambda lines: [lines[0], *lines],
        "2: between header and end there are updates only. Received: header",
    ),
    "cut short between lines": (
        lambda lines: lines[:-1],
        "7: the last line of a trace is its end: the run was cut short. Received: update",
    ),
    "cut short in a line": (
        lambda lines: [*lines[:-1], '{"record": "en'],
        '8: a trace is JSON Lines, one whole object a line. Received: \'{"record": "en\'',
    ),
    "an update lost": (
        lambda lines: lines[:2] + lines[3:],
        "3: updates are in order: t is 1 here. Received: 2",
    ),
    "an update twice": (
        lambda lines: lines[:3] + lines[2:],
        "4: updates are in order: t is 2 here. Received: 1",
    ),
    "not from the start": (
        lambda lines: lines[:1] + lines[2:],
        "2: updates are in order: t is 0 here. Received: 1",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, case: str) -> None:
    change, message = BROKEN[case]
    path = write_trace(tmp_path / "a.jsonl", make_trace())
    lines = change([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text(
        "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    )
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    assert str(caught.value).startswith(f"{path}:{message}")


def test_a_bare_nan_is_refused(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "a.jsonl", make_trace())
    path.write_text(path.read_text().replace('"lr":0.0,', '"lr":NaN,', 1))
    with pytest.raises(TraceError, match="2: update lr: must be finite, or one of"):
        read_trace(path)


def test_binary_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\x80\x04\x95pickle")
    with pytest.raises(TraceError, match="1: a trace is JSON Lines"):
        read_trace(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl"
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    assert f"{path}: a trace is a readable file. Received: No such file or directory" == str(
        caught.value
    )
