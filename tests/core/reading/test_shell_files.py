"""A script that starts or sources others: bash itself says which words the program gets."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dualtrain.reading import commands

CASES: dict[str, Mapping[str, str]] = {
    "sourced": {"run.sh": "source set.sh\npython run.py --lr $lr", "set.sh": "lr=3e-5\n"},
    "sourced by a dot": {"run.sh": ". ./set.sh\npython run.py $lr", "set.sh": "lr=3e-5\n"},
    "a later value wins": {
        "run.sh": "lr=1\n. ./set.sh\npython run.py $lr\nlr=9\npython run.py $lr",
        "set.sh": "lr=${lr}e-5\npython run.py inside\n",
    },
    "started with arguments": {
        "run.sh": 'lr=1\nbash go.sh --a $lr "b c"\npython run.py after',
        "go.sh": 'python run.py "$@" $1 ${lr:-none}\n',
    },
    "what is exported": {
        "run.sh": "export lr=2e-5\nseed=3\nbatch=8 sh go.sh\npython run.py ${batch:-gone} $lr",
        "go.sh": "python run.py $lr ${seed:-none} $batch\nlr=7\nexport lr\n",
    },
    "through several": {
        "run.sh": "export x=1\nbash a.sh\nbash a.sh two",
        "a.sh": "bash b.sh $1 $x\n",
        "b.sh": "python run.py $@\n",
    },
    "in a loop": {
        "run.sh": "for lr in 1e-5 2e-5; do bash go.sh $lr; done",
        "go.sh": "python run.py --lr $1\n",
    },
    "from a folder": {
        "run.sh": "cd sub\nbash go.sh\n",
        "sub/go.sh": "source ../set.sh\npython run.py $lr\n",
        "set.sh": "lr=4\n",
    },
}


def reader(files: Mapping[str, str]) -> Callable[[str], tuple[str, str] | None]:
    def opens(path: str) -> tuple[str, str] | None:
        name = os.path.normpath(path)
        return (files[name], name) if name in files else None

    return opens


@pytest.mark.parametrize("files", CASES.values(), ids=CASES)
def test_the_words_are_those_of_bash(files: Mapping[str, str], tmp_path: Path) -> None:
    say = tmp_path / "bin" / "python"
    say.parent.mkdir()
    say.write_text('#!/bin/bash\nprintf "%s\\0" "$@"; printf "\\1\\0"\n')
    say.chmod(0o755)
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    search = f"{say.parent}:{os.defpath}"
    ran = subprocess.run(
        ["bash", "run.sh"], cwd=tmp_path, capture_output=True, check=True, env={"PATH": search}
    )
    runs = [one.removesuffix("\0").split("\0") for one in ran.stdout.decode().split("\1\0")[:-1]]

    found = commands(files["run.sh"], "run.sh", [], reader(files))

    own = [list(one.words) for one in found if one.words[0].endswith(".py")]
    assert own == runs and len(own) > 0


def test_a_place_is_in_the_file_that_decides_the_word() -> None:
    files = {
        "run.sh": "source set.sh\nn=2\nexport lr n\nbash go.sh --seed 3",
        "set.sh": "# rates\nlr=1e-4",
        "go.sh": "\npython run.py $lr $n $@ --x",
    }
    found = commands(files["run.sh"], "run.sh", [], reader(files))[-1]
    assert [str(one) for one in found.places] == [
        *("go.sh:2", "set.sh:2", "run.sh:2", "run.sh:4", "run.sh:4", "go.sh:2")
    ]
    assert str(found.place) == "go.sh:2"


@pytest.mark.parametrize("how", ["source run.sh", "bash run.sh", "bash $script", "bash ../no.sh"])
def test_what_cannot_be_followed_is_passed_over(how: str) -> None:
    files = {"run.sh": f"{how}\npython run.py --lr 1"}
    found = commands(files["run.sh"], "run.sh", None, reader(files))
    assert [one.words for one in found][-1] == ("run.py", "--lr", "1")


def test_a_page_s_lines_of_flags_belong_to_the_command_above() -> None:
    text = "python run.py \n  --lr 1e-5 \n  --seed 3\n"
    [page] = commands(f"```shell\n{text}```\n", "README.md")
    assert page.words == ("run.py", "--lr", "1e-5", "--seed", "3")
    assert [one.line for one in page.places] == [2, 3, 3, 4, 4]
    assert "line 3: --lr begins a line; read on, as meant" in page.notes
    [script] = commands(text, "run.sh")  # as bash has it
    assert script.words == ("run.py",) and "the shell ends the command" in script.notes[0]
