"""What is read is never run, whatever it is, and reading ends."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from dualtrain.errors import DualtrainError
from dualtrain.recipes import Recipe, read_recipe

HOSTILE = """
import os, subprocess, sys, yaml, pickle, helper
os.system("touch marker")
eval("__import__('os').system('touch marker')")
exec(open("helper.py").read())
exec("open('marker', 'w')")
open("marker", "w").write("x")
subprocess.run(["touch", "marker"])
__import__("os").system("touch marker")
config = yaml.load(open("config.yaml"), Loader=yaml.UnsafeLoader)
yaml.unsafe_load(open("config.yaml"))
pickle.load(open("weights.pkl", "rb"))
class Meta(type):
    def __new__(cls, *a):
        os.system("touch marker")
        return super().__new__(cls, *a)
class Run(metaclass=Meta):
    def __del__(self):
        os.system("touch marker")
import torch
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"])
for x in loader():
    model(x).backward()
    optimizer.step()
"""
CONFIG = """
lr: !!python/object/apply:os.system ["touch marker"]
other: !!python/name:os.system
"""

READER = """
import sys
from dualtrain.recipes import read_recipe, recipe_yaml
path, root = sys.argv[1:]
read_recipe(sys.argv[1].replace("train.py", "warm.py"), root=root)  # loads what is loaded late
seen = []
def hook(event, arguments):
    if event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "exec",
                 "os.remove", "os.rename", "socket.connect", "pickle.find_class"):
        seen.append(event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append(f"open {arguments[0]}")
sys.addaudithook(hook)
print(recipe_yaml(read_recipe(path, root=root)))
assert not seen, seen
"""


def test_planted_code_is_not_run(tmp_path: Path) -> None:
    for name, text in (
        ("train.py", HOSTILE),
        ("warm.py", HOSTILE.replace("touch marker", "true")),
        ("helper.py", "import os\nos.system('touch marker')\n"),
        ("config.yaml", CONFIG),
    ):
        (tmp_path / name).write_text(textwrap.dedent(text))
    done = subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path / "train.py"), str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "sgd" in done.stdout
    assert not (tmp_path / "marker").exists()


def ends(path: Path, root: Path) -> Recipe | DualtrainError:
    """What reading comes to, in the time of a processor that it may take."""
    began = time.process_time()
    try:
        return read_recipe(path, root=root)
    except DualtrainError as error:
        return error
    finally:
        assert time.process_time() - began < 5


LARGE = """
import re, sys, time
from dualtrain.recipes import read_recipe
began = time.process_time()
rate = read_recipe(sys.argv[1], root=sys.argv[2])["lr"].value
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
print(rate, time.process_time() - began, peak)  # getrusage would count the parent's peak
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_script_of_20_000_lines(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    functions = [
        f"def f{i}(a, b=1):\n    x = [a, b, {i}]\n    y = {{'k': x}}\n    if a > {i}:\n"
        f"        return y\n    return x\nv{i} = f{i}({i})"
        for i in range(2_856)
    ]
    training = textwrap.dedent(HOSTILE).replace('config["lr"]', "0.25")
    script.write_text("\n".join([*functions, training]))
    assert len(script.read_text().splitlines()) > 20_000
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(script), str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    rate, seconds, kibibytes = map(float, done.stdout.split())
    assert rate == 0.25
    assert seconds < 5
    assert kibibytes < 500 * 1024


BASE = Path(__file__).parents[2] / "core" / "recipes" / "test_decay_filters.py"
WORDS = ["(", ")", ":", "\n", "    ", "lambda", "if x:", "=", "0", "'", '"""', "@", "*", "\\", "é"]


@pytest.mark.parametrize("seed", range(120))
def test_mutated_scripts_end(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    text = textwrap.dedent(HOSTILE) * chance.choice([1, 2]) + BASE.read_text(encoding="utf-8")
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(text))
        match chance.randrange(4):
            case 0:
                text = text[:at] + chance.choice(WORDS) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randint(1, 40) :]
            case 2:
                lines = text.splitlines()
                chance.shuffle(lines)
                text = "\n".join(lines[: chance.randint(1, len(lines))])
            case 3:
                text = text[:at] + text[max(0, at - 60) :]
        text = text or "x"
    script = tmp_path / "train.py"
    script.write_bytes(text.encode(chance.choice(["utf-8", "utf-16", "gb18030"])))
    ends(script, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 1\n" * 20_000,
        "(" * 5_000,
        "x = " + "(" * 80 + "1" + ")" * 80,
        "x = " + "-" * 50_000 + "1",
        "a" + ".b" * 20_000,
        "x = 'a' * 10 ** 9",
        "x = 10 ** 10 ** 10\ny = 1 << 10 ** 9\nz = '%999999999d' % 3",
        "x = '{:>999999999}'.format(1)\ny = f'{1:>999999999}'",
        "def f(x):\n    return f(x) + f(x) + f(x)\nf(1)",
        "x = [[[0] * 99] * 99] * 99\nwhile True:\n    x = x + x",
        "for a in range(10 ** 9):\n    for b in range(10 ** 9):\n        print(a)",
        "if a:\n x = 1\n" * 3_000,
        "\0\0\0",
        "# -*- coding: nonsense -*-\nx = 1",
        "\ufeffprint 'two'\ntry:\n    pass\nexcept IOError, e:\n    raise ValueError, 'x'\n",
        "from train import *\nimport train\nfrom . import train\nfrom ... import x",
        "x = y = z = lambda: x\n" + "x = x()\n" * 500,
        "import torch\n" + "o = torch.optim.SGD([], lr=0.1) if a else o\n" * 300,
    ],
)  # fmt: skip
def test_strange_scripts_end(tmp_path: Path, text: str) -> None:
    script = tmp_path / "train.py"
    script.write_text(text, encoding="utf-8", errors="surrogatepass")
    ends(script, tmp_path)


