"""What may be given as a recipe: notebooks, folders, pages, and a file that another one loads."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from dualtrain.recipes import RecipeError, read_recipe

Tree = Callable[[Mapping[str, str]], Path]

TRAIN = """
import argparse
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.5)
args = parser.parse_args()
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
for batch in loader:
    model(batch).mean().backward()
    optimizer.step()
    optimizer.zero_grad()
"""
MAIN = f"{TRAIN}\nif __name__ == '__main__':\n    pass\n"


def notebook(*cells: str) -> str:
    """A notebook as Jupyter writes it: one string a line."""
    made = [{"cell_type": "markdown", "source": ["lr = 9"]}]
    for cell in cells:
        lines = textwrap.dedent(cell).strip("\n").splitlines(keepends=True)
        made.append({"cell_type": "code", "source": lines})
    return json.dumps({"cells": made, "nbformat": 4}, indent=1)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Writes a repository."""

    def write(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if name.endswith(".ipynb") else textwrap.dedent(text))
        return tmp_path

    return write


def test_a_notebook_is_its_code_cells_in_order(tree: Tree) -> None:
    cells = (
        "!pip install \\\n  torch\n%matplotlib inline\nimport torch\nmodel = torch.nn.Linear(2, 2)",
        "%%html\n<b>optimizer = 3</b>",
        "files = !ls\nrate = 0.25\nif files:\n    !touch marker\nmodel?",
        "%%time\noptimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.5)",
        "%%writefile other.py\nrate = 7",
        "for x in loader:\n    model(x).backward()\n    optimizer.step()\n"
        "    optimizer.zero_grad()",
    )
    root = tree({"a.ipynb": notebook(*cells)})
    recipe = read_recipe(root / "a.ipynb", root=root)
    assert (recipe["lr"].value, recipe["momentum"].value) == (0.25, 0.5)
    assert recipe["accumulate"].value in (None, 1)
    lines = (root / "a.ipynb").read_text().splitlines()
    place = recipe["lr"].place
    assert place is not None and place.file == "a.ipynb"
    assert '"rate = 0.25\\n"' in lines[place.line - 1]
    assert not (root / "marker").exists()


@pytest.mark.parametrize("form", ["text", "one line", "version 3"])
def test_notebooks_of_other_forms(tree: Tree, form: str) -> None:
    made = json.loads(notebook(TRAIN))
    if form == "text":
        made["cells"][1]["source"] = "".join(made["cells"][1]["source"])
    elif form == "version 3":
        cells = made.pop("cells")
        cells[1]["input"] = cells[1].pop("source")
        made["worksheets"] = [{"cells": cells}]
    root = tree({"a.ipynb": json.dumps(made, indent=None if form == "one line" else 1)})
    assert read_recipe(root / "a.ipynb", root=root)["lr"].value == 0.5


@pytest.mark.parametrize(
    ("lines", "lr"),
    [
        (["!python train.py --lr 0.125"], 0.125),
        (["%run train.py --lr 0.125"], 0.125),
        (["%%bash", "python train.py \\", "  --lr 0.125"], 0.125),
        (["%env RATE=0.125", "!python train.py --lr $RATE"], 0.125),
        (["rate = 0.125", "!python train.py --lr {rate}"], None),
        (["%run train.py"], 0.5),
    ],
)
def test_a_notebook_that_starts_a_script(tree: Tree, lines: Sequence[str], lr: float) -> None:
    root = tree({"train.py": TRAIN, "a.ipynb": notebook("import os", "\n".join(lines))})
    recipe = read_recipe(root / "a.ipynb", root=root)
    assert recipe["optimizer"].value == "sgd"
    assert recipe["lr"].value == lr
    assert recipe["lr"].certainty == ("unknown" if lr is None else "stated")


@pytest.mark.parametrize("text", ["{}", "[1]", "{", '{"cells": 3}', ""])
def test_what_is_no_notebook_is_refused(tree: Tree, text: str) -> None:
    root = tree({"a.ipynb": text})
    with pytest.raises(Exception, match=r"^a\.ipynb.*(not a notebook|not JSON)"):
        read_recipe(root / "a.ipynb", root=root)


