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
