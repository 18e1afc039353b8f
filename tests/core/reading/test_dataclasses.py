"""Classes whose annotations are fields: what Python makes of them, the reading must find."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from dualtrain.reading._values import Instance, Known
from tests.core.reading.readings import name_of, python, reading

FIELDS = """
from dataclasses import dataclass, field, replace
from typing import ClassVar, List, NamedTuple, Optional

@dataclass
class Base:
    lr: float = 0.1
    betas: List[float] = field(default_factory=lambda: [0.9, 0.999])
    kind: ClassVar[str] = "none"
    constant = 3

@dataclass(frozen=False)
class Own(Base):
    epochs: Optional[int] = field(default=4, metadata={"help": "how often"})
    lr: float = 0.2
    name: str = "a"

    def __post_init__(self):
        self.steps = self.epochs * 10
        if self.name == "b":
            self.lr = self.lr * 2

class Pair(NamedTuple):
    one: int
    two: int = 2

class Plain(Base):
    pass

first = Own()
second = Own(0.5, [1.0, 2.0], name="b")
third = replace(second, epochs=7)
fourth = Plain(lr=0.3)
pair = Pair(1)
value = second.lr + pair.two + Own.constant
"""


def real(text: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    import types

    module = types.ModuleType("fields_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(text, "train.py", "exec"), module.__dict__)
    return module.__dict__


def test_objects_have_the_fields_that_python_gives_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = real(FIELDS, monkeypatch)
    program = reading(tmp_path, FIELDS)
    for name in ("first", "second", "fourth"):
        assert name_of(program, name) == vars(wanted[name]), name
    assert name_of(program, "pair") == wanted["pair"]._asdict()
    assert name_of(program, "value") == wanted["value"]
    third = name_of(program, "third")
    assert {key: third[key] for key in ("lr", "epochs", "name")} == {
        "lr": wanted["second"].lr,
        "epochs": 7,
        "name": "b",
    }


LIBRARY = """
from dataclasses import dataclass, field
from transformers import HfArgumentParser, TrainingArguments, Trainer
@dataclass
class Data:
    path: str = field(default="x")
@dataclass
class Own(TrainingArguments):
    optim: str = field(default="adamw_torch")
    warmup_ratio: float = 0.1
    def __post_init__(self):
        super().__post_init__()
        self.seen = True
parser = HfArgumentParser((Data, Own))
data, args = parser.parse_args_into_dataclasses()
rate = args.learning_rate
trainer = Trainer(args=args)
"""


def test_a_class_of_a_library_gets_what_is_given_and_the_defaults_changed(tmp_path: Path) -> None:
    words = "--path y --learning_rate 2e-5 --bf16 --num_train_epochs=3 --lr_scheduler_type cosine"
    program = reading(tmp_path, LIBRARY, words)
    args = program.entry.cells["args"]
    assert isinstance(args, Instance)
    assert python(args) == {
        "optim": "adamw_torch",
        "warmup_ratio": 0.1,
        "learning_rate": 2e-5,
        "bf16": True,
        "num_train_epochs": 3,
        "lr_scheduler_type": "cosine",
        "seen": True,
    }
    (made,) = (
        one for one in program.events if one.path == "transformers.TrainingArguments.__init__"
    )
    assert sorted(made.kwargs) == [
        "bf16",
        "learning_rate",
        "lr_scheduler_type",
        "num_train_epochs",
        "optim",
        "warmup_ratio",
    ]
    assert program.flags.strangers == []
    rate = args.cells["learning_rate"]
    assert isinstance(rate, Known)
    assert (rate.origin.name, str(rate.origin.place)) == ("--learning_rate", "the command:4")


def test_the_librarys_own_class_keeps_what_is_given(tmp_path: Path) -> None:
    text = LIBRARY.replace("(Data, Own)", "(Data, TrainingArguments)")
    program = reading(tmp_path, text, "--learning_rate 2e-5")
    assert name_of(program, "rate") == 2e-5


def test_a_file_that_the_command_names(tmp_path: Path) -> None:
    text = LIBRARY.replace(
        "data, args = parser.parse_args_into_dataclasses()",
        "import sys, os\n"
        "if len(sys.argv) == 2 and sys.argv[1].endswith('.json'):\n"
        "    data, args = parser.parse_json_file(json_file=os.path.abspath(sys.argv[1]))\n"
        "else:\n"
        "    data, args = parser.parse_args_into_dataclasses()\n",
    )
    (tmp_path / "sft.json").write_text('{\n "path": "z",\n "learning_rate": 3e-05\n}\n')
    program = reading(tmp_path, text, "sft.json")
    args = program.entry.cells["args"]
    assert isinstance(args, Instance)
    rate = args.cells["learning_rate"]
    assert python(rate) == 3e-05
    assert isinstance(rate, Known)
    assert (rate.origin.how, str(rate.origin.place)) == ("configuration", "sft.json:3")
    assert name_of(program, "data") == {"path": "z"}
