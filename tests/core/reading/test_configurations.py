"""Configurations that a program reads: what running it gives, the reading must find."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dualtrain.reading._values import Unknown
from tests.core.reading.readings import name_of, python, reading

YAML = "train:\n  lr: 1.0e-3\n  text: 1e-4\n  steps: [1, 2]\n  flag: yes\nname: a\n"

LOADS = """
import json, os, yaml
from pathlib import Path
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join("conf", "a.yaml")) as file:
    one = yaml.safe_load(file)
two = yaml.load(open("conf/a.yaml").read(), Loader=yaml.SafeLoader)
three = json.load(open("conf/b.json", encoding="utf-8"))
four = json.loads(Path("conf/b.json").read_text())
folder = Path("conf")
five = yaml.safe_load((folder / "a.yaml").open())
six = json.loads('{"lr": 0.25}')
stem, suffix = Path("conf/a.yaml").stem, Path("conf/a.yaml").suffix
one["train"]["lr"] *= 2
rate = one["train"].get("lr")
"""

MAPPINGS = """
import yaml
from ast import literal_eval
class AttrDict(dict):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.extra = 3
    def __getattr__(self, key):
        return self[key]
    def __setattr__(self, key, value):
        self[key] = value
    def double(self, key):
        return 2 * self[key]
def create(config):
    for key, value in config.items():
        if type(value) is dict:
            config[key] = value = AttrDict(value)
        if isinstance(value, str):
            try:
                value = literal_eval(value)
            except BaseException:
                pass
        if isinstance(value, AttrDict):
            create(config[key])
        else:
            config[key] = value
config = AttrDict(yaml.safe_load(open("conf/a.yaml")))
create(config)
text = config.train.text
rate = config.train.double("lr")
found = hasattr(config.train, "lr") and config.extra
kinds = (type(1) is int, type(0.5) == float, type(config) == AttrDict, type("a") is int)
"""

CONFIGURATOR = """
import sys
from ast import literal_eval
for arg in sys.argv[1:]:
    if "=" not in arg:
        exec(open(arg).read())
    else:
        key, val = arg.split("=")
        key = key[2:]
        if key in globals():
            try:
                attempt = literal_eval(val)
            except (SyntaxError, ValueError):
                attempt = val
            assert type(attempt) == type(globals()[key])
            globals()[key] = attempt
        else:
            raise ValueError(key)
"""

EXECUTES = """
lr = 0.1
steps = 100
name = "a"
decay = True
kinds = (int, float, bool, str)
keys = [k for k, v in globals().items() if not k.startswith("_") and isinstance(v, kinds)]
exec(open("configurator.py").read())
config = {k: globals()[k] for k in keys}
total = eval("steps * 2")
"""

LOCALS = """
class Base:
    def __init__(self, lr, factor, patience=3):
        self.kept = (lr, factor, patience)
class Own(Base):
    def __init__(self, lr, factor=0.5, more=1):
        self.more = more
        given = locals()
        given.pop("self")
        given.pop("__class__", None)
        given.pop("more")
        super().__init__(**given)
own = Own(0.1, factor=0.8)
kept = own.kept
lr = 3
same = locals()["lr"]
"""

IMPORTS = """
import importlib, importlib.util, sys
sys.path.insert(0, ".")
name = "small"
module = importlib.import_module("conf." + name)
lr, total = module.lr, getattr(module, "epochs") * 2
spec = importlib.util.spec_from_file_location("other", "conf/small.py")
other = importlib.util.module_from_spec(spec)
spec.loader.exec_module(other)
again = other.lr
del module, spec, other, importlib, sys
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "a.yaml").write_text(YAML)
    (conf / "b.json").write_text('{\n "lr": 0.5,\n "inner": {"epochs": 3}\n}\n')
    (conf / "small.py").write_text("lr = 0.5\nsteps = 7\nepochs = 3\n")
    (conf / "__init__.py").write_text("")
    (tmp_path / "configurator.py").write_text(CONFIGURATOR)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def running(folder: Path, text: str, words: str, names: list[str]) -> dict[str, Any]:
    """What these names hold where Python runs the script."""
    shown = ", ".join(f"{name!r}: {name}" for name in names)
    (folder / "run.py").write_text(f"{text}\nprint(repr({{{shown}}}))\n")
    command = [sys.executable, "run.py", *words.split()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, Any] = ast.literal_eval(done.stdout)
    return found


