"""The report: words, files and plots of a comparison."""

from __future__ import annotations

import io
import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from itertools import count, cycle
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from dualtrain.aside import write_aside
from dualtrain.parity import Comparison, WeightSet, compare, compare_headers
from dualtrain.plan import Plan
from dualtrain.printable import printable
from dualtrain.report import chart, plot_lr, print_comparison, write_report
from dualtrain.report._summary import as_dict, markdown
from tests.builders import PLATEAU
from tests.lockstep import judging, with_reading
from tests.traces import make_spec, make_trace, make_weights, with_parameter, with_update


def differing() -> Comparison:
    """A micro-batch's loss at update 3, and the weights."""
    a = make_trace("torch")
    b = with_update(make_trace("paddle"), 3, micro_losses=(math.inf, 0.26))
    weights = make_weights(), make_weights(1e-3)
    return compare(a, b, weights=weights, floors=[(a, make_weights(4e-6))])


def printed(comparison: Comparison) -> list[str]:
    """The lines with words in them, one space between words."""
    console = Console(width=80, file=io.StringIO(), record=True)
    print_comparison(comparison, console)
    lines = (" ".join(line.split()) for line in console.export_text().splitlines())
    return [line for line in lines if line.strip("─")]


def test_the_table_has_a_row_for_each_stage_and_ends_in_words() -> None:
    assert printed(differing()) == [
        "torch against paddle",
        "largest first",
        "stage parity difference tolerance update verdict",
        "plan exact 0 0 agrees",
        "batches exact 0 0 agrees",
        "decay exact 0 0 agrees",
        "initial weights exact 0 0 agrees",
        "initial output exact 0 0.00012 agrees",
        "learning rate exact 0 0 agrees",
        "loss different inf relative 2.3e-05 3 differs",
        "accumulation exact 0 0.001 agrees",
        "clip exact 0 0.001 agrees",
        "update different 0.001 relative 0.00012 differs",
        "evaluation exact 0 1 agrees",
        "spec exact 0 0 agrees",
        "Held-out examples classified right: torch 61 of 80, paddle 61 of 80.",
        "Final weights differ by at most 0.001 of their movement, in dense.bias (allowed",
        "0.00012; chaos floor 4e-06).",
        "Tolerances raised by the chaos floor: update.",
        "Not compared: loss scale (AMP is off on both sides).",
        "Dropout is 0: masks cannot match across frameworks.",
        "torch and paddle differ. The first difference is in the stage 'loss': update 3,",
        "micro-batch 0, loss: 0.25 against inf. Look at loss, task.model.dropout, amp.",
    ]


def test_two_runs_of_one_backend_are_told_apart() -> None:
    lines = printed(compare(make_trace("torch"), make_trace("torch")))
    assert lines[-1] == "torch (a) and torch (b) agree in 11 stages over 6 updates."


def test_tensors_moved_by_rounding_alone_are_listed() -> None:
    weights = make_weights()
    initial = dict(weights.initial) | {"key.bias": np.zeros(2, np.float32)}
    a, b = (
        WeightSet(initial, {**weights.final, "key.bias": np.array(key, np.float32)})
        for key in ([1e-6, 0.0], [0.0, 1e-6])
    )
    text = " ".join(printed(compare(make_trace(), make_trace(), weights=(a, b))))
    assert (
        "Moved by rounding alone, and only that is asked of them, where the whole moved 8.7e-02: "
        "key.bias (moved 7.1e-07, difference 1.4 of that)."
    ) in text


def test_weights_that_are_not_numbers_are_named() -> None:
    weights = make_weights(1e-7)
    broken = np.full((4, 4), np.nan, np.float32)
    b = WeightSet(weights.initial, {**weights.final, "dense.weight": broken})
    text = " ".join(printed(compare(make_trace(), make_trace(), weights=(make_weights(), b))))
    assert "in the stage 'update': not finite: dense.weight. Look at optimizer" in text