def test_a_folder_stands_for_its_script_and_the_command_of_it(tree: Tree) -> None:
    helper = "def f(x):\n    return x\n"
    page = "# Training\n\n```bash\npython src/train.py --lr 0.125\n```\n"
    root = tree({"src/train.py": TRAIN, "src/util.py": helper, "README.md": page})
    recipe = read_recipe(root)
    assert recipe["lr"].value == 0.125
    assert str(recipe["lr"].place) == "README.md:4"


def test_of_several_scripts_the_one_that_a_command_starts(tree: Tree) -> None:
    files = {"train.py": MAIN, "finetune.py": MAIN.replace("0.5", "0.25")}
    root = tree(files | {"run.sh": "python finetune.py\npython eval.py\n", "eval.py": "x = 1\n"})
    assert read_recipe(root)["lr"].value == 0.25


def test_a_folder_whose_script_leaves_the_loop_to_a_module(tree: Tree) -> None:
    loop = TRAIN.replace("\n", "\n    ").replace("\n    import", "\nimport")
    loop = loop.replace("\n    parser = ", "\ndef run():\n    parser = ")
    main = "import loop\n\nif __name__ == '__main__':\n    loop.run()\n"
    root = tree({"main.py": main, "loop.py": loop})
    assert read_recipe(root)["lr"].value == 0.5


def test_several_scripts_of_a_folder_are_named(tree: Tree) -> None:
    root = tree({"train.py": MAIN, "other/train.py": MAIN})
    with pytest.raises(RecipeError) as error:
        read_recipe(root)
    assert str(error.value) == (
        f"{root}: a folder is read from the one script in it that trains; name the one that is "
        "meant in place of the folder. Received: 2 of them: train.py, other/train.py"
    )


def test_a_folder_without_training_is_refused(tree: Tree) -> None:
    root = tree({"a.py": "x = 1\n", "b.yml": "a: 1\n"})
    with pytest.raises(RecipeError, match="Received: a folder without a training loop"):
        read_recipe(root)


def test_a_page_alone_stands_for_the_script_that_it_starts(tree: Tree) -> None:
    root = tree({"train.py": TRAIN, "scripts/run.sh": "cd ..\npython train.py --lr 0.125\n"})
    assert read_recipe(root / "scripts" / "run.sh", root=root)["lr"].value == 0.125
    root = tree({"other.py": TRAIN, "scripts/run.sh": "python train.py\npython other.py\n"})
    with pytest.raises(RecipeError, match=r"2 of them: train\.py, other\.py"):
        read_recipe(root / "scripts" / "run.sh", root=root)


LOADER = """
import argparse, importlib, os, sys, yaml

parser = argparse.ArgumentParser()
parser.add_argument("-m", "--config")
args = parser.parse_args()


def flat(tree, above, found):
    for key, value in tree.items():
        if isinstance(value, dict):
            flat(value, above + [key], found)
        elif key == "phases" and isinstance(value, list):
            for one in value:
                flat(one, above + [key, one["name"]], found)
        else:
            found[".".join(above + [key])] = value
    return found


def loaded(path):
    if yaml.__version__ > "5":
        tree = yaml.load(open(path), Loader=yaml.FullLoader)
    else:
        tree = yaml.load(open(path))
    return flat(tree, [], {})


def model_of(folder):
    LOAD


config = loaded(args.config)
model = model_of(os.path.dirname(os.path.abspath(args.config)))
optimizer = model.optimizer(config)
last_epoch = config.get("last_epoch", -1)
for epoch in range(last_epoch + 1, config.get("runner.epochs", None)):
    for batch in model.batches(config):
        model.loss(batch).backward()
        optimizer.step()
        optimizer.clear_grad()
"""
LOADED = """
import paddle


class Model:
    def optimizer(self, config):
        net = paddle.nn.Linear(2, 2)
        rate = config.get("net.optimizer.lr", 0.5)
        decay = config.get("net.optimizer.decay", 0.25)
        return paddle.optimizer.AdamW(rate, parameters=net.parameters(), weight_decay=decay)
"""
LOADS = {
    "sys.path": "sys.path.append(folder)\n    from dygraph import Model\n    return Model()",
    "insert": "sys.path.insert(0, folder)\n    return __import__('dygraph').Model()",
    "by name": "sys.path.append(folder)\n    return importlib.import_module('dygraph').Model()",
    "by path": (
        "path = os.path.join(folder, 'dygraph.py')\n"
        "    spec = importlib.util.spec_from_file_location('dygraph', path)\n"
        "    module = importlib.util.module_from_spec(spec)\n"
        "    spec.loader.exec_module(module)\n    return module.Model()"
    ),
}


