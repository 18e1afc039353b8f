"""`python -m tests.oracle`, as it is called: in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.oracle.specs import draw

RUN = """
import sys
from dualtrain.plan import _warmup
from tests.oracle.__main__ import main

if sys.argv[2:]:
    _warmup.Rise.factors = lambda self, t: t * 0.0 + 0.5
sys.exit(main(["--seed", "6", "--first", sys.argv[1], "--count", "1", "--backend", "torch"]))
"""


def rises(index: int) -> bool:
    """Whether the case has a warmup that begins at 0."""
    warmup = draw(6, index).spec.get("warmup") or {}
    return (warmup.get("steps") or 0) > 0 and warmup["start"] == 0.0


FIRST = str(next(filter(rises, range(80))))


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ([], 0, ["torch: 1 cases", "0 cases differ"]),
        (
            ["wrong"],
            1,
            ["update 0, rate : expected", f"# seed 6, case {FIRST}: ", "1 cases differ"],
        ),
    ],
    ids=["all is well", "a warmup of its own"],
)
def test_the_exit_status_tells(arguments: list[str], status: int, told: list[str]) -> None:
    pytest.importorskip("torch")
    command = [sys.executable, "-c", RUN, FIRST, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert status == done.returncode, done.stdout + done.stderr
    assert [words for words in told if words not in done.stdout] == [], done.stdout