def test_no_proof_is_said_where_both_sides_left_the_numbers() -> None:
    trace = with_update(make_trace(), 2, loss=math.nan, micro_losses=(math.nan,))
    lines = printed(compare(trace, trace, weights=(make_weights(), make_weights())))
    assert "numbers no proof 1 updates 0 2 no proof" in lines
    text = " ".join(lines)
    assert "No proof: both sides left the finite numbers at update 2: loss nan and nan, " in text
    assert "Look at optimizer.lr, clip, amp.loss_scale." in text
    assert "classified right" not in text


def test_a_note_begins_as_a_sentence_but_a_name_stays_as_it_is() -> None:
    told = ("made anew: a.bias", "config.json has no labels", "tokenizer_config.json's class")
    a = make_trace()
    a = replace(a, header=replace(a.header, notes=told))
    text = " ".join(printed(compare(a, a)))
    for sentence in ("Made anew: a.bias.", "config.json has no", "tokenizer_config.json's class."):
        assert sentence in text


def test_a_chaos_floor_above_the_bar_is_said() -> None:
    weights, said = make_weights(), "The chaos floor is above the tolerance"
    for noise, expected in ((5e-6, False), (5e-5, True)):
        comparison = compare(
            make_trace(),
            make_trace(),
            weights=(weights, weights),
            floors=[(make_trace(), make_weights(noise))],
        )
        assert expected == (said in " ".join(printed(comparison)))


def test_the_summary_holds_every_finding(tmp_path: Path) -> None:
    write_report(tmp_path, differing())
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["first"], summary["verdict"], summary["agrees"]) == ("loss", "differs", False)
    assert summary["sentence"].startswith("torch and paddle differ. The first difference is in")
    assert [side["backend"] for side in summary["sides"]] == ["torch", "paddle"]
    (loss,) = (f for f in summary["findings"] if f["stage"] == "loss")
    assert loss == {
        "stage": "loss",
        "parity": "different",
        "largest": "inf",
        "unit": "relative",
        "tolerance": {"bound": 2.2874603272372542e-05, "of": "x larger value (at least 1)"},
        "first_update": 3,
        "detail": "update 3, micro-batch 0, loss: 0.25 against inf",
        "knob": "loss, task.model.dropout, amp",
        "raised": False,
        "verdict": "differs",
        "agrees": False,
    }
    names = [tensor["name"] for tensor in summary["weights"]["tensors"]]
    assert names == ["dense.bias", "dense.weight"]


def test_the_summary_for_people_says_the_same(tmp_path: Path) -> None:
    write_report(tmp_path, differing())
    lines = (tmp_path / "summary.md").read_text().splitlines()
    assert lines[0] == "# torch against paddle"
    assert lines[2].startswith("torch and paddle differ. The first difference is in the stage")
    assert (
        "| loss | different | inf relative | 2.3e-05 x larger value (at least 1) | 3 | differs "
        "| update 3, micro-batch 0, loss: 0.25 against inf |"
    ) in lines
    assert "- torch: torch 3.3.1; cpu; float32" in lines


NAMES = (
    "[bold]paddle[/]",
    "[/]",
    "\x1b[31mpaddle",
    "pad\ndle",
    "\u202epaddle",
    r"$\foo$",
    "_paddle_",
    "![x](http://example.com/y.png)",
    "<b>paddle</b> `rm` | *a*",
    "x" * 100_000,
)


def named(name: str) -> Comparison:
    """One side's backend, note, version and parameter are called so."""
    a, b = make_trace(), make_trace("paddle")
    header = replace(b.header, backend=name, notes=(name,), versions={name: name})
    return compare(a, with_parameter(replace(b, header=header), "dense.weight", name=name))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_and_not_obeyed(name: str) -> None:
    """By the terminal, by rich, by Markdown."""
    lines = printed(named(name))
    assert all(len(line) <= 80 for line in lines)
    text = "".join("".join(lines).split())
    assert text.count("".join(printable(name).split())) >= 2  # the verdict, the note

    page = markdown(named(name))
    assert len(page) < 20_000
    assert all(line.isprintable() for line in page.split("\n"))
    assert not re.findall(r"(?<!\\)[\[<`*$]|(?<![\\\w])_", page)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}
    assert as_dict(named(name))["sides"][1]["backend"] == name


