"""The trace file: what is written is read back, and anything else is refused with its line."""

from __future__ import annotations

import errno
import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualtrain.errors import OutputError, TraceError
from dualtrain.parity import compare, compare_with_plan, read_weights
from dualtrain.trace import (
    Computation,
    Decision,
    End,
    Evaluation,
    Header,
    ParameterFacts,
    PlanFacts,
    Trace,
    TraceWriter,
    Update,
    header_from_json,
    header_to_json,
    read_trace,
    weight_digest,
)
from tests.limits import files_of_at_most
from tests.traces import make_spec, make_trace, with_update, write_trace

floats = st.floats(allow_nan=True, allow_infinity=True)


@given(
    lr=st.floats(allow_nan=False, allow_infinity=False),
    losses=st.lists(floats, min_size=1, max_size=1),  # update 5 is a tail of one micro-batch
    norm=st.none() | floats,
    skipped=st.booleans(),
)
def test_every_float_comes_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory,
    lr: float,
    losses: list[float],
    norm: float | None,
    skipped: bool,
) -> None:
    written = with_update(
        make_trace(amp={"dtype": "float16"}),
        5,
        lr=lr,
        micro_losses=tuple(losses),
        grad_norm=norm,
        skipped=skipped,
    )
    path = write_trace(tmp_path_factory.mktemp("trace") / "a.jsonl", written)
    assert repr(written) == repr(read_trace(str(path)))  # repr: nan is not equal to itself


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
    written = make_trace(amp={"dtype": "float16"})
    assert written.header.plan is not None
    plan = replace(written.header.plan, spec=spec)
    written = replace(written, header=replace(written.header, plan=plan))
    assert written == read_trace(write_trace(tmp_path / "a.jsonl", written))


def test_a_trace_without_a_plan_comes_back(tmp_path: Path) -> None:
    """A recorded script: facts, and few of them."""
    header = Header(
        backend="torch",
        versions={"torch": "2.13.0"},
        device="cuda",
        computation=Computation(dtype="bfloat16"),
        parameters=(),
        initial_digest={},
    )
    updates = tuple(Update(attempt=t, t=t, lr=0.1, loss=1.0 / (1 + t)) for t in range(3))
    evaluations = (
        Evaluation(t=0, examples=10, loss=2.5),
        Evaluation(t=3, examples=10, loss=0.5, metrics={"r2": 0.9, "mae": math.inf}),
    )
    written = Trace(header, updates, evaluations, End(reason="error: ValueError: too hot"))
    assert written == read_trace(write_trace(tmp_path / "a.jsonl", written))


def test_the_file_is_one_header_one_line_per_event_and_one_end(tmp_path: Path) -> None:
    trace = with_update(make_trace(), 1, grad_norm=math.inf, loss=math.nan, clipped_norm=-math.inf)
    lines = write_trace(tmp_path / "a.jsonl", trace).read_text().splitlines()
    header, *updates, evaluation, end = map(json.loads, lines)
    assert (header["format"], header["version"]) == ("dualtrain-trace", 3)
    assert [update["t"] for update in updates] == [0, 1, 2, 3, 4, 5]
    assert [updates[1][k] for k in ("grad_norm", "loss", "clipped_norm")] == ["inf", "nan", "-inf"]
    assert evaluation == {
        "record": "evaluation",
        "t": 6,
        "examples": 80,
        "loss": 0.5,
        "correct": 61,
        "metrics": {},
    }
    assert end == {
        "record": "end",
        "reason": "done",
        "skipped": None,
        "weights": None,
        "initial_weights": None,
        "weights_digest": None,
        "averages": None,
        "averages_digest": None,
    }


@pytest.mark.parametrize(
    ("computation", "told"),
    [
        (Computation(dtype="float32"), "float32"),
        (Computation(dtype="float16", level="O1"), "float16 O1"),
        (
            Computation(dtype="bfloat16", level="O2", masters=True),
            "bfloat16 O2 with master weights",
        ),
    ],
)
def test_the_type_of_computation_reads_as_one(computation: Computation, told: str) -> None:
    assert told == str(computation)


def test_a_header_crosses_processes_as_text() -> None:
    header = make_trace().header
    assert header == header_from_json(header_to_json(header))


