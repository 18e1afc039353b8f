"""What a parent and a worker say: each message as its line, and who waits for what."""

from __future__ import annotations

import io
import math
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dualtrain.errors import WorkerError
from dualtrain.workers import Side, Signals, Workers, _process
from dualtrain.workers._talk import (
    Command,
    Done,
    Failed,
    Follow,
    Followed,
    Go,
    Hello,
    Job,
    Parent,
    Progressed,
    Ready,
    Report,
    Showed,
    Standing,
    Step,
    Stop,
    Talk,
    decode,
    encode,
)
from dualtrain.workers._work import Reporter, Stopped
from tests.traces import make_trace

TRACE = make_trace()
MESSAGES: list[Report | Command] = [
    Hello(),
    Ready(TRACE.header),
    Progressed(3, 60, 1.25),
    Progressed(3, 60, math.inf),
    Standing(3, 60),
    Done(),
    Showed(13),
    Followed(),
    Failed('"quoted"\nin two lines'),
    Go(),
    Step(2),
    Follow(3),
    Stop(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.say)
def test_a_message_is_one_line_and_comes_back(message: Report | Command) -> None:
    line = encode(message)
    assert "\n" not in line
    assert decode(line) == message


def test_every_message_is_tested() -> None:
    assert {type(message) for message in MESSAGES} == {
        *Report.__args__,
        *Command.__args__,
    }


@pytest.mark.parametrize("line", ["", "Loading module", "42", '{"done": 1}', '{"say": "do', "[]"])
def test_what_is_no_message(line: str) -> None:
    assert decode(line) is None


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('{"say": "rest"}', "say"),
        ('{"say": ["go"]}', "say"),
        ('{"say": "step"}', "updates"),
        ('{"say": "step", "updates": 0}', "updates"),
        ('{"say": "step", "updates": "2"}', "updates"),
        ('{"say": "follow", "updates": 0}', "updates"),
        ('{"say": "showed"}', "attempt"),
        ('{"say": "ready", "header": "{}"}', "header.backend"),
    ],
)
def test_what_is_another_versions_message(line: str, place: str) -> None:
    with pytest.raises(WorkerError, match=f"whose {place!r} is not of this one"):
        decode(line)


def test_the_parent_hears_what_comes_after_the_greeting() -> None:
    said = ["noise", encode(Hello()), encode(Standing(1, 2)), "noise", encode(Done())]
    talk = Talk(io.StringIO(), io.StringIO("\n".join(said)))
    assert list(talk.reports()) == [Standing(1, 2), Done()]


def reported(*commands: Command) -> str:
    """What a worker of a run of 6 updates says that is told this; one letter a report."""
    reports = io.StringIO()
    parent = Parent(io.StringIO("".join(f"{encode(one)}\n" for one in commands)), reports)
    reporter = Reporter(parent)
    reporter.ready(TRACE.header)
    for update in TRACE.updates:
        reporter.updated(update, len(TRACE.updates))
    messages = map(decode, reports.getvalue().splitlines())
    return "".join(message.say[0] for message in messages if message is not None)


def test_it_goes_to_the_end() -> None:
    assert reported(Go()) == "hr" + 6 * "p"


def test_it_stands_after_each_step() -> None:
    assert reported(Step(1), Step(3), Go()) == "hr" + "ps" + "ppps" + "pp"


def test_it_is_stopped() -> None:
    told: list[list[Command]] = [[Stop()], [Step(1), Stop()], [], [Step(2)]]
    for commands in told:
        with pytest.raises(Stopped):
            reported(*commands)


def test_no_step_goes_past_the_last_update() -> None:
    with pytest.raises(WorkerError) as error:
        reported(Step(4), Step(4))
    assert str(error.value) == (
        "a step ends with the run's 6 updates at the latest. Received: 2 more"
    )


