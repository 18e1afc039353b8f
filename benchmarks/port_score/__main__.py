"""Score the reader of recipes on cases whose truth was read by people.

python -m benchmarks.port_score CASES.jsonl SCRIPTS_DIR [--json OUT] [--wrong]

Each row's repository lies at SCRIPTS_DIR/<owner>+<name>/<commit>/. Exit status 0 whatever the
score; 2 for files that are not there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.port_score._report import shown, summary
from benchmarks.port_score._score import score


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.port_score", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("cases", type=Path, metavar="CASES.jsonl")
    parser.add_argument("scripts", type=Path, metavar="SCRIPTS_DIR")
    parser.add_argument("--json", type=Path, metavar="OUT", help="all of it, for machines")
    parser.add_argument("--wrong", action="store_true", help="list what is wrong or unknown")
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose id has this")
    told = parser.parse_args(arguments)
    if not told.cases.is_file() or not told.scripts.is_dir():
        parser.error(f"not there: {told.cases if told.scripts.is_dir() else told.scripts}")
    lines = told.cases.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    results = [score(row, told.scripts) for row in rows if told.only in row["id"]]
    print(shown(results, details=told.wrong))
    if told.json is not None:
        told.json.write_text(json.dumps(summary(results), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
