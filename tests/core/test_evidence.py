"""What no run could have written is refused when a trace is read: each rule, with its line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dualtrain.errors import TraceError
from dualtrain.trace import Trace, read_trace
from tests.traces import make_trace, make_weights, write_run, write_trace

Lines = list[dict[str, Any]]
Change = Callable[[Lines], None]

HEADER, END = 0, -1


def put(line: int, **fields: Any) -> Change:
    """Fields of a line; `plan__horizon` is a field of its `plan`."""

    def change(lines: Lines) -> None:
        for name, value in fields.items():
            *way, last = name.split("__")
            at: Any = lines[line]
            for step in way:
                at = at[int(step) if step.isdecimal() else step]
            at[last] = value

    return change


def drop(line: int, name: str) -> Change:
    def change(lines: Lines) -> None:
        del lines[line][name]

    return change


def edited(path: Path, *changes: Change) -> Path:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for change in changes:
        change(lines)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


def twice(name: str) -> Change:
    def change(lines: Lines) -> None:
        at: Any = lines[0]
        for step in name.split("__"):
            at = at[step]
        at.append(at[0])

    return change


FLOAT16: dict[str, Any] = {"amp": {"dtype": "float16"}}
O2: dict[str, Any] = {"amp": {"dtype": "bfloat16", "level": "O2"}}

# the spec of the run, what is changed, and the message after the file's name
FORGED: dict[str, tuple[dict[str, Any], Change, str]] = {
    "another total": (
        {},
        put(HEADER, plan__total_updates=7),
        "1: header plan.total_updates of its spec is 6. Received: 7",
    ),
    "another warmup": (
        {},
        put(HEADER, plan__warmup_updates=0),
        "1: header plan.warmup_updates of its spec is 3. Received: 0",
    ),
    "other updates an epoch": (
        {},
        put(HEADER, plan__updates_per_epoch=2),
        "1: header plan.updates_per_epoch of its spec is 3. Received: 2",
    ),
    "other micro-batches": (
        {},
        put(HEADER, plan__micro_batches_per_epoch=7),
        "1: header plan.total_updates of its spec is 8. Received: 6",
    ),
    "sizes that no plan has": (
        {"warmup": {"steps": 5}},
        put(HEADER, plan__micro_batches_per_epoch=1),
        "1: header plan is one that its spec allows. Received: warmup.steps: ",
    ),
    "a size of 10^400": (
        {},
        put(HEADER, plan__world_size=10**400),
        "1: header plan.world_size must be <= 1e+15. Received: 1000",
    ),
    "an epoch of 10^15 micro-batches": (
        {},
        put(HEADER, plan__micro_batches_per_epoch=10**15),
        "1: header plan.total_updates of its spec is 1000000000000000. Received: 6",
    ),
    "another spec": (
        {},
        put(HEADER, plan__spec__duration={"updates": 5}),
        "1: header plan.total_updates of its spec is 5. Received: 6",
    ),
    "another decay in the spec": (
        {},
        put(HEADER, plan__spec__weight_decay__value=0.1),
        "1: header plan.decisions, 'dense.weight': by the rule default the decay is 0.1. "
        "Received: 0.01",
    ),
    "an exclusion less in the spec": (
        {},
        put(HEADER, plan__spec__weight_decay__exclude=[]),
        "1: header plan.decisions, 'dense.bias': its rule is one of the spec's that fit it. "
        "Received: the rule 'role bias'",
    ),
    "a wider type in the spec": (
        {},
        put(HEADER, plan__spec__amp={"dtype": "bfloat16"}),
        "1: header computation is that of the spec, amp: bfloat16 O1. Received: float32",
    ),
    "a wider type in the computation": (
        {},
        put(HEADER, computation__dtype="bfloat16"),
        "1: header computation is that of the spec, without amp: float32. Received: bfloat16",
    ),
    "a level without amp": (
        {},
        put(HEADER, computation__level="O1"),
        "1: header computation is that of the spec, without amp: float32. Received: float32 O1",
    ),
    "O2 without masters": (
        O2,
        put(HEADER, computation__masters=False),
        "1: header computation is that of the spec, amp: bfloat16 O2 with master weights. "
        "Received: bfloat16 O2",
    ),
    "float64 of float32 parameters": (
        {},
        put(HEADER, computation__dtype="float64"),
        "1: header computation is that of the spec, without amp: float32. Received: float64",
    ),
    "parameters in a low type": (
        {},
        put(HEADER, parameters__0__dtype="bfloat16"),
        "1: header parameters that train are float32 or float64, whatever computes. "
        "Received: 'bfloat16'",
    ),
    "parameters in float64 under amp": (
        O2,
        put(HEADER, parameters__0__dtype="float64"),
        "1: header parameters that train are float32, whatever computes. Received: 'float64'",
    ),
    "another device": (
        {},
        put(HEADER, device="cuda"),
        "1: header device is that of the spec, cpu. Received: cuda",
    ),
    "a parameter twice": (
        {},
        twice("parameters"),
        "1: header parameters have each name once. Received: 'dense.bias' more than once",
    ),
    "a decision twice": (
        {},
        twice("plan__decisions"),
        "1: header plan.decisions have each name once. Received: 'dense.bias' more than once",
    ),
    "no decisions": (
        {},
        put(HEADER, plan__decisions=[]),
        "1: header plan.decisions and parameters have the same names. "
        "Received: 'dense.bias', 'dense.weight' in one of them",
    ),
    "a digest less": (
        {},
        put(HEADER, initial_digest={"dense.bias": "00000001"}),
        "1: header initial_digest has each parameter. Received: none of 'dense.weight'",
    ),
    "no digests": (
        {},
        put(HEADER, initial_digest={}),
        "1: header initial_digest has each parameter. "
        "Received: none of 'dense.bias', 'dense.weight'",
    ),
    "a negative size of a shape": (
        {},
        put(HEADER, parameters__1__shape=[-4, 4]),
        "1: header parameters.1.shape.0 must be >= 0. Received: -4",
    ),
    "a vector that is a matrix": (
        {},
        put(HEADER, parameters__0__shape=[4, 4]),
        "1: header plan.decisions, 'dense.bias': the role one_dimensional is that of one "
        "dimension. Received: bias, one_dimensional with shape [4, 4]",
    ),
    "logits of several lengths": (
        {},
        put(HEADER, probe=[[1.0, 2.0], [1.0]]),
        "1: header probe has as many logits of each sample. Received: rows of several lengths",
    ),
    "a rate that is none": ({}, put(2, lr="nan"), "3: update lr is a finite number. Received: nan"),
    "a rate of 10^400": ({}, put(2, lr=10**400), "3: update lr: "),
    "a micro-batch less": (
        {},
        put(2, batches=["00000002"], micro_losses=[0.5]),
        "3: update batches has its 2 micro-batches, by the plan. Received: 1",
    ),
    "a tail as long as a group": (
        {},
        put(3, batches=["00000004", "00000005"], micro_losses=[0.3, 0.3]),
        "4: update batches has its 1 micro-batches, by the plan. Received: 2",
    ),
    "losses of fewer": (
        {},
        put(2, micro_losses=[]),
        "3: update micro_losses has one for each micro-batch, 2. Received: 0",
    ),
    "one update without batches": (
        {},
        put(2, batches=[]),
        "3: update batches are those of each update or of none. Received: 0",
    ),
    "a loss scale in float32": (
        {},
        put(2, loss_scale=2.0),
        "3: update loss_scale is null without float16. Received: 2.0",
    ),
    "no loss scale in float16": (
        FLOAT16,
        put(2, loss_scale=None),
        "3: update loss_scale is a number with float16. Received: None",
    ),
    "a skip in float32": (
        {},
        put(2, skipped=True),
        "3: update skipped is false where no loss is scaled. Received: true",
    ),
    "more right than there are": (
        {},
        put(7, correct=81),
        "8: evaluation correct is at most examples, 80. Received: 81",
    ),
    "skips that were none": (
        {},
        put(END, skipped=1),
        "9: end skipped counts the updates that were, 0. Received: 1",
    ),
    "weights without a digest": (
        {},
        put(END, weights="a", initial_weights="b"),
        "9: end weights_digest tells whose weights the file holds. Received: none",
    ),
    "averages without a digest": (
        {},
        put(END, weights="a", initial_weights="b", averages="c", weights_digest="0"),
        "9: end averages_digest tells whose weights the file holds. Received: none",
    ),
    "a digest of no weights": (
        {},
        put(END, weights_digest="0"),
        "9: end weights_digest is that of a file, which weights names. Received: no file",
    ),
    "a digest of no averages": (
        {},
        put(END, weights="a", initial_weights="b", weights_digest="0", averages_digest="0"),
        "9: end averages_digest is that of a file, which averages names. Received: no file",
    ),
    "final weights alone": (
        {},
        put(END, weights="a", weights_digest="0"),
        "9: end weights and initial_weights are named together. Received: one of them",
    ),
    "averages alone": (
        {},
        put(END, averages="a", averages_digest="0"),
        "9: end averages stand beside weights. Received: averages alone",
    ),
    "one file for both": (
        {},
        put(END, weights="a", initial_weights="a", weights_digest="0"),
        "9: end weights, initial_weights and averages are files of their own. Received: ['a', 'a']",
    ),
    "a file of another folder": (
        {},
        put(END, weights="/dev/zero", initial_weights="b", weights_digest="0"),
        "9: end weights names a file relative to the trace's folder. Received: '/dev/zero'",
    ),
    "a file of another disk": (
        {},
        put(END, weights="C:\\w", initial_weights="b", weights_digest="0"),
        "9: end weights names a file relative to the trace's folder. Received: 'C:\\\\w'",
    ),
    "a file without a name": (
        {},
        put(END, weights="", initial_weights="b", weights_digest="0"),
        "9: end weights names a file relative to the trace's folder. Received: ''",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_no_run_writes_is_refused(name: str, tmp_path: Path) -> None:
    spec, change, message = FORGED[name]
    path = write_trace(tmp_path / "a.jsonl", make_trace(**spec))
    assert read_trace(path).outcome == "done"
    with pytest.raises(TraceError) as caught:
        read_trace(edited(path, change))
    assert str(caught.value).startswith(f"{path}:{message}")
    assert len(str(caught.value).splitlines()) == 1


def facts_only(**fields: Any) -> Change:
    def change(lines: Lines) -> None:
        lines[0] |= {"plan": None, **fields}

    return change


def test_without_a_plan_only_the_facts_are_held_together(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "a.jsonl", make_trace())
    assert read_trace(edited(path, facts_only(initial_digest={}))).header.plan is None
    with pytest.raises(TraceError, match=r"the type of what trains: float32\. Received: float16"):
        read_trace(edited(path, put(HEADER, computation__dtype="float16")))


def test_a_key_twice_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    """Which of the two values counts is a matter of the reader."""
    path = tmp_path / "a.jsonl"
    for said, again in (
        ('"world_size":1', '"world_size":1,"world_size":2'),
        ('"lr":0.0,', '"lr":0.0,"lr":0.0,'),
        ('"reason":"done"', '"reason":"done","reason":"interrupted"'),
        ('"backend":"torch"', '"backend":"torch","backend":"paddle"'),
    ):
        content = write_trace(path, make_trace()).read_text()
        key = said.partition(":")[0].strip('"')
        assert said in content
        path.write_text(content.replace(said, again, 1))
        with pytest.raises(TraceError) as caught:
            read_trace(path)
        assert str(caught.value).endswith(
            f"a trace is JSON Lines, one whole object a line. Received: key {key!r} twice in one "
            "object"
        )


def test_a_name_that_a_terminal_would_obey_is_quoted_in_one_line(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "a.jsonl", make_trace())
    name = "\x1b[2J\n[/]\u202e" + 100_000 * "x"
    with pytest.raises(TraceError) as caught:
        read_trace(edited(path, put(HEADER, versions={name: 3})))
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 500


def per_epoch() -> Trace:
    """Three updates an epoch, two epochs, and a rate for each."""
    return make_trace(schedule={"name": "linear", "per": "epoch"}, warmup=None)


@pytest.mark.parametrize(
    ("clock", "allowed"),
    [([0, 3], True), ([0, 1, 3, 4], True), ([0, 6], False), ([0, 4], False), ([0, 0], False)],
)
def test_a_loop_that_leaves_an_epoch_moves_the_clock_on(
    clock: list[int], allowed: bool, tmp_path: Path
) -> None:
    """Under a schedule per epoch, to the begin of one; the run is done all the same."""

    def left(lines: Lines) -> None:
        updates = lines[1:7]
        lines[1:-1] = [{**u, "batches": [], "t": t} for u, t in zip(updates, clock, strict=False)]
        for update, losses in zip(
            lines[1:-1], ([0.5, 0.5], [0.5, 0.5], [0.5], [0.5]), strict=False
        ):
            update["micro_losses"] = losses

    path = edited(write_trace(tmp_path / "a.jsonl", per_epoch()), left)
    if allowed:
        assert [update.t for update in read_trace(path).updates] == clock
    else:
        with pytest.raises(TraceError, match="updates are in order: t is "):
            read_trace(path)


def test_the_other_schedules_leave_no_update_out(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "a.jsonl", make_trace())
    with pytest.raises(TraceError, match=r"updates are in order: t is 1 here\. Received: 3"):
        read_trace(edited(path, put(2, t=3)))


def test_a_loop_that_gives_sums_has_no_losses_of_micro_batches(tmp_path: Path) -> None:
    """Over what a sum is a mean, only the loop knows; with batches shown it is known."""
    trace = make_trace(batch={"accumulate": 2, "normalise": "token_mean"})
    updates = tuple(replace(u, batches=(), micro_losses=()) for u in trace.updates)
    path = write_trace(tmp_path / "a.jsonl", replace(trace, updates=updates))
    assert read_trace(path).updates == updates
    with pytest.raises(TraceError, match=r"3: update micro_losses has one .*, 0\. Received: 2"):
        read_trace(edited(path, put(2, micro_losses=[0.3, 0.3])))


def test_weights_of_before_need_no_digest(tmp_path: Path) -> None:
    """The first traces of version 2 had none, and nobody can tell whose weights those are."""
    old = Path(__file__).parent / "traces_of_version_2" / "plain.jsonl"
    path = tmp_path / "a.jsonl"
    path.write_bytes(old.read_bytes())
    read = read_trace(edited(path, put(END, weights_digest=None), drop(END, "averages_digest")))
    assert read.end is not None
    assert (read.end.weights, read.end.weights_digest) == ("plain.final.safetensors", None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(END, total=10**400), r":8: end total must be <= 1e\+15\. Received: 1000"),
        (put(END, correct=-1), r":8: end correct must be >= 0\. Received: -1"),
        (put(END, correct=81, total=80), r":8: evaluation correct is at most examples, 80"),
        (put(1, attempt=10**400), r":2: update attempt must be <= 1e\+15"),
        (put(HEADER, total_updates=7), r":1: header plan\.total_updates of its spec is 6"),
        (put(HEADER, ledger__1__decay=0.5), r":1: header plan\.decisions, 'dense\.weight': by"),
        (put(2, batches=[]), r":3: update batches are those of each update or of none"),
    ],
)
def test_a_trace_of_version_2_is_held_against_itself_too(
    change: Change, message: str, tmp_path: Path
) -> None:
    old = Path(__file__).parent / "traces_of_version_2" / "plain.jsonl"
    path = tmp_path / "a.jsonl"
    path.write_bytes(old.read_bytes())
    with pytest.raises(TraceError, match=message):
        read_trace(edited(path, change))


def test_a_run_with_weights_is_believed(tmp_path: Path) -> None:
    """The control of all above."""
    path = write_run(tmp_path / "a.jsonl", make_trace(**O2), make_weights(averages=0.0))
    assert read_trace(path).end is not None
