"""The commands that say what a spec means: what they print, and as what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dualtrain.cli import main

SPEC = """\
optimizer: {name: adamw, lr: 0.1}
schedule: {name: linear}
warmup: {proportion: 0.3}
clip: {global_norm: 1.0}
batch: {accumulate: 4}
duration: {epochs: 2}
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command on a spec of this text: (exit status, standard output, standard error)."""

    def run(command: str, text: str, *options: object) -> tuple[int, str, str]:
        path = tmp_path / "spec.yaml"
        path.write_text(text)
        with pytest.raises(SystemExit) as caught:
            main([command, str(path), *map(str, options)])
        said = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, said.out, said.err

    return run


def test_explain_in_words(run: Run) -> None:
    status, out, _ = run("explain", SPEC, "--micro-batches", 10)
    assert status == 0
    assert out == (
        "Updates\n"
        "  T = 6: 2 epochs of 3 updates.\n"
        "  An epoch has 10 micro-batches.\n"
        "  4 micro-batches make an update. Its loss is the mean of their mean losses.\n"
        "  The last update of an epoch has 2 micro-batches, as its divisor.\n"
        "Learning rate\n"
        "  Schedule linear; base rate 0.1.\n"
        "  Warmup: W = 1 (proportion 0.3, start 0, shape linear, counted inside).\n"
        "  The schedule ends at H = 6.\n"
        "  t = 0  warmup  0\n"
        "  t = 1  linear  0.1 to 0.02 at t = 5\n"
        "Each update\n"
        "  Optimizer adamw (lr 0.1, betas [0.9, 0.999], eps 1e-08).\n"
        "  Loss: cross-entropy, or your own.\n"
        "  Gradients are clipped: global_norm 1.\n"
        "  Running variances of batch norms, if there are any: by Paddle's rule, that of a "
        "channel's n elements, in torch too.\n"
        "  float32 throughout.\n"
        "Parameters\n"
        "  Nothing decays.\n"
        "  Nothing is frozen.\n"
        "Around it\n"
        "  Seed 42; device cpu.\n"
        "\n"
        "note: first-update-is-idle (warmup.start)\n"
        "  update 0 has rate 0.\n"
        "  Why it matters: it moves no weight, only the optimizer's moments; paddlenlp and "
        "transformers do the same, torchtitan starts at 1 / (W + 1).\n"
        "\n"
        "note: proportion-is-rounded (warmup.rounding)\n"
        "  0.3 x 6 is 1.7999999999999998: floor 1, ceil 2, round 2.\n"
        "  Why it matters: paddlenlp rounds down, the Trainers of Hugging Face up, PaddleOCR to "
        "the nearest.\n"
        "\n"
        "note: tail-is-short (batch.tail)\n"
        "  the last update of each epoch has 2 of 4 micro-batches: each counts 2 times as much as "
        "the others.\n"
        "  Why it matters: it is an update of its own, divided by its real size, as in Hugging "
        "Face's Trainer; PaddleNLP's leaks it into the next epoch.\n"
    )


ENDS = """\
duration: {epochs: 2, time_limit: 3600}
evaluation: {every: {updates: 5}}
early_stopping: {metric: f1, patience: 3, threshold: 0.01}
best: {}
checkpoint: {every: {epochs: 1}, keep: 3}
"""


def test_explain_tells_what_is_done_beside_the_updates(run: Run) -> None:
    _, out, _ = run("explain", SPEC.replace("duration: {epochs: 2}\n", ENDS), "--micro-batches", 10)
    told = out.partition("Around it\n")[2].partition("\n\n")[0]
    assert told == (
        "  Seed 42; device cpu.\n"
        "  Evaluated each 5 updates, and at the end.\n"
        "  Ends early by f1, higher is better: no better in 3 evaluations by more than 0.01.\n"
        "  Keeps the best weights by loss, lower is better.\n"
        "  Ends after 3600 s at the latest, wherever it is then.\n"
        "  Where it is given a folder: a checkpoint each epoch; the latest 3 stay."
    )


ALL = """\
optimizer: {name: adamw, lr: 0.1, amsgrad: true}
schedule: {name: multistep, milestones: [2, 3], gamma: 0.1, per: epoch}
weight_decay: {value: 0.01, exclude: [bias, norm]}
lr_multipliers: [{pattern: "head.*", multiplier: 10}]
layer_decay: {rate: 0.8, below: ["stem.*"], above: ["out.*", "last"]}
freeze: {patterns: ["bert.*"], batch_stats: keep}
batch_norm: torch
loss: {label_smoothing: 0.1}
ema: {decay: 0.9}
batch: {size: 8, accumulate: 5, normalise: token_mean, tail: drop}
amp: {dtype: float16}
device: cuda
duration: {epochs: 4}
"""


def test_explain_tells_every_part_of_a_spec(run: Run) -> None:
    _, out, _ = run("explain", ALL, "--micro-batches", 13)
    for line in (
        "  T = 8: 4 epochs of 2 updates.",
        "  A micro-batch has 8 samples, over all processes.",
        "  The last 3 micro-batches of each epoch are left out.",
        "  Schedule multistep (milestones [2, 3], gamma 0.1, per epoch); base rate 0.1.",
        "  It counts epochs: a rate holds for 2 updates.",
        "  No warmup: W = 0.",
        "  The schedule does not end at the horizon.",
        "  Running variances of batch norms, if there are any: by torch's rule, n / (n - 1) times "
        "that of a channel's n elements, in Paddle too.",
        "  t = 0  multistep         0.1 to 0.1 at t = 3",
        "  t = 4  past milestone 2  0.01 to 0.01 at t = 5",
        "  Loss: label_smoothing 0.1.",
        "  Gradients are not clipped.",
        "  Weight decay value 0.01, kind decoupled, exclude [bias, norm].",
        "  Rate x 10 for head.*.",
        "  Rate x 0.8 for each layer above a parameter.",
        "  Counted as below the layers: stem.*.",
        "  Counted as above the layers: out.*, last.",
        "  Frozen: patterns [bert.*], batch_stats keep.",
        "  Then the averages that evaluation takes: decay 0.9, start initial.",
        "  Seed 42; device cuda.",
    ):
        assert line in out.splitlines()
    assert "  Optimizer adamw (lr 0.1, betas [0.9, 0.999], eps 1e-08, amsgrad true)." in out
    assert "  Mixed precision: dtype float16, level O1" in out
    assert "  Loss scale: init 65536, growth_factor 2, backoff_factor 0.5" in out


def test_a_task_of_ones_own_is_not_explained_without_its_file(run: Run, tmp_path: Path) -> None:
    """Its loss may stand there. What needs the file refuses it; `check` needs the data first."""
    own = 'task: {name: module, module: "own.py:Own", train: train.npz}'
    text = SPEC.replace("{accumulate: 4}", "{size: 2}") + own
    missing = f"{tmp_path / 'own.py'}: must be a file of Python that can be read. Received: "
    for options in ((), ("--micro-batches", 10)):
        status, out, err = run("explain", text, *options)
        assert (status, out) == (2, "")
        assert err.startswith(missing)
    assert run("plan", text)[0] == 2
    assert run("plan", text, "--micro-batches", 10)[0] == 0
    status, out, _ = run("check", text)
    assert (status, "not planned" in out) == (0, True)


def test_explain_tells_of_a_single_micro_batch_that_is_left_out(run: Run) -> None:
    dropped = SPEC.replace("accumulate: 4", "accumulate: 4, tail: drop")
    _, out, _ = run("explain", dropped, "--micro-batches", 9)
    assert "  The last micro-batch of each epoch is left out.\n" in out


def test_explain_tells_of_a_tail_that_leaks_and_of_losses_that_are_summed(run: Run) -> None:
    leaking = SPEC.replace("accumulate: 4", "accumulate: 4, tail: leak, normalise: sum")
    _, out, _ = run("explain", leaking, "--micro-batches", 9)
    assert "4 micro-batches make an update. Its loss is the sum of their mean losses, not" in out
    assert "  The first update of an epoch has 5 micro-batches, 1 of them left by the one" in out
    flushed = SPEC.replace("accumulate: 4", "accumulate: 4, normalise: sum")
    _, out, _ = run("explain", flushed, "--micro-batches", 9)
    assert "  The last update of an epoch has 1 micro-batch.\n" in out


def test_explain_tells_how_the_momentum_moves(run: Run) -> None:
    cyclic = (
        "optimizer: {name: momentum, lr: 0.1, momentum: 0.75}\n"
        "schedule: {name: cyclic, max_lr: 0.2, up: 2, down: 2, mode: triangular,"
        " momentum: {low: 0.25, high: 0.75}}\n"
        "duration: {updates: 6}\n"
    )
    _, out, _ = run("explain", cyclic)
    assert "  Momentum: 0.75 at t = 0, lowest 0.25 at t = 2, 0.5 at t = 5.\n" in out
    assert "Momentum:" not in run("explain", SPEC, "--micro-batches", 10)[1]


def test_explain_without_sizes_says_nothing_of_epochs(run: Run) -> None:
    status, out, _ = run("explain", SPEC.replace("{epochs: 2}", "{updates: 6}"))
    assert (status, "  T = 6, however many epochs that takes.\n" in out) == (0, True)
    assert "An epoch" not in out
    assert "tail" not in out


def test_explain_says_that_a_rate_follows_a_metric(run: Run) -> None:
    plateau = (
        "{name: reduce_on_plateau, mode: min, factor: 0.5, patience: 1, threshold: 0, "
        "threshold_mode: rel, cooldown: 0, min_lr: 0, eps: 0}"
    )
    text = SPEC.replace("{name: linear}", plateau).replace("warmup: {proportion: 0.3}\n", "")
    status, out, _ = run("explain", text, "--micro-batches", 12)
    assert status == 0
    assert "  It follows the metrics that training reports: no plan knows its rates.\n" in out


def test_explain_tells_how_many_phases_it_leaves_out(run: Run) -> None:
    _, out, _ = run(
        "explain",
        SPEC.replace("{name: linear}", "{name: step, every: 1, gamma: 0.9}").replace(
            "{epochs: 2}", "{updates: 99}"
        ),
    )
    assert "  and so on\n" in out


def test_explain_as_json(run: Run) -> None:
    status, out, _ = run("explain", SPEC, "--micro-batches", 10, "--json")
    found = json.loads(out)
    assert (status, found["total_updates"], found["warmup_updates"]) == (0, 6, 1)
    assert (found["tail_micro_batches"], found["updates_per_epoch"]) == (2, 3)
    assert found["spans"][0] == {
        "what": "warmup",
        "begin": 0,
        "end": 1,
        "first_lr": 0.0,
        "last_lr": 0.0,
    }
    assert [concern["rule"] for concern in found["concerns"]] == [
        "first-update-is-idle",
        "proportion-is-rounded",
        "tail-is-short",
    ]
    assert set(found["concerns"][0]) == {"rule", "level", "where", "found", "reason"}


def test_compare_has_a_line_a_reading_and_says_what_else_differs(run: Run) -> None:
    names = "paddlenlp,paddlenlp-trainer,hf5"
    status, out, _ = run("compare", SPEC, "--micro-batches", 10, "--dialects", names)
    assert status == 0
    assert out == (
        "                   T  per epoch  W  tail   largest lr difference  at t  first t\n"
        "dualtrain          6          3  1  flush\n"
        "paddlenlp          6          3  1  flush                      0           none\n"
        "paddlenlp-trainer  4          2  1  leak                  0.0267     3        2\n"
        "hf5                6          3  2  flush                   0.05     1        1\n"
        "\n"
        "paddlenlp: paddlenlp 2.8.1, its schedule classes in a loop of your own\n"
        "  - schedule linear is `LinearDecayWithWarmup`\n"
        "  - warmup is `warmup`: an int is steps, all else a proportion (1 is one update, 1.0 the "
        "whole run)\n"
        "\n"
        "paddlenlp-trainer: paddlenlp 2.8.1, its Trainer\n"
        "  - schedule linear is `linear`\n"
        "  - warmup is `warmup_steps`, or `warmup_ratio` if that is 0\n"
        "  - has 2 left over of each epoch's micro-batches: they leak into the first update of the "
        "next, which then has 6 and is divided by 4 all the same; those of the last epoch are "
        "never used\n"
        "  - logs the next update's rate, not the one used, rounded to four digits\n"
        "\n"
        "hf5: transformers 5.23.0, its Trainer\n"
        "  - schedule linear is `linear`\n"
        "  - warmup is `warmup_steps`: below 1 a proportion, else steps (1.0 is one update, 5.5 "
        "are 5)\n"
        "  - takes token_mean for causal language models, whatever is asked\n"
        "  - clips by c / (norm + 1e-06), not by c / max(norm, c)\n"
    )


def test_compare_tells_a_refusal_from_what_the_bare_name_means(run: Run) -> None:
    cosine = SPEC.replace("{name: linear}", "{name: cosine, half_waves: 1}")
    _, out, _ = run("compare", cosine, "--micro-batches", 12, "--dialects", "paddlenlp")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "paddlenlp - - - - - - -" in lines
    assert "paddlenlp without half_waves 6 3 1 flush 0.0559 3 2" in lines
    assert (
        "- refused: half_waves must be even: num_cycles must be an int, or the class raises "
        "AssertionError. Received: 1.0"
    ) in lines


def test_compare_as_json(run: Run) -> None:
    options = ("--micro-batches", 10, "--dialects", "paddlenlp-trainer", "--json")
    status, out, _ = run("compare", SPEC, *options)
    found = json.loads(out)
    (reading,) = found["readings"]
    assert status == 0
    assert found["dualtrain"] == {
        "total_updates": 6,
        "updates_per_epoch": 3,
        "warmup_updates": 1,
        "tail": "flush",
    }
    assert (reading["dialect"], reading["tail"], reading["total_updates"]) == (
        "paddlenlp-trainer",
        "leak",
        4,
    )
    assert (reading["largest_at"], reading["first"], reading["refusal"]) == (3, 2, None)


def test_compare_without_sizes_is_for_any(run: Run) -> None:
    updates = SPEC.replace("{epochs: 2}", "{updates: 6}")
    status, out, _ = run("compare", updates, "--dialects", "hf4")
    assert (status, "dualtrain  6        any  1  flush\n" in out) == (0, True)
    _, out, _ = run("compare", updates, "--dialects", "hf4", "--json")
    assert json.loads(out)["dualtrain"]["updates_per_epoch"] is None


def test_compare_refuses_a_dialect_that_is_none(run: Run) -> None:
    status, out, err = run("compare", SPEC, "--micro-batches", 10, "--dialects", "hf4,hf3")
    assert (status, out) == (2, "")
    assert "paddlenlp, paddlenlp-trainer, hf4, hf5" in " ".join(err.split())
    assert "'hf3'" in err
