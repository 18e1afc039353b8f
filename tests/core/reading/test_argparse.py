"""Flags: what the standard library's own parser makes of them, the reading must find."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from dualtrain.reading._place import Place
from dualtrain.reading._program import Program
from dualtrain.reading._values import DictValue, Origin, Unknown, Value, plain
from tests.core.reading.readings import COMMAND, reading


def namespace(program: Program) -> dict[str, Any]:
    value = program.entry.cells["args"]
    assert isinstance(value, DictValue)
    found: dict[str, Any] = plain(value)
    return found


def value_of(program: Program, name: str) -> Any:
    space = program.entry.cells["args"]
    assert isinstance(space, DictValue)
    return space.cells[name]


KINDS = """
import argparse
def truth(text):
    if isinstance(text, bool):
        return text
    if text.lower() in ("yes", "true", "t", "1"):
        return True
    elif text.lower() in ("no", "false", "f", "0"):
        return False
    else:
        raise argparse.ArgumentTypeError("a truth value")
def pair(text):
    return tuple(float(one) for one in text.split(","))
parser = argparse.ArgumentParser("train")
parser.add_argument("--lr", "--learning_rate", default="5e-5", type=float)
parser.add_argument("--eps", default=1e-8)
parser.add_argument("--as-text", default=3, type=str)
parser.add_argument("-e", "--epochs", type=int, default=3)
parser.add_argument("-b", type=int, dest="batch_size", default=8)
parser.add_argument("--bool", type=bool, default=False)
parser.add_argument("--truth", type=truth, default="no")
parser.add_argument("--amp", action="store_true")
parser.add_argument("--no-shuffle", action="store_false", dest="shuffle")
parser.add_argument("--fast", action="store_const", const=7)
parser.add_argument("--level", choices=["O1", "O2"], default="O1")
parser.add_argument("--betas", nargs=2, type=float, default=[0.9, 0.999])
parser.add_argument("--steps", nargs="+", type=int)
parser.add_argument("--maybe", nargs="?", const="5", default=2, type=int)
parser.add_argument("--layer", action="append", type=int)
parser.add_argument("-v", "--verbose", action="count", default=0)
parser.add_argument("--ema", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("--pair", type=pair, default="0.9,0.95")
parser.add_argument("--twice", type=lambda text: 2 * int(text), default=1)
parser.add_argument("rest", nargs="*", type=int)
args = parser.parse_args()
"""

HELPERS = """
import argparse
import functools
from distutils_like import strtobool
def add_arguments(argname, type, default, help, argparser, **kwargs):
    type = strtobool if type == bool else type
    argparser.add_argument("--" + argname, default=default, type=type, help=help, **kwargs)
class Flags(argparse.ArgumentParser):
    def __init__(self):
        super().__init__(description="all")
        self.add_argument("--seed", type=int, default=1)
    def parse(self):
        return self.parse_args()
def with_optimizer(parser):
    group = parser.add_argument_group("optimizer")
    one = group.add_mutually_exclusive_group()
    one.add_argument("--adam", action="store_true")
    one.add_argument("--sgd", action="store_true")
    group.add_argument("--lr", type=float, default=0.1)
    return parser
parent = argparse.ArgumentParser(add_help=False)
parent.add_argument("--wd", type=float, default=0.01)
parent.set_defaults(extra="yes")
parser = with_optimizer(Flags())
add = functools.partial(add_arguments, argparser=parser)
add("epochs", int, 10, "how often")
add("cuda", bool, True, "where")
for name, value in (("alpha", 0.5), ("beta", 1.5)):
    parser.add_argument(f"--{name}", type=float, default=value)
parser.set_defaults(alpha=0.25, other=3)
args = parser.parse()
args.lr = args.lr * 2
setattr(args, "made", args.epochs + 1)
vars(args)["later"] = 4
"""

STRTOBOOL = """
def strtobool(val):
    val = val.lower()
    if val in ("y", "yes", "true", "1"):
        return 1
    elif val in ("n", "no", "false", "0"):
        return 0
    else:
        raise ValueError(val)
"""

COMMANDS = """
import argparse
def train(args): return args.lr
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=3)
inner = parser.add_subparsers(dest="verb")
one = inner.add_parser("train")
one.add_argument("--lr", type=float, default=0.1)
one.set_defaults(kind="training")
two = inner.add_parser("test")
two.add_argument("--folder")
args = parser.parse_args()
"""

INHERITED = """
import argparse
base = argparse.ArgumentParser(add_help=False)
base.add_argument("--lr", type=float, default=0.1)
base.set_defaults(extra="yes")
parser = argparse.ArgumentParser(parents=[base])
parser.add_argument("--suppressed", default=argparse.SUPPRESS)
args, rest = parser.parse_known_args()
args.rest = rest
"""

GIVEN = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--name", default="a")
args = parser.parse_args(["--lr", "3e-4"])
"""


