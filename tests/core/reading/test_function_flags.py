"""Commands that libraries make of functions, classes and definitions.

The values were printed by click 8, typer, fire, absl, tyro, Tap and hydra, running these scripts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dualtrain.reading._place import Place
from tests.core.reading.readings import name_of, reading

CLICK = """
import click
seen = None
@click.command()
@click.option("--lr", "-l", default=0.1, help="rate")
@click.option("--epochs", default="3", type=int)
@click.option("--warmup-steps", "warmup", type=click.INT, default=None)
@click.option("--amp", is_flag=True)
@click.option("--shuffle/--no-shuffle", default=True)
@click.option("--layer", multiple=True, type=int)
@click.option("--Name", default="a")
@click.argument("path", default="x")
def main(lr, epochs, warmup, amp, shuffle, layer, name, path):
    global seen
    seen = dict(lr=lr, epochs=epochs, warmup=warmup, amp=amp, shuffle=shuffle)
    seen.update(layer=list(layer), name=name, path=path)
if __name__ == "__main__":
    main()
"""

GROUP = """
import click
seen = None
@click.group()
@click.option("--seed", default=1)
def cli(seed):
    global seen
    seen = {"seed": seed}
@cli.command()
@click.option("--lr", default=0.1)
def train(lr):
    seen["lr"] = lr
@cli.command(name="evaluate")
@click.option("--folder", default="a")
def test(folder):
    seen["folder"] = folder
if __name__ == "__main__":
    cli()
"""

TYPER = """
import typer
seen = None
def main(
    path: str,
    lr: float = 0.1,
    epochs: int = typer.Option(3, "--n-epochs"),
    fast_mode: bool = False,
    shuffle: bool = True,
):
    global seen
    seen = dict(path=path, lr=lr, epochs=epochs, fast_mode=fast_mode, shuffle=shuffle)
if __name__ == "__main__":
    typer.run(main)
"""

APP = """
import typer
seen = None
app = typer.Typer()
@app.command()
def main(lr: float = 0.1):
    global seen
    seen = dict(lr=lr)
if __name__ == "__main__":
    app()
"""

FIRE = """
import fire
seen = None
def train(path, lr=0.1, betas=(0.9, 0.999), amp=False, name="a", **others):
    global seen
    seen = dict(path=path, lr=lr, betas=betas, amp=amp, name=name, others=others)
if __name__ == "__main__":
    fire.Fire(train)
"""

FIRE_CLASS = """
import fire
seen = None
class Trainer:
    def __init__(self):
        self.scale = 2
    def train(self, lr=0.1, shuffle=True):
        global seen
        seen = dict(lr=lr * self.scale, shuffle=shuffle)
if __name__ == "__main__":
    fire.Fire(Trainer)
"""

ABSL = """
from absl import app, flags
seen = None
FLAGS = flags.FLAGS
flags.DEFINE_float("lr", 0.1, "rate")
flags.DEFINE_integer("epochs", 3, "how often")
flags.DEFINE_bool("amp", True, "mixed")
flags.DEFINE_string("name", None, "of the run")
flags.DEFINE_list("layers", "a,b", "which")
flags.DEFINE_multi_integer("steps", [1], "when")
wd = flags.DEFINE_float("wd", 0.01, "decay")
def main(argv):
    global seen
    seen = dict(lr=FLAGS.lr, epochs=FLAGS.epochs, amp=FLAGS.amp, name=FLAGS.name)
    seen.update(layers=FLAGS.layers, steps=FLAGS.steps, wd=wd.value)
if __name__ == "__main__":
    app.run(main)
"""

TYRO = """
import tyro
from dataclasses import dataclass
@dataclass
class Args:
    learning_rate: float = 0.1
    epochs: int = 3
    name: str = "a"
args = tyro.cli(Args)
seen = dict(lr=args.learning_rate, epochs=args.epochs, name=args.name)
"""

TAP = """
from tap import Tap
class Args(Tap):
    learning_rate: float = 0.1
    epochs: int = 3
    fast: bool = False
args = Args().parse_args()
seen = dict(lr=args.learning_rate, epochs=args.epochs, fast=args.fast)
"""

HYDRA = """
import hydra
seen = None
@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    global seen
    optimizer, size = cfg.optimizer, cfg.model.size
    seen = dict(lr=optimizer.lr, name=optimizer.name, epochs=cfg.epochs, again=cfg.again)
    seen["model"] = size
if __name__ == "__main__":
    main()