def test_a_worker_that_stands_is_told_commands_only() -> None:
    with pytest.raises(WorkerError) as error:
        Parent(io.StringIO("on\n"), io.StringIO()).hear()
    assert str(error.value) == (
        "a worker that stands is told go, step, follow or stop. Received: 'on'"
    )


def test_a_worker_before_its_run_does_not_follow() -> None:
    with pytest.raises(WorkerError) as error:
        reported(Follow(1))
    assert str(error.value) == "it has no use for this now. Received: 'follow'"


class Silent:
    """A worker whose reports the test gives itself."""

    def __init__(self, side: Side, *_: object) -> None:
        self.side = side


READY = Ready(TRACE.header)

JOB = Job(backend="", spec="", source={}, data="", trace="", output="")


def waited(
    reports: Sequence[tuple[str, Report]], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Standing]:
    """What a parent has of two sides that say this, when it waits for both to stand."""
    monkeypatch.setattr(_process, "_Worker", Silent)
    workers = Workers(Path(), Signals())
    for name in ("a", "b"):
        workers.start(Side(name, "torch"), JOB)
    for report in reports:
        workers._heard.put(report)
    return workers.until(Standing)


def test_a_parent_waits_for_every_side(monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[tuple[str, Report]] = [
        ("b", Progressed(1, 2, 0.5)),
        ("b", Standing(1, 2)),
        ("a", Progressed(1, 2, 0.25)),
        ("a", Standing(1, 2)),
    ]
    assert waited(reports, monkeypatch) == {"a": Standing(1, 2), "b": Standing(1, 2)}


def test_a_side_that_says_another_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WorkerError) as error:
        waited([("b", Standing(1, 2)), ("a", Done())], monkeypatch)
    assert str(error.value) == (
        "the a side could not start: it must say 'standing' next. Received: 'done'"
    )


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([Failed("no")], [Failed("no model")], "the a side could not start: no model"),
        ([READY, Failed("no")], [READY, Failed("no data")], "the a side failed: no data"),
        (
            [READY, Failed("killed")],
            [READY, Progressed(1, 6, 0.5)],
            "the a side, run once more for the floor, failed: killed",
        ),
        (
            [READY, Progressed(6, 6, 0.5), Failed("killed")],
            [READY, Progressed(6, 6, 0.5), Done()],
            "the a side, run once more for the floor, failed: killed",
        ),
    ],
)
def test_a_side_run_once_more_fails_in_the_name_of_the_side(
    first: list[Report], second: list[Report], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nudged one may be the first to say what both will; it is believed once a got farther."""
    monkeypatch.setattr(_process, "_Worker", Silent)
    workers = Workers(Path(), Signals())
    a = Side("a", "torch")
    for side in (a, a.nudged(1)):
        workers.start(side, JOB)
    for name, reports in ((a.nudged(1).name, first), ("a", second)):
        for report in reports:
            workers._heard.put((name, report))
    with pytest.raises(WorkerError) as error:
        while True:
            workers.hear()
    assert str(error.value) == message


class Ended(Exception):
    """What the handler of a signal raises here."""


@pytest.fixture
def handled() -> Iterator[list[int]]:
    """The signals that a command's own handler has seen; it raises `Ended`."""
    seen: list[int] = []

    def handler(number: int, frame: object) -> None:
        seen.append(number)
        raise Ended

    before = signal.signal(signal.SIGTERM, handler)
    yield seen
    signal.signal(signal.SIGTERM, before)


def test_a_signal_waits(handled: list[int]) -> None:
    with pytest.raises(Ended), Signals():
        signal.raise_signal(signal.SIGTERM)
        assert handled == []
    assert handled == [signal.SIGTERM]


def test_a_signal_acts_where_it_may(handled: list[int]) -> None:
    with Signals() as signals:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Ended):
            signals.act()
        signals.act()
        with pytest.raises(Ended), signals.at_once():
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Ended), signals.at_once():
            raise AssertionError("it has waited for this block")
    assert handled == 3 * [signal.SIGTERM]