def test_the_file_grows_under_its_own_name(tmp_path: Path) -> None:
    """Whoever reads it meanwhile gets what happened up to then."""
    trace, path = make_trace(), tmp_path / "made" / "a.jsonl"
    with TraceWriter(path, trace.header) as writer:
        assert read_trace(path) == Trace(trace.header)
        for n, update in enumerate(trace.updates, start=1):
            writer.update(update)
            assert read_trace(path) == Trace(trace.header, trace.updates[:n])
        writer.evaluation(trace.evaluations[0])
        writer.end(End(reason="done"))
    assert read_trace(path) == trace
    assert [path] == list(path.parent.iterdir())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("rate\nof \ud800"), "error: ValueError: rate\nof ?"),
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(143), "interrupted"),
    ],
)
def test_a_run_that_breaks_off_says_why(tmp_path: Path, error: BaseException, reason: str) -> None:
    trace, path = make_trace(), tmp_path / "a.jsonl"
    with pytest.raises(type(error)), TraceWriter(path, trace.header) as writer:
        writer.update(trace.updates[0])
        raise error
    assert read_trace(path) == Trace(trace.header, trace.updates[:1], (), End(reason=reason))


def test_leaving_without_an_end_leaves_a_cut_trace(tmp_path: Path) -> None:
    header = make_trace().header
    with TraceWriter(tmp_path / "a.jsonl", header):
        pass
    read = read_trace(tmp_path / "a.jsonl")
    assert (read, read.outcome) == (Trace(header), "cut")


def test_nothing_is_added_after_the_end(tmp_path: Path) -> None:
    trace, path = make_trace(), tmp_path / "a.jsonl"
    with TraceWriter(path, trace.header) as writer:
        writer.end(End(reason="interrupted"))
        with pytest.raises(TraceError, match=r"over at its end\. Received: one more update"):
            writer.update(trace.updates[0])
    assert read_trace(path).outcome == "interrupted"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_only_a_regular_file_is_written_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, received in ((tmp_path / "pipe", "a named pipe"), (tmp_path, "a folder")):
        with pytest.raises(OutputError, match=f"a trace is a regular file. Received: {received}"):
            TraceWriter(path, make_trace().header)


def test_a_trace_replaces_an_earlier_one_alone(tmp_path: Path) -> None:
    """Of this or an older version, whole or cut, or an empty file; whatever else stands there."""
    trace, path = make_trace(), tmp_path / "a.jsonl"
    for earlier in (b"", b'{"record":"header","format":"dualtrain-trace","version":2,"back'):
        path.write_bytes(earlier)
        with TraceWriter(path, trace.header):
            pass
        assert read_trace(path).header == trace.header
    path.write_text('{"text": "a row of data"}\n')
    with pytest.raises(
        OutputError, match=r"and nothing else.*Received: a file that begins with '{"
    ):
        TraceWriter(path, trace.header)
    assert path.read_text() == '{"text": "a row of data"}\n'


def test_one_run_at_a_time_writes_a_trace(tmp_path: Path) -> None:
    trace, path = make_trace(), tmp_path / "a.jsonl"
    with TraceWriter(path, trace.header) as writer:
        writer.update(trace.updates[0])
        with pytest.raises(OutputError, match=r"one run at a time.*Received: this process"):
            TraceWriter(path, trace.header)
        writer.update(trace.updates[1])
    assert read_trace(path).updates == trace.updates[:2]


def test_a_line_that_cannot_be_written_leaves_those_before_it(tmp_path: Path) -> None:
    """The system takes half of the line; the file then ends with the last whole one."""
    trace, path = make_trace(), tmp_path / "a.jsonl"
    writer = TraceWriter(path, trace.header)
    writer.update(trace.updates[0])
    size = path.stat().st_size
    with files_of_at_most(size + 10), pytest.raises(OSError) as caught, writer:
        writer.update(trace.updates[1])
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert path.stat().st_size == size
    assert read_trace(path) == Trace(trace.header, trace.updates[:1])


def test_what_broke_off_within_a_line_is_written_over(tmp_path: Path) -> None:
    """As Ctrl-C may, between two parts of a long line."""
    trace, path = make_trace(), tmp_path / "a.jsonl"
    with pytest.raises(KeyboardInterrupt), TraceWriter(path, trace.header) as writer:
        writer.update(trace.updates[0])
        with path.open("ab") as file:
            file.write(b'{"record":"upd')
        raise KeyboardInterrupt
    assert read_trace(path) == Trace(trace.header, trace.updates[:1], (), End(reason="interrupted"))


