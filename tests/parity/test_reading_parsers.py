"""Parsers over dataclasses: what those of transformers and paddlenlp make, the reading finds."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from tests.core.reading.readings import name_of, reading

SCRIPT = """
from dataclasses import dataclass, field
from typing import List, Optional
from LIBRARY import PARSER

@dataclass
class Model:
    name: str = field(default="bert", metadata={"help": "which"})
    dropout: Optional[float] = field(default=None)
    fast: bool = field(default=False)
    shuffle: bool = True
    layers: List[int] = field(default_factory=lambda: [1, 2])

@dataclass
class Train:
    lr: float = 5e-5
    epochs: int = field(default=3)
    warmup_ratio: float = 0.0
    steps: Optional[int] = None
    def __post_init__(self):
        self.total = self.epochs * 100

parser = PARSER((Model, Train))
"""

WORDS = """
model, train = parser.parse_args_into_dataclasses()
"""
FILE = """
import sys
model, train = parser.parse_json_file(sys.argv[1])
"""
BOTH = """
model, train = parser.parse_json_file_and_cmd_lines()
"""
YAML = """
model, train = parser.parse_yaml_file("train.yaml")
"""
MAPPING = """
model, train = parser.parse_dict({"lr": 0.5, "fast": True})
"""

PARSERS = {"transformers": "HfArgumentParser", "paddlenlp.trainer": "PdArgumentParser"}


def real(text: str, words: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The objects that the library makes."""
    monkeypatch.setattr(sys, "argv", ["train.py", *words.split()])
    module = types.ModuleType("a_script_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(text, "train.py", "exec"), module.__dict__)
    return {name: vars(module.__dict__[name]) for name in ("model", "train")}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # paddlenlp 2.8.1 on import
@pytest.mark.parametrize("library", PARSERS)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WORDS, ""),
        (WORDS, "--lr 1e-3 --epochs=5 --fast --layers 3 4 5 --name x"),
        (WORDS, "--fast True --shuffle false --dropout 0.1 --steps 7"),
        (WORDS, "--no_shuffle --drop 0.1"),
        (FILE, "a.json"),
        (BOTH, "a.json --epochs 9"),
        (YAML, ""),
        (MAPPING, ""),
    ],
)
def test_the_objects_are_those_that_the_library_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, text: str, words: str
) -> None:
    parser = PARSERS[library]
    if text in (YAML, BOTH) and (text == YAML) != (parser == "HfArgumentParser"):
        text = WORDS  # the other library's alone
        words = ""
    script = (SCRIPT + text).replace("LIBRARY", library).replace("PARSER", parser)
    (tmp_path / "a.json").write_text('{"lr": 0.001, "layers": [7, 8], "fast": true, "epochs": 2}')
    (tmp_path / "train.yaml").write_text("lr: 0.001\nlayers: [7, 8]\nfast: yes\n")
    monkeypatch.chdir(tmp_path)
    wanted = real(script, words, monkeypatch)
    program = reading(tmp_path, script, words)
    assert {name: name_of(program, name) for name in ("model", "train")} == wanted
