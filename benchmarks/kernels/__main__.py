"""Compare the frameworks' kernels with their formulas.

python -m benchmarks.kernels                      # each framework of this environment, minutes
python -m benchmarks.kernels --only softmax       # the cases whose name has it
python -m benchmarks.kernels --python other/bin/python --write    # also another's; docs/kernels.md

Exit status 1 if something is off that nothing is known of.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import cast

from benchmarks.kernels.families import FAMILIES
from benchmarks.kernels.remedies import REMEDIES
from benchmarks.kernels.run import Deviation, Framework, Refusal, Result, probe
from benchmarks.kernels.table import PAGE, Report, drawn, page, tables

SIDES = ("torch", "paddle")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels")
    parser.add_argument("--only", default="", help="only cases whose name has this")
    parser.add_argument("--python", action="append", default=[], help="another interpreter, too")
    parser.add_argument("--write", action="store_true", help="write docs/kernels.md")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    told = parser.parse_args(arguments)
    if told.side:
        print(json.dumps(_measured(told.side, told.only)))
        return 0
    reports = [
        report
        for python in (sys.executable, *told.python)
        for side in SIDES
        if (report := _asked(python, side, told.only)) is not None
    ]
    found = tables(reports)
    versions = ", ".join(report.versions for report in reports)
    if told.write:
        PAGE.write_text(page(versions, found), encoding="utf-8")
    else:
        print("\n".join(f"{title}\n\n{drawn(table)}" for title, table in found.items()))
    off = {r.case for report in reports for r in report.results if r.verdict == "off"}
    for case in sorted(off - REMEDIES.keys()):
        print(f"off, and nothing is known of it: {case}", file=sys.stderr)
    return int(bool(off - REMEDIES.keys()))


def _asked(python: str, side: str, only: str) -> Report | None:
    """A framework's report, from a process of its own; None where it is not installed.

    GPU builds of the two often crash in one process.
    """
    asked = subprocess.run([python, "-c", f"import {side}"], capture_output=True, check=False)
    if asked.returncode:
        return None
    command = [python, "-m", "benchmarks.kernels", "--side", side, "--only", only]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOG_minloglevel": "3"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    versions, results = json.loads(done.stdout.splitlines()[-1])
    return Report(
        versions,
        [
            Result(case, dtype, [Deviation(*d) for d in deviations], [Refusal(*r) for r in refused])
            for case, dtype, deviations, refused in results
        ],
    )


def _measured(side: str, only: str) -> Report:
    framework = cast(Framework, import_module(f"benchmarks.kernels.in_{side}"))
    results = []
    for title, cases in FAMILIES.items():
        print(f"{side}: {title}", file=sys.stderr)
        for case in cases:
            if only in case.name:
                results += probe(case, framework)
    return Report(framework.versions(), results)


if __name__ == "__main__":
    sys.exit(main())