def test_a_skipped_update_holds_or_advances_the_clock(tmp_path: Path) -> None:
    trace = make_trace(amp={"dtype": "float16"})
    trace = replace(with_update(trace, 1, skipped=True), evaluations=())
    held = [replace(u, t=u.t - (u.t > 1)) for u in trace.updates]
    for updates, clock in ((trace.updates, [0, 1, 2, 3, 4, 5]), (held, [0, 1, 1, 2, 3, 4])):
        path = write_trace(tmp_path / "a.jsonl", replace(trace, updates=tuple(updates)))
        assert clock == [update.t for update in read_trace(path).updates]


@given(st.data())
def test_a_trace_cut_anywhere_is_read_up_to_there(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Half a line is dropped; all that stands before it is there."""
    trace, path = make_trace(), tmp_path_factory.mktemp("trace") / "a.jsonl"
    content = write_trace(path, trace).read_bytes()
    size = data.draw(st.integers(content.index(b"\n"), len(content)))
    path.write_bytes(content[:size])
    kept, lines = content[:size].splitlines(), content.splitlines()
    whole = sum(one == other for one, other in zip(kept, lines, strict=False))
    read = read_trace(path)
    assert read == Trace(
        trace.header,
        trace.updates[: whole - 1],
        trace.evaluations[: max(0, whole - 7)],
        trace.end if whole == len(lines) else None,
    )


@pytest.mark.parametrize("version", [2, 3])
def test_no_damage_is_more_than_refused(
    tmp_path_factory: pytest.TempPathFactory, version: int
) -> None:
    """One byte changed, lost or added, one line lost, doubled or moved, 1,500 times a version."""
    folder = tmp_path_factory.mktemp("trace")
    whole = write_trace(folder / "a.jsonl", make_trace()) if version == 3 else OLD / "plain.jsonl"
    content, random, read = whole.read_bytes(), Random(version), 0
    path = folder / "b.jsonl"
    for _ in range(1500):
        path.write_bytes(damaged(content, random))
        try:
            found = read_trace(path)
        except TraceError as error:
            assert re.match(rf"{re.escape(str(path))}:\d+: .+ Received: ", str(error), re.DOTALL)
        else:
            read += 1
            assert [u.attempt for u in found.updates] == list(range(len(found.updates)))
    assert 0 < read < 1000


def damaged(content: bytes, random: Random) -> bytes:
    lines, at = content.splitlines(keepends=True), random.randrange(len(content))
    line = random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            return content[:at] + bytes([random.randrange(256)]) + content[at + 1 :]
        case 1:
            return content[:at] + content[at + 1 :]
        case 2:
            return content[:at] + random.choice([b"9", b"}", b'"', b"\n", b"\xff"]) + content[at:]
        case 3:
            return b"".join(lines[:line] + lines[line + 1 :])
        case 4:
            return b"".join([*lines[:line], lines[line], *lines[line:]])
        case _:
            random.shuffle(lines)
            return b"".join(lines)


# Version 2: files that its own writer made

OLD = Path(__file__).parent / "traces_of_version_2"


def test_a_trace_of_version_2_says_what_its_run_would_say_now() -> None:
    now = make_trace()
    parameters = tuple(replace(p, dtype=None) for p in now.header.parameters)
    read = read_trace(OLD / "plain.jsonl")
    weights = read_weights(OLD / "plain.jsonl", read)
    assert weights is not None
    digests = {name: weight_digest(array) for name, array in weights.initial.items()}
    header = replace(now.header, parameters=parameters, initial_digest=digests)
    assert read.end is not None
    assert (read.end.reason, read.end.weights) == ("done", "plain.final.safetensors")
    assert read == replace(now, header=header, end=read.end)
    assert compare(read, read, weights=(weights, weights)).agrees


def test_a_trace_of_version_2_tells_its_type_by_its_spec() -> None:
    read = read_trace(OLD / "bfloat16_O2.jsonl")
    assert str(read.header.computation) == "bfloat16 O2 with master weights"
    second = read.updates[1]
    assert repr((second.loss, second.grad_norm, second.clipped_norm)) == "(nan, inf, -inf)"
    assert second.momentum == 0.9


def test_a_trace_of_version_2_with_skips_and_without_evaluation() -> None:
    read = read_trace(OLD / "float16_skips.jsonl")
    assert [update.t for update in read.updates] == [0, 1, 1, 2, 3, 4]
    assert [update.attempt for update in read.updates] == [0, 1, 2, 3, 4, 5]
    assert read.end is not None
    assert (read.evaluations, read.end.skipped) == ((), 2)


def test_a_run_of_version_2_did_what_its_spec_says_now() -> None:
    """A real one: the plan of today, down to the last bit of its rates, is that of then."""
    read = read_trace(OLD / "small_task.jsonl")
    assert (len(read.updates), len(read.header.parameters)) == (12, 25)
    assert compare_with_plan(read).agrees


@pytest.mark.parametrize(
    ("line", "field"),
    [
        *(
            (1, f)
            for f in ("loss", "micro_losses", "grad_norm", "loss_scale", "skipped", "batches")
        ),
        *((-1, f) for f in ("correct", "total", "eval_loss", "weights", "initial_weights")),
    ],
)
def test_a_line_of_version_2_has_all_its_fields(line: int, field: str, tmp_path: Path) -> None:
    lines = [json.loads(text) for text in (OLD / "plain.jsonl").read_text().splitlines()]
    del lines[line][field]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    with pytest.raises(TraceError, match=rf"\b{field} is required"):
        read_trace(path)


def test_the_first_traces_of_version_2_did_not_number_their_updates(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (OLD / "plain.jsonl").read_text().splitlines()]
    for update in lines[1:-1]:
        del update["attempt"], update["momentum"]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert read_trace(path).updates == read_trace(OLD / "plain.jsonl").updates


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
        "1: a trace's first line has 'version': 3 or 2. Received: 1",
    ),
    "not an object": (
        lambda lines: [[]],
        "1: a trace's first line has 'format': 'dualtrain-trace'. Received: no 'format'",
    ),
    "unknown field": (
        set_field(2, speed=3),
        "3: update speed is not a field of dualtrain-trace 3. Received: 3",
    ),
    "missing field": (
        drop_field(2, "lr"),
        "3: update lr is required. Received: a line without it",
    ),
    "missing field deep inside": (
        set_field(0, parameters=[{"name": "w"}]),
        "1: header parameters.0.native is required. Received: a line without it",
    ),
    "text for a number": (
        set_field(2, lr="0.1"),
        "3: update lr: input should be a valid number. Received: '0.1'",
    ),
    "unknown kind of line": (
        set_field(2, record="note"),
        "3: each line is a JSON object whose 'record' is header, update, evaluation or end. ",
    ),
    "header twice": (
        lambda lines: [lines[0], *lines],
        "2: between header and end there are updates and evaluations only. Received: header",
    ),
    "something after the end": (
        lambda lines: [*lines, lines[1]],
        "9: between header and end there are updates and evaluations only. Received: end",
    ),
    "a line broken off in the middle": (
        lambda lines: [*lines[:-1], '{"record": "en'],
        '9: a trace is JSON Lines, one whole object a line. Received: \'{"record": "en\'',
    ),
    "an evaluation ahead of its time": (
        set_field(7, t=7),
        "8: evaluations are in order: t is 6 here. Received: 7",
    ),
    "an evaluation of nothing": (
        set_field(7, examples=0),
        "8: evaluation examples must be >= 1. Received: 0",
    ),
    "an end without a reason": (
        drop_field(8, "reason"),
        "9: end reason is required. Received: a line without it",
    ),
    "done before the end of the plan": (
        lambda lines: [*lines[:6], lines[8]],
        "7: the first line announces total_updates 6. Received: 5 updates before the end",
    ),
    "more than was planned": (
        lambda lines: [*lines[:7], {**lines[6], "t": 6, "attempt": 6}],
        "8: the first line announces total_updates 6. Received: one more update",
    ),
    "an update lost": (
        lambda lines: lines[:2] + lines[3:],
        "3: updates are in order: attempt is 1 here. Received: 2",
    ),
    "an update twice": (
        lambda lines: lines[:3] + lines[2:],
        "4: updates are in order: attempt is 2 here. Received: 1",
    ),
    "not from the start": (
        lambda lines: lines[:1] + lines[2:],
        "2: updates are in order: attempt is 0 here. Received: 1",
    ),
    "a clock that goes otherwise": (
        set_field(3, t=1),
        "4: updates are in order: t is 2 here. Received: 1",
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


@pytest.mark.parametrize(
    "record", [Header, Computation, ParameterFacts, PlanFacts, Decision, Update, Evaluation, End]
)
def test_every_field_stands_on_its_page(record: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "trace.md").read_text(encoding="utf-8")
    missing = {f.name for f in fields(record)} - set(re.findall(r"`([a-z_]+)`", page))
    assert missing - {"record"} == set()