@pytest.mark.parametrize("name", [r"$\foo$", "_", "x" * 100_000])
def test_a_name_is_in_the_legend(name: str, tmp_path: Path) -> None:
    write_report(tmp_path, named(name))
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_a_slow_machine_draws_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """matplotlib warns of a legend whose place takes it more than a second."""
    seconds = count(step=2)
    clock = SimpleNamespace(perf_counter=lambda: next(seconds))
    monkeypatch.setattr("matplotlib.legend.time", clock)
    write_report(tmp_path, differing())
    assert next(seconds) > 2


def test_the_report_folder_holds_these_files(tmp_path: Path) -> None:
    write_report(tmp_path / "made", differing())
    names = sorted(path.name for path in (tmp_path / "made").iterdir())
    assert names == ["loss.png", "lr.png", "summary.json", "summary.md"]


def test_runs_that_did_not_begin_have_no_loss_plot(tmp_path: Path) -> None:
    write_report(tmp_path, compare_headers(make_trace().header, make_trace().header))
    assert ((tmp_path / "lr.png").exists(), (tmp_path / "loss.png").exists()) == (True, False)


@pytest.mark.parametrize(
    ("losses", "with_itself"),
    [
        ((0.5,), True),
        ((math.nan,), True),
        ((math.inf,), False),
        ((1e308,), True),
        ((1e308,), False),
        ((-1e308, 1e308), False),
        ((math.inf, 1.7976931348623157e308), True),
        ((1e200, 1e-320), False),
    ],
)
def test_equal_huge_and_non_finite_losses_can_be_drawn(
    tmp_path: Path, losses: tuple[float, ...], with_itself: bool
) -> None:
    a = make_trace()
    drawn = zip(a.updates, cycle(losses), strict=False)
    b = replace(a, updates=tuple(replace(u, loss=loss, lr=abs(loss)) for u, loss in drawn))
    write_report(tmp_path, compare(b, b if with_itself else a))
    for name in ("loss.png", "lr.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_runs_of_unequal_length_can_be_drawn(tmp_path: Path) -> None:
    write_report(tmp_path, compare(make_trace(), make_trace(duration={"epochs": 3})))
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_rates_that_metrics_decided_can_be_drawn(tmp_path: Path) -> None:
    """There is no closed form to draw beneath them."""
    a = make_trace()
    assert a.header.plan is not None
    spec = make_spec(schedule=PLATEAU)
    a = replace(a, header=replace(a.header, plan=replace(a.header.plan, spec=spec)))
    write_report(tmp_path, compare(a, a))
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")


def test_curves_become_png_or_svg(tmp_path: Path) -> None:
    plans = {"spec.yaml": Plan.of(make_spec(), micro_batches_per_epoch=5)}
    plot_lr(plans, tmp_path / "lr.png")
    plot_lr(plans, tmp_path / "lr.svg")
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")
    root = ElementTree.parse(tmp_path / "lr.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lr.png", "lr.svg"]


def test_plotting_leaves_no_global_state(tmp_path: Path) -> None:
    """pyplot, which keeps figures alive, is never imported."""
    code = (
        "import sys; from pathlib import Path\n"
        "from dualtrain.plan import Plan\n"
        "from dualtrain.report import plot_lr\n"
        "from tests.traces import make_spec\n"
        "plot_lr({'a': Plan.of(make_spec(), micro_batches_per_epoch=5)}, Path(sys.argv[1]))\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lr.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_curve_in_text() -> None:
    expected = [
        "0.1 ┤⠀⠀⢀⠎⠢⡀",
        "    │⠀⢠⠃⠀⠀⠈⠒⢄",
        "  0 ┤⡰⠁⠀⠀⠀⠀⠀⠀⠁",  # T - 1 = 5, and the axis goes on to 7
        "    └────────────",
        "     0          7",
    ]
    spec = make_spec(duration={"epochs": 2}, warmup={"steps": 2})
    curve = Plan.of(spec, micro_batches_per_epoch=5).lr_curve()
    drawn = chart(curve, top=0.1, length=8, width=12, height=3)
    assert expected == drawn.splitlines()


def test_a_curve_of_one_update_is_one_dot() -> None:
    drawn = chart(np.array([0.5]), top=0.5, length=1, width=4, height=2)
    assert drawn.splitlines() == ["0.5 ┤⠁", "  0 ┤", "    └────", "     0  0"]


def test_a_file_written_aside_replaces_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "made" / "file"
    with write_aside(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(KeyboardInterrupt), write_aside(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert ("old", [path]) == (path.read_text(), list(path.parent.iterdir()))


def test_lockstep_has_its_rows_and_the_free_runs_a_table_of_their_own() -> None:
    b = with_update(make_trace("paddle"), 5, micro_losses=(math.inf,))
    lockstep = with_reading(judging(), 2, what="decay", value=2.0, bar=1.0, outcome="told")
    lines = printed(compare(make_trace("torch"), b, lockstep=lockstep))
    assert lines[:20] == [
        "torch against paddle",
        "largest first",
        "stage parity difference tolerance update verdict",
        "plan exact 0 0 agrees",
        "batches exact 0 0 agrees",
        "decay exact 0 0 agrees",
        "initial weights exact 0 0 agrees",
        "initial output exact 0 0.00012 agrees",
        "learning rate exact 0 0 agrees",
        "gradients rounding 0.1 times the bar 1 agrees",
        "rule rounding 0.5 times the bar 1 agrees",
        "spec exact 0 0 agrees",
        "Told, not judged: what the free runs came to",
        "free largest beyond",
        "runs difference tolerance from",
        "loss inf relative 2.3e-05 5",
        "accumulation 0 0.001",
        "clip 0 0.001",
        "evaluation 0 1",
        "Judged in lockstep, each from one state: 0, 2, 4, 5 of 6 updates.",
    ]
    assert " ".join(lines[-2:]).endswith("of 6 updates 4 were judged, each from one state.")


def test_lockstep_is_in_the_summary(tmp_path: Path) -> None:
    a, b = make_trace("torch"), make_trace("paddle")
    lockstep = with_reading(judging(), 2, what="decay", value=math.inf, outcome="differs")
    comparison = compare(a, b, lockstep=lockstep)
    write_report(tmp_path, comparison)
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert summary["lockstep"]["total"] == 6
    assert [one["attempt"] for one in summary["lockstep"]["updates"]] == [0, 2, 4, 5]
    worst = summary["lockstep"]["updates"][1]["readings"][-1]
    assert (worst["what"], worst["value"], worst["times"]) == ("decay", "inf", "inf")
    assert [one["stage"] for one in summary["illustration"]] == [
        "loss",
        "accumulation",
        "clip",
        "evaluation",
    ]
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "| free runs | largest difference | tolerance | beyond from | where |" in text
    assert (tmp_path / "lockstep.png").exists()
    assert json.loads(json.dumps(as_dict(compare(a, b))))["lockstep"] is None


def test_a_comparison_prints_as_a_table() -> None:
    """A line for each stage and the verdict, not its traces with every parameter."""
    trace = make_trace()
    equal, unequal = compare(trace, trace), compare(trace, with_update(trace, 1, loss=9.0))

    assert repr(equal) == str(equal)
    assert str(equal).splitlines()[-1] == "agrees"
    assert [line.split("  ")[0] for line in str(equal).splitlines()[:-1]] == [
        finding.stage for finding in equal.findings
    ]
    assert str(unequal).splitlines()[-1] == (
        "differs, by the stage 'accumulation': update 1, loss of the update: 0.505 against 9"
    )
    assert len(str(unequal)) < 2000