@pytest.mark.parametrize("how", LOADS)
@pytest.mark.parametrize("given", ["the trainer", "what it loads"])
def test_a_file_that_a_trainer_loads(tree: Tree, how: str, given: str) -> None:
    root = tree(
        {
            "tools/trainer.py": LOADER.replace("LOAD\n", f"{LOADS[how]}\n"),
            "models/a/dygraph.py": LOADED,
            "models/b/dygraph.py": LOADED.replace("0.25", "9"),
            "models/a/config.yml": "runner:\n  epochs: 3\nnet:\n  optimizer:\n    lr: 0.125\n",
            "models/a/README.md": "```\npython ../../tools/trainer.py -m config.yml\n```\n",
        }
    )
    paths = {
        "the trainer": [root / "tools/trainer.py", root / "models/a/README.md"],
        "what it loads": [root / "models/a/dygraph.py"],
    }
    recipe = read_recipe(paths[given], root=root)
    assert [recipe[name].value for name in ("optimizer", "lr", "weight_decay", "epochs")] == [
        "adamw",
        0.125,
        0.25,
        3,
    ]


def test_a_shell_script_leads_to_another_one_that_starts_the_script(tree: Tree) -> None:
    root = tree(
        {
            "train.py": TRAIN,
            "run.sh": "source conf/rates.sh\nbash conf/go.sh $RATE\n",
            "conf/rates.sh": "RATE=0.125\n",
            "conf/go.sh": "python train.py --lr $1\nbash ../../outside.sh\n",
        }
    )
    (root.parent / "outside.sh").write_text("python train.py --lr 9\n")
    found = read_recipe([root / "train.py", root / "run.sh"], root=root)["lr"]
    assert found.value == 0.125 and str(found.place) == "conf/rates.sh:1"
    assert read_recipe(root / "run.sh", root=root)["lr"].value == 0.125


READS = """
import argparse, yaml, torch
parser = argparse.ArgumentParser()
parser.add_argument("-c", "--config")
settings = yaml.safe_load(open(parser.parse_args().config))
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=settings["rate"])
for batch in torch.utils.data.DataLoader(data(), batch_size=settings["size"]):
    model(batch).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
"""


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("README.md", "python tools/fit.py -c configs/a/small.yml"),
        ("run.sh", "python -u -m tools.fit --config=configs/a/small.yml"),
        ("configs/a/README.md", "python tools/fit.py -c configs/a/small.yml"),
    ],
)
def test_a_configuration_whose_reader_a_page_names(tmp_path: Path, page: str, line: str) -> None:
    for name, text in {
        "tools/fit.py": READS,
        "tools/other.py": "print(1)\n",
        "configs/a/small.yml": "rate: 0.3\nsize: 7\n",
        "configs/a/large.yml": "rate: 0.1\nsize: 9\n",
        page: f"```bash\npython tools/other.py\n{line}\n```\n" if ".md" in page else f"{line}\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    recipe = read_recipe(tmp_path / "configs/a/small.yml", root=tmp_path)
    assert (recipe["lr"].value, recipe["batch_size"].value) == (0.3, 7)
    with pytest.raises(RecipeError, match="of no repository that is known"):
        read_recipe(tmp_path / "configs/a/large.yml", root=tmp_path)


def test_a_configuration_that_two_scripts_read(tmp_path: Path) -> None:
    for name in ("fit.py", "tune.py"):
        (tmp_path / name).write_text(READS, encoding="utf-8")
    (tmp_path / "small.yml").write_text("rate: 0.3\nsize: 7\n", encoding="utf-8")
    lines = "```bash\npython fit.py -c small.yml\npython tune.py -c small.yml\n```\n"
    (tmp_path / "README.md").write_text(lines, encoding="utf-8")
    with pytest.raises(RecipeError, match="of no repository that is known"):
        read_recipe(tmp_path / "small.yml", root=tmp_path)
