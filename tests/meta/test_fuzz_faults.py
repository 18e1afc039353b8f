"""The fuzzers must object: each kind to a reader that is wrong, and to whatever a reader may do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FUZZER = """
import json, os, shutil, sys, tempfile, traceback
from functools import partial
from pathlib import Path
from benchmarks.fuzz.__main__ import KINDS

def run(code, told):
    os.dup2(told.fileno(), 1)
    os.dup2(told.fileno(), 2)
    status = 1
    try:
        exec(code, {})
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else print(end.code) or 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

with tempfile.TemporaryDirectory() as folder:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        name, code = json.loads(line)
        kept = Path(folder) / name
        if not kept.exists():
            kept.mkdir()
            KINDS[name].make(kept)
            KINDS[name].make = partial(shutil.copytree, kept, dirs_exist_ok=True)
        with tempfile.TemporaryFile() as told:
            child = os.fork() or run(code, told)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            told.seek(0)
            print(json.dumps([status, told.read().decode()]), file=answers, flush=True)
"""
"""Runs each code that it is given in a fork, for the kind that it names, whose originals it has."""

RUN = """
import sys
from benchmarks.fuzz import __main__ as command
every = command.run
def until_it_is_told(*of, **more):
    for result in every(*of, **more):
        yield result
        if any({told!r} in fault for fault in result.faults):
            return
command.run = until_it_is_told
{fault}
sys.exit(command.main([{kind!r}, "--count", "{count}", "--shown", "1000"]))
"""

A_ALONE = """
from dualtrain import parity
whole = parity.compare_files
parity.compare_files = lambda a, b, *, floors=(): whole(a, a, floors=floors)
"""

FAULTS = {
    "a key that stands twice in YAML": (
        "specs",
        "from dualtrain.spec import _load; _load._repeated = lambda *_: []",
        "accepted, though it cannot be read: ",
    ),
    "numbers that are not quite those": (
        "specs",
        "from dualtrain.spec import _yaml; _yaml.float = lambda text: 1.0000001 * float(text)",
        "accepted, though ",
    ),
    "a refusal that names no file": (
        "specs",
        "from dualtrain.errors import Problem; Problem.__str__ = lambda self: self.rule",
        "the message names no file: ",
    ),
    "a plan that fails": (
        "specs",
        "from dualtrain.cli import _specs; _specs.whole_numbers = lambda *_, **__: {}[0]",
        "plan: exit status 3: ",
    ),
    "cells without the letter at their end": (
        "data",
        "from dualtrain.data import _delimited as one; row = one.DataRow\n"
        "one.DataRow = lambda line, cells: row(line, tuple(c.rstrip('h') for c in cells))",
        "csv: taken are ",
    ),
    "a key that stands twice in JSON Lines": (
        "data",
        "import json; from dualtrain.data import _json_lines; _json_lines.parse_json = json.loads",
        "jsonl is accepted, but cannot be read: Twice",
    ),
    "a library's own words": (
        "data",
        "from dualtrain.data import _json_lines; _json_lines._what = repr",
        "a library's words 'JSONDecodeError'",
    ),
    "an entity that begins with I": (
        "tags",
        "from dualtrain.tasks.token_classification import _sentences as one\n"
        "one._check = lambda *_: None",
        "is accepted, though tags are no BIO",
    ),
    "pixels that are a 256th": (
        "arrays",
        "from dualtrain.tasks.image_classification import _images as one; read = one._pixels\n"
        "one._pixels = lambda array, *of: read(array, *of) * (255 / 256)",
        "npz: images: taken is ",
    ),
    "numpy's own words": (
        "arrays",
        "from dualtrain.tasks.image_classification import _images as one\n"
        "one._what = lambda content, error: repr(error)",
        "a library's words ",
    ),
    "arrays of a checkpoint that nobody checks": (
        "left",
        "from dualtrain.checkpoints import _files; _files._check_whole = lambda *_: None",
        "gone on from ",
    ),
    "a trace of which nobody looks at the rows": (
        "left",
        "from benchmarks.fuzz.kinds import left; left.header_of_rows = lambda *_: None",
        "a trace with other rows is gone on with",
    ),
    "one trace compared with itself": (
        "traces",
        A_ALONE,
        "agrees, though b.trace.jsonl is changed",
    ),
    "weights of one run compared with themselves": ("weights", A_ALONE, "agrees, though b/"),
    "texts that are lowered, whatever the tokenizer says": (
        "checkpoints",
        "from dualtrain.tasks.text_classification import _texts as one; read = one.read_table\n"
        "def lowered(*of):\n"
        "    table = read(*of)\n"
        "    table.cells[0][:] = map(str.lower, table.cells[0])\n"
        "    return table\n"
        "one.read_table = lowered",
        "those of transformers are",
    ),
    "weights that are not quite those": (
        "checkpoints",
        "from dualtrain.tasks.text_classification import TextClassification as one\n"
        "read = one.initial_weights\n"
        "one.initial_weights = lambda *of, **more: {\n"
        "    name: array * 2 for name, array in read(*of, **more).items()}",
        "is not what the file has",
    ),
}
"""What is wrong -> the kind, how it is made so, and what the fuzzer must say of it."""


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Callable[[str, str], tuple[int, str]]]:
    """The status of a code for a kind, and what it said; in a process that has no pytest in it."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", FUZZER], **pipes) as fuzzer:
        to, back = fuzzer.stdin, fuzzer.stdout
        assert to is not None
        assert back is not None

        def ask(kind: str, code: str) -> tuple[int, str]:
            print(json.dumps([kind, code]), file=to, flush=True)
            status, said = json.loads(back.readline())
            return status, said

        yield ask
        to.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_reader_is_found(fault: str, fuzzed: Callable[[str, str], tuple[int, str]]) -> None:
    kind, code, told = FAULTS[fault]
    status, said = fuzzed(kind, RUN.format(fault=code, kind=kind, told=told, count=1000))
    assert status == 1, said
    assert told in said


