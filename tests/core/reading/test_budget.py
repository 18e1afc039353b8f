"""A function that calls itself many times does not use up the reading of all others."""

from __future__ import annotations

from pathlib import Path

from dualtrain.reading._program import read_program
from dualtrain.reading._values import Known

GROWS = """
import lib
def tree(node):
    found = []
    for name in ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"):
        if node.kind == name:
            found += tree(node.child(name)) + tree(node.other(name)) + tree(node.last(name))
    return found
lib.use(tree(lib.parse("x")))
rate = 0.5
"""


def test_the_rest_of_the_program_is_read(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(GROWS)
    program = read_program(script, tmp_path)
    rate = program.entry.cells["rate"]
    assert isinstance(rate, Known)
    assert rate.value == 0.5
    assert list(program.notes) == ["train.py:3: tree is called too often to be followed each time"]