@pytest.mark.parametrize(
    ("text", "words", "names"),
    [
        (LOADS, "", "one two three four five six stem suffix rate"),
        (MAPPINGS, "", "config text rate found kinds"),
        (EXECUTES, "", "lr steps name config total"),
        (EXECUTES, "conf/small.py --lr=0.25 --name=b --decay=False", "lr steps config total"),
        (IMPORTS, "", "lr total again"),
        (LOCALS, "", "kept same"),
    ],
)
def test_names_have_the_values_that_running_gives(
    folder: Path, text: str, words: str, names: str
) -> None:
    program = reading(folder, text, words)
    wanted = running(folder, text, words, names.split())
    assert {name: name_of(program, name) for name in names.split()} == wanted


def test_a_value_knows_its_key_and_line(folder: Path) -> None:
    program = reading(folder, LOADS.replace("one[", "two["))
    one: Any = program.entry.cells["one"]
    lr = one.cells["train"].cells["lr"]
    assert (lr.origin.how, str(lr.origin.place), lr.origin.name) == (
        "configuration",
        "conf/a.yaml:2",
        "train.lr",
    )


def test_what_a_file_sets_comes_from_there_and_a_word_from_the_command(folder: Path) -> None:
    program = reading(folder, EXECUTES, "conf/small.py --lr=0.25")
    steps, lr = (program.entry.cells[name] for name in ("steps", "lr"))
    assert steps.origin.how == "configuration"  # type: ignore[attr-defined]
    assert str(steps.origin.place) == "conf/small.py:2"  # type: ignore[attr-defined]
    assert lr.origin.how == "command line"  # type: ignore[attr-defined]
    assert str(lr.origin.place) == "the command:2"  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["conf/none.yaml", "/etc/hostname", "../../outside.yaml"])
def test_a_file_that_is_not_in_the_folder_is_not_read(folder: Path, path: str) -> None:
    (folder.parent.parent / "outside.yaml").write_text("lr: 1\n")
    text = f"import yaml\nconfig = yaml.safe_load(open({path!r}))\nlr = config['lr']\n"
    config = reading(folder, text).entry.cells["config"]
    assert isinstance(config, Unknown)
    assert config.why == f"{path} is not there"


def test_a_file_that_executes_itself_is_read_once(folder: Path) -> None:
    text = "import sys\nn = 1\nexec(open('train.py').read())\nexec(open('own.py').read())\nlr = 2\n"
    program = reading(folder, text, own="steps = 3\nexec(open('own.py').read())\nlr = 0.5\n")
    assert (name_of(program, "lr"), name_of(program, "steps")) == (2, 3)
    assert list(program.notes) == [
        "train.py:3: train.py executes itself",
        "own.py:2: own.py executes itself",
    ]


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "loop/a.yaml", ""])
def test_a_path_that_is_none_is_not_there(folder: Path, path: str) -> None:
    (folder / "loop").symlink_to("loop")
    program = reading(folder, f"import yaml\nconfig = yaml.safe_load(open({path!r}))\n")
    assert isinstance(program.entry.cells["config"], Unknown)


def test_a_link_out_of_the_folder_is_not_followed(folder: Path) -> None:
    (folder.parent / "secret.yaml").write_text("lr: 1\n")
    (folder / "link.yaml").symlink_to(folder.parent / "secret.yaml")
    program = reading(folder, "import yaml\nconfig = yaml.safe_load(open('link.yaml'))\n")
    assert isinstance(program.entry.cells["config"], Unknown)