KIND = """
import os, signal, sys, time
from pathlib import Path
from benchmarks.fuzz import __main__ as command, _run
from benchmarks.fuzz._kind import Judgement, Kind

class Made(Kind):
    name = "made"

    def make(self, folder):
        (folder / "one").mkdir()
        (folder / "one" / "file").write_text("x")

    def mutate(self, draw, folder):
        return str(draw.random())

    def judge(self, original, folder):
        if folder.name == "3":
            {deed}
        return Judgement("accepted")

_run.SECONDS, _run.MEMORY = 1, 2**28
command.KINDS = {{"made": Made()}}
sys.exit(command.main(["made", "--count", "6", "--keep", sys.argv[1]]))
"""

DEEDS = {
    "time.sleep(60)": "no answer within 1 seconds",
    "bytearray(2**30)": "out of memory",
    "os.abort()": "its process ended by signal 6",
    "os._exit(0)": "its process ended by an exit",
    "(folder / 'more').touch()": "files that were written, changed or taken away: more",
    "(folder / 'file').write_text('y')": "files that were written, changed or taken away: file",
    "(folder / 'file').unlink()": "files that were written, changed or taken away: file",
    "1 / 0": "the oracle could not judge",
    "signal.pthread_sigmask(0, {14}); time.sleep(60)": "its process ended by signal 9",
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_a_reader_may_do_is_told_and_the_others_are_judged(deed: str, tmp_path: Path) -> None:
    """And the mutant is kept, under its number."""
    kept = tmp_path / "kept"
    run = [sys.executable, "-c", KIND.format(deed=deed), str(kept)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "made --seed 0 --first 3: " in done.stdout
    assert DEEDS[deed] in done.stdout
    assert "; 1 answered wrong" in done.stdout
    assert "5 accepted" in done.stdout or "6 accepted" in done.stdout
    assert [path.name for path in (kept / "made" / "mutants").iterdir()] == ["3"]


def test_a_number_gives_the_same_mutant_again(tmp_path: Path) -> None:
    """Alone as among others, in another process."""
    told = []
    for first, count in ((0, 40), (20, 1)):
        code = (
            "from random import Random; from pathlib import Path; import sys\n"
            "from benchmarks.fuzz._kind import mutant_of\n"
            "from benchmarks.fuzz.kinds.specs import Specs\n"
            "here = Path(sys.argv[1]); (here / 'originals').mkdir(parents=True)\n"
            "Specs().make(here / 'originals')\n"
            f"for index in range({first}, {first + count}):\n"
            "    mutant = mutant_of(Specs(), here / 'originals', 0, index, here / str(index))\n"
            "    if index == 20: print(mutant.told, {p.name: p.read_bytes() for p in"
            " sorted(mutant.folder.glob('spec*')) if p.is_file()})\n"
        )
        run = [sys.executable, "-c", code, str(tmp_path / str(first))]
        told.append(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
    assert told[0] == told[1] != ""
