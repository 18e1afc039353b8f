"""The interpreter that has imported both frameworks does as Python does, and at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forked import LIMIT

BOTH = "import sys; assert {'torch', 'paddle'} <= sys.modules.keys()"


def both_ways(
    python: Path, folder: Path, *words: str, said: str = ""
) -> list[tuple[int, str, str]]:
    """The status, the output and the last line of errors, by Python itself and by that one."""
    done = [
        subprocess.run(
            [one, *words],
            cwd=folder,
            input=said,
            env={**os.environ, "PYTHONPATH": str(folder), "SAID": "hello"},
            capture_output=True,
            text=True,
        )
        for one in (sys.executable, python)
    ]
    return [(d.returncode, d.stdout, "".join(d.stderr.splitlines()[-1:])) for d in done]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["-m", "own", "a", "b"], 0),
        (["own.py", "a"], 0),
        (["-c", "import own, sys; sys.exit(7)", "a"], 7),
        (["-c", "import sys; sys.exit('a rule')"], 1),
        (["-c", "1 / 0"], 1),
        (["-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"], -9),
    ],
)
def test_it_does_as_python_does(
    warm_python: Path, tmp_path: Path, words: list[str], status: int
) -> None:
    """Words, folder, environment, standard streams and status."""
    (tmp_path / "own.py").write_text(
        "import os, sys\nprint(__name__, sys.argv[1:], os.getcwd(), os.environ['SAID'])\n"
        "print(sys.stdin.read(), sys.path[0])\n"
    )
    own, warm = both_ways(warm_python, tmp_path, *words, said="read")
    assert own == warm
    assert warm[0] == status


def test_it_has_imported_both(warm_python: Path, tmp_path: Path) -> None:
    own, warm = both_ways(warm_python, tmp_path, "-c", BOTH)
    assert (own[0], warm[0]) == (1, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_its_end_is_that_of_what_it_does(
    warm_python: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Whose standard output ends only then."""
    text = "import os, time; print(os.getpid(), flush=True); time.sleep(1000)"
    with subprocess.Popen([warm_python, "-c", text], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(number)
        assert process.stdout.read() == b""
        assert process.wait(LIMIT) == -number