"""

CASES: list[tuple[str, str, dict[str, Any]]] = [
    (
        CLICK,
        "",
        {
            "lr": 0.1,
            "epochs": 3,
            "warmup": None,
            "amp": False,
            "shuffle": True,
            "layer": [],
            "name": "a",
            "path": "x",
        },
    ),
    (
        CLICK,
        "--lr 1 --epochs=5 --warmup-steps 7 --amp --no-shuffle --layer 1 --layer 2 y",
        {
            "lr": 1.0,
            "epochs": 5,
            "warmup": 7,
            "amp": True,
            "shuffle": False,
            "layer": [1, 2],
            "name": "a",
            "path": "y",
        },
    ),
    (
        CLICK,
        "-l 0.5 --Name b --shuffle",
        {
            "lr": 0.5,
            "epochs": 3,
            "warmup": None,
            "amp": False,
            "shuffle": True,
            "layer": [],
            "name": "b",
            "path": "x",
        },
    ),
    (GROUP, "--seed 3 train --lr 0.5", {"seed": 3, "lr": 0.5}),
    (GROUP, "evaluate", {"seed": 1, "folder": "a"}),
    (TYPER, "p", {"path": "p", "lr": 0.1, "epochs": 3, "fast_mode": False, "shuffle": True}),
    (
        TYPER,
        "p --lr 1 --n-epochs 4 --fast-mode --no-shuffle",
        {"path": "p", "lr": 1.0, "epochs": 4, "fast_mode": True, "shuffle": False},
    ),
    (APP, "--lr 0.5", {"lr": 0.5}),
    (
        FIRE,
        "p",
        {"path": "p", "lr": 0.1, "betas": (0.9, 0.999), "amp": False, "name": "a", "others": {}},
    ),
    (
        FIRE,
        "--path=p --lr 1e-3 --betas=0.8,0.9 --amp --name b --more 3",
        {
            "path": "p",
            "lr": 0.001,
            "betas": (0.8, 0.9),
            "amp": True,
            "name": "b",
            "others": {"more": 3},
        },
    ),
    (
        FIRE,
        "p --noamp --lr=1",
        {"path": "p", "lr": 1, "betas": (0.9, 0.999), "amp": False, "name": "a", "others": {}},
    ),
    (FIRE_CLASS, "train --lr 0.5 --noshuffle", {"lr": 1.0, "shuffle": False}),
    (
        ABSL,
        "",
        {
            "lr": 0.1,
            "epochs": 3,
            "amp": True,
            "name": None,
            "layers": ["a", "b"],
            "steps": [1],
            "wd": 0.01,
        },
    ),
    (
        ABSL,
        "--lr=1 --epochs 4 --noamp --name=b --layers=c,d --steps=2 --steps=3 --wd 0.5",
        {
            "lr": 1.0,
            "epochs": 4,
            "amp": False,
            "name": "b",
            "layers": ["c", "d"],
            "steps": [2, 3],
            "wd": 0.5,
        },
    ),
    (TYRO, "", {"lr": 0.1, "epochs": 3, "name": "a"}),
    (TYRO, "--learning-rate 0.5 --epochs 4", {"lr": 0.5, "epochs": 4, "name": "a"}),
    (TAP, "", {"lr": 0.1, "epochs": 3, "fast": False}),
    (TAP, "--learning_rate 0.5 --fast", {"lr": 0.5, "epochs": 3, "fast": True}),
    (HYDRA, "", {"lr": 0.0001, "name": "adam", "epochs": 3, "again": 3, "model": 7}),
    (
        HYDRA,
        "optimizer.lr=1e-3 epochs=4 +more=1",
        {"lr": 0.001, "name": "adam", "epochs": 4, "again": 4, "model": 7},
    ),
    (HYDRA, "optimizer=sgd", {"lr": 0.1, "name": "sgd", "epochs": 3, "again": 3, "model": 7}),
]

CONF = {
    "config.yaml": "defaults:\n  - model: bert\n  - optimizer: adam\n  - _self_\n"
    "epochs: 3\nagain: ${epochs}\nmodel:\n  size: 7\n",
    "model/bert.yaml": "size: 1\n",
    "optimizer/adam.yaml": "name: adam\nlr: 1e-4\n",
    "optimizer/sgd.yaml": "name: sgd\nlr: 0.1\n",
}


def write_conf(folder: Path) -> None:
    for name, text in CONF.items():
        path = folder / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(("text", "words", "wanted"), CASES)
def test_the_function_gets_what_the_library_gives_it(
    tmp_path: Path, text: str, words: str, wanted: dict[str, Any]
) -> None:
    write_conf(tmp_path)
    program = reading(tmp_path, text, words)
    assert name_of(program, "seen") == wanted
    assert list(program.notes) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [(CLICK, "--rate 1"), (ABSL, "--rate=1"), (TYRO, "--rate 1"), (TAP, "--rate 1")],
)
def test_a_flag_that_the_library_does_not_know(tmp_path: Path, text: str, words: str) -> None:
    (first, *_) = reading(tmp_path, text, words).flags.strangers
    assert str(first.value).startswith("--rate")


@pytest.mark.parametrize(
    ("text", "name"), [(CLICK, "--lr"), (TYPER, "--lr"), (FIRE, "--lr"), (ABSL, "--lr")]
)
def test_a_default_and_a_given_value_know_their_flag(tmp_path: Path, text: str, name: str) -> None:
    program = reading(tmp_path, text, "p" if text != ABSL else "")
    seen: Any = program.entry.cells["seen"]
    assert (seen.cells["lr"].origin.how, seen.cells["lr"].origin.name) == ("flag default", name)
    assert seen.cells["lr"].origin.place.file == "train.py"
    program = reading(tmp_path, text, "--lr=7 p" if text != ABSL else "--lr=7")
    seen = program.entry.cells["seen"]
    assert (seen.cells["lr"].origin.how, seen.cells["lr"].origin.name) == ("command line", name)
    assert seen.cells["lr"].origin.place == Place("the command", 1)