class Refused(Exception):
    pass


def real(text: str, words: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What running the script gives: the expectation."""
    monkeypatch.setattr(sys, "argv", ["train.py", *words.split()])
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "train.py", "exec"), space)
    found: dict[str, Any] = vars(space["args"])
    return found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (KINDS, ""),
        (KINDS, "--lr 1e-3 -e 5 -b 16"),
        (KINDS, "--learning_rate=3e-5 --epochs=7 -b4"),
        (KINDS, "--learn 0.5 --epo 2 --lr 0.25"),
        (KINDS, "--bool False --truth true --amp --no-shuffle --fast"),
        (KINDS, "--eps 1e-6 --as-text 5 --level O2"),
        (KINDS, "--betas 0.8 0.98 --steps 1 2 3 --maybe --layer 1 --layer 2 -vv --no-ema"),
        (KINDS, "--maybe 9 --pair 0.5,0.75 --twice 4 --steps 3 --verbose"),
        (KINDS, "1 2 3 --lr -1"),
        (HELPERS, ""),
        (HELPERS, "--cuda false --lr 0.5 --beta 2 --sgd --seed 5"),
        (COMMANDS, "--seed 4 train --lr 0.5"),
        (COMMANDS, "train"),
        (COMMANDS, "test --folder here"),
        (INHERITED, "--lr 2 --unknown 3 word"),
        (INHERITED, "--suppressed 3"),
        (GIVEN, "--lr 7"),
    ],
)
def test_the_namespace_is_the_one_that_argparse_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    (tmp_path / "distutils_like.py").write_text(STRTOBOOL)
    monkeypatch.syspath_prepend(tmp_path)
    wanted = real(text, words, monkeypatch)
    program = reading(tmp_path, text, words)
    found = namespace(program)
    assert found == wanted
    assert {k: type(v) for k, v in found.items()} == {k: type(v) for k, v in wanted.items()}


def test_a_value_knows_its_flag_and_the_line_that_decides(tmp_path: Path) -> None:
    program = reading(tmp_path, KINDS, "--epochs=7 --amp")
    lr, epochs, amp = (value_of(program, name) for name in ("lr", "epochs", "amp"))
    line = KINDS.split("\n").index(
        'parser.add_argument("--lr", "--learning_rate", default="5e-5", type=float)'
    )
    assert lr.origin == Origin("flag default", Place("train.py", line + 1), "--lr")
    assert epochs.origin == Origin("command line", Place(COMMAND, 1), "--epochs")
    assert amp.origin == Origin("command line", Place(COMMAND, 2), "--amp")


def test_a_value_that_stands_twice_has_the_place_behind_its_own_flag(tmp_path: Path) -> None:
    flags = "parser.add_argument('--a', type=int)\nparser.add_argument('--b', type=int)\n"
    text = f"import argparse\nparser = argparse.ArgumentParser()\n{flags}"
    program = reading(tmp_path, f"{text}args = parser.parse_args()\n", "--a 1 --b 1")

    assert [value_of(program, name).origin.place.line for name in "ab"] == [2, 4]


def test_what_is_required_and_not_given_is_unknown_and_says_which(tmp_path: Path) -> None:
    text = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', required=True)\n"
    program = reading(tmp_path, text + "args = p.parse_args()\n")
    value = value_of(program, "lr")
    assert isinstance(value, Unknown)
    assert value.why == "--lr has no default, and the command does not give it"


@pytest.mark.parametrize("words", ["--learning_rte 3 --lr 1", "--lr 1 --learning_rte=3"])
def test_a_flag_that_the_parser_does_not_know(tmp_path: Path, words: str) -> None:
    program = reading(tmp_path, GIVEN.replace('["--lr", "3e-4"]', ""), words)
    assert namespace(program)["lr"] == 1.0
    (first, *_) = program.flags.strangers
    assert first.value.startswith("--learning_rte")
    assert "the parser does not know '--learning_rte" in program.notes[0]


READS = """
import argparse, json, logging
parser = argparse.ArgumentParser()
for name in ("lr", "wd", "dead", "never", "seed", "listed"):
    parser.add_argument("--" + name, default=1)
args = parser.parse_args()
print(args)
print(json.dumps(vars(args)), args.__dict__)
for key, value in vars(args).items():
    logging.info("%s %s", key, value)
for key in vars(args):
    logging.info("%s %s", key, getattr(args, key))
def unused(args):
    return args.never
def main(options):
    given = options.lr + getattr(options, "wd", 3)
    return given + vars(options)["seed"]
main(args)
"""


def test_where_flags_are_read(tmp_path: Path) -> None:
    program = reading(tmp_path, READS)
    reads = {
        name: [place.line for place in one.reads] for name, one in program.flags.declared.items()
    }
    assert reads == {
        "--lr": [16],
        "--wd": [16],
        "--seed": [17],
        "--dead": [],
        "--never": [],
        "--listed": [],
    }


HANDED = """
import argparse, yaml
parser = argparse.ArgumentParser()
for name in ("lr", "wd", "steps", "clip", "warmup", "scale"):
    parser.add_argument("--" + name, default=1)
args = parser.parse_args()
config = yaml.safe_load(open("a.yaml"))
def build(lr, steps, wd, max_steps, power, warmup):
    def rate(step):
        return step / steps
    def other(step):
        return step / warmup
    return lib.make(lr, inner(wd), power, other)
def inner(decay):
    return decay * 2
def some(*everything, **more):
    pass
class Trainer:
    def __init__(self, clip, scale):
        self.clip = clip
power = config["power"]
build(args.lr, args.steps, args.wd, config["max_steps"], power, args.warmup)
Trainer(args.clip, scale=args.scale)
some(some=args.clip)
"""


def test_a_flag_that_is_handed_on_and_used_by_nothing_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("max_steps: 3\npower: 2\nother: 1\n")
    flags = reading(tmp_path, HANDED).flags.declared
    dead = {
        name: [place.line for place in one.passes] for name, one in flags.items() if not one.reads
    }
    assert dead == {"--steps": [22], "max_steps": [22], "--scale": [23]}
    assert str(flags["max_steps"].place) == "a.yaml:1"


PASSED = """
import argparse
parser = argparse.ArgumentParser()
for name in ("lr", "wd", "seed", "epochs", "dead"):
    parser.add_argument("--" + name, default=1)
args = parser.parse_args()
one, two, three = {}, {}, argparse.Namespace()
given = {key: value for key, value in vars(args).items() if key != "dead"}
for key, value in given.items():
    if key in ("lr",):
        one[key] = value
    if key == "wd":
        setattr(three, key, value)
def main(seed, epochs, lr, wd):
    pass
del given["lr"], given["wd"]
main(**given)
"""


def test_flags_that_are_passed_on_are_read(tmp_path: Path) -> None:
    flags = reading(tmp_path, PASSED).flags.declared
    assert [name for name, one in flags.items() if not one.reads] == ["--dead"]


ITS_OWN = """
import argparse
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", default=1)
    parser.parse_args()
"""


def test_a_parser_that_an_imported_file_has_for_itself_does_not_count(tmp_path: Path) -> None:
    text = "import inner\nimport argparse\nparser = argparse.ArgumentParser()\n"
    text += "parser.add_argument('--epochs')\nargs = parser.parse_args()\n"
    program = reading(tmp_path, text, "--epochs 3", inner=ITS_OWN)
    assert list(program.flags.declared) == ["--epochs"]
    assert program.flags.strangers == []
    assert program.notes == []


def test_an_action_of_the_programs_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
import argparse
class Pairs(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        for one in values:
            key, value = one.split("=")
            setattr(namespace, key, float(value))
parser = argparse.ArgumentParser()
parser.add_argument("--set", action=Pairs, nargs="+")
args = parser.parse_args()
"""
    words = "--set lr=0.5 wd=0.1"
    assert namespace(reading(tmp_path, text, words)) == real(text, words, monkeypatch)


def test_words_in_sys_argv(tmp_path: Path) -> None:
    program = reading(tmp_path, "import sys\nlr = float(sys.argv[1])\nn = len(sys.argv)\n", "0.5")
    values: dict[str, Value] = program.entry.cells
    assert plain(values["lr"]) == 0.5
    assert plain(values["n"]) == 2


def test_words_that_the_text_does_not_tell(tmp_path: Path) -> None:
    text = GIVEN.replace('["--lr", "3e-4"]', "input().split()")
    value = value_of(reading(tmp_path, text), "lr")
    assert isinstance(value, Unknown)
    assert "which may have --lr, are not known" in value.why


def test_a_word_that_is_none_of_the_choices_is_unknown(tmp_path: Path) -> None:
    program = reading(tmp_path, KINDS, "--level {O1|O2}")
    value = value_of(program, "level")
    assert isinstance(value, Unknown)
    assert value.why == "--level does not take '{O1|O2}'"