@pytest.mark.parametrize("name", ["a.yaml", "a.json", "a.sh", "a.md", "a.txt", "a.yml", "a.png"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"a: &a [*a, *a]\n",
        b"a: [1, 2\n",
        b"{" * 3_000,
        b"a: &x [1]\n" + b"".join(b"b%d: [*x, *x]\n" % n for n in range(2_000)),
        b"python train.py " + b"--lr 1 " * 5_000,
        b"for a in 1 2 3; do\n" * 400 + b"python train.py\n" + b"done\n" * 400,
        b"x=$x$x\n" * 3_000 + b"python train.py --lr $x\n",
        b"```\npython train.py --lr 1\n```\n",
        b"$(rm -rf /) `touch marker`\npython train.py $(touch marker)\n",
    ],
)
def test_strange_configurations_and_commands_end(tmp_path: Path, name: str, data: bytes) -> None:
    script, other = tmp_path / "train.py", tmp_path / name
    script.write_text("import torch\n")
    other.write_bytes(data)
    began = time.process_time()
    for paths in ([other], [script, other]):
        try:
            read_recipe(paths, root=tmp_path)
        except DualtrainError as error:
            assert str(error)
    assert time.process_time() - began < 5
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("seed", range(40))
def test_mutated_notebooks_and_their_folders_end(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    lines = textwrap.dedent(HOSTILE).splitlines(keepends=True)
    lines += [
        "!touch marker\n",
        "%run helper.py\n",
        "x = !touch marker\n",
        "%%bash\n",
        "!python a.py",
    ]
    chance.shuffle(lines)
    cells = [{"cell_type": "code", "source": lines[at : at + 6]} for at in range(0, len(lines), 6)]
    text = json.dumps({"cells": cells}, indent=chance.choice([None, 1]))
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice(WORDS) + text[at + chance.randint(0, 3) :]
    (tmp_path / "helper.py").write_text("import os\nos.system('touch marker')\n")
    (tmp_path / "train.ipynb").write_text(text, encoding="utf-8")
    ends(tmp_path / "train.ipynb", tmp_path)
    ends(tmp_path, tmp_path)
    assert not (tmp_path / "marker").exists()


def test_a_large_folder_is_refused_in_time(tmp_path: Path) -> None:
    for number in range(3_001):
        (tmp_path / f"{number}.txt").touch()
    error = ends(tmp_path, tmp_path)
    assert "holds at most 3000 files; name the script. Received: more" in str(error)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.py", tmp_path / "none.yaml", tmp_path):
        with pytest.raises(DualtrainError, match=path.name):
            read_recipe(path)
