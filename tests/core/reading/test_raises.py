"""A program that its own tests end is read to its end, and said to fail."""

from __future__ import annotations

from pathlib import Path

from tests.core.reading.readings import name_of, reading

SCRIPT = """
import argparse, sys
parser = argparse.ArgumentParser()
parser.add_argument("--train", action="store_true")
parser.add_argument("--version", action="store_true")
args = parser.parse_args()
rate = 0.1
if args.version:
    sys.exit(0)
if not args.train:
    raise ValueError("nothing to do")
rate = 0.2
"""


def test_what_stands_behind_an_error_is_read(tmp_path: Path) -> None:
    program = reading(tmp_path, SCRIPT)
    assert name_of(program, "rate") == 0.2
    assert [str(place) for place in program.raises] == ["train.py:11"]
    assert list(reading(tmp_path, SCRIPT, "--train").raises) == []


def test_an_exit_is_an_end(tmp_path: Path) -> None:
    assert name_of(reading(tmp_path, SCRIPT, "--version"), "rate") == 0.1