def test_yaml_that_is_none_is_unknown_and_said(folder: Path) -> None:
    (folder / "bad.yaml").write_text("a: [1\n")
    program = reading(folder, "import yaml\nconfig = yaml.safe_load(open('bad.yaml'))\n")
    assert isinstance(program.entry.cells["config"], Unknown)
    assert program.notes[0].startswith("bad.yaml:")


NODES = """
import argparse
from yacs.config import CfgNode as CN
_C = CN()
_C.TRAIN = CN()
_C.TRAIN.LR = 0.1
_C.TRAIN.EPOCHS = 10
_C.NAME = "a"
parser = argparse.ArgumentParser()
parser.add_argument("--cfg", default="node.yaml")
parser.add_argument("--opts", nargs="+", default=None)
parser.add_argument("--lr", type=float)
def get():
    args = parser.parse_args()
    config = _C.clone()
    config.defrost()
    config.merge_from_file(args.cfg)
    if args.opts:
        config.merge_from_list(args.opts)
    if args.lr is not None:
        config.TRAIN.LR = args.lr
    config.freeze()
    return config
config = get()
"""


def test_nodes_of_yacs(folder: Path) -> None:
    (folder / "node.yaml").write_text("TRAIN:\n  LR: 1e-3\n  EPOCHS: 20\n")
    program = reading(folder, NODES, "--opts TRAIN.EPOCHS 30 NAME b")
    config: Any = program.entry.cells["config"]
    assert python(config) == {"TRAIN": {"LR": 1e-3, "EPOCHS": 30}, "NAME": "b"}
    train = config.cells["TRAIN"].cells
    assert str(train["LR"].origin.place) == "node.yaml:2"
    assert (train["EPOCHS"].origin.how, train["EPOCHS"].origin.name) == (
        "command line",
        "TRAIN.EPOCHS",
    )
    assert name_of(program, "_C")["TRAIN"] == {"LR": 0.1, "EPOCHS": 10}
    given = name_of(reading(folder, NODES, "--lr 2"), "config")
    assert given["TRAIN"] == {"LR": 2.0, "EPOCHS": 20}


def test_nodes_over_a_file_that_is_not_there_are_unknown(folder: Path) -> None:
    program = reading(folder, NODES, "--cfg none.yaml --lr 2")
    config: Any = program.entry.cells["config"]
    train = config.cells["TRAIN"].cells
    assert python(train["LR"]) == 2.0
    assert isinstance(train["EPOCHS"], Unknown)
    assert train["EPOCHS"].why == "none.yaml is not there"


def test_a_module_of_constants_over_those_it_builds_upon(folder: Path) -> None:
    (folder / "conf" / "base.py").write_text(
        "optimizer = dict(type='SGD', lr=0.1, momentum=0.9)\nepochs = 10\n"
    )
    (folder / "conf" / "own.py").write_text(
        "_base_ = ['./base.py']\nrate = 0.01\noptimizer = dict(lr=rate)\n"
    )
    text = "from mmcv import Config\ncfg = Config.fromfile('conf/own.py')\nlr = cfg.optimizer.lr\n"
    program = reading(folder, text)
    assert name_of(program, "cfg") == {
        "optimizer": {"type": "SGD", "lr": 0.01, "momentum": 0.9},
        "epochs": 10,
        "rate": 0.01,
    }
    lr: Any = program.entry.cells["lr"]
    assert (lr.origin.how, str(lr.origin.place)) == ("configuration", "conf/own.py:2")


def test_an_environment_variable_is_unknown_and_says_which(folder: Path) -> None:
    program = reading(folder, "import os\nrank = int(os.environ.get('RANK', 0))\n")
    rank: Any = program.entry.cells["rank"]
    assert isinstance(rank, Unknown)
    (inner,) = rank.operands
    assert isinstance(inner, Unknown)
    assert inner.why == "the environment variable RANK decides"
    assert python(inner.operands[1]) == 0
