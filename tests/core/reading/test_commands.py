"""Commands of pages and under launchers, and which of several is the recipe."""

from __future__ import annotations

import pytest

from dualtrain.reading import choose, commands

LAUNCHED = {
    "python -u train.py --lr 1": ("train.py", False),
    "python3.8 -W ignore train.py --lr 1": ("train.py", False),
    "/usr/bin/python ./a/train.py --lr 1": ("./a/train.py", False),
    "python -m pack.train --lr 1": ("pack.train", True),
    "python -m paddle.distributed.launch --gpus 0,1 train.py --lr 1": ("train.py", False),
    "python -m paddle.distributed.launch --log_dir=log --devices 0 train.py --lr 1": (
        "train.py",
        0,
    ),
    "torchrun --standalone --nproc_per_node=2 train.py --lr 1": ("train.py", False),
    "torchrun --nproc_per_node 2 -m pack.train --lr 1": ("pack.train", True),
    "python -m torch.distributed.launch --nproc_per_node 4 train.py --lr 1": ("train.py", False),
    "python -m torch.distributed.run --nnodes 1 --module pack.train --lr 1": ("pack.train", True),
    "accelerate launch --config_file a.yaml train.py --lr 1": ("train.py", False),
    "deepspeed --num_gpus 2 train.py --lr 1": ("train.py", False),
    "CUDA_VISIBLE_DEVICES=0,1 nohup python train.py --lr 1": ("train.py", False),
    "srun -p gpu --gres=gpu:1 python train.py --lr 1": ("train.py", False),
    "mpirun -np 4 python train.py --lr 1": ("train.py", False),
    "bash train.sh --lr 1": ("train.sh", False),
    "./train.sh --lr 1": ("./train.sh", False),
    "nohup bash train.sh --lr 1 &": ("train.sh", False),
    "./train.py --lr 1": ("./train.py", False),
    "python $script --lr 1": ("$script", False),
}


@pytest.mark.parametrize(("line", "program"), LAUNCHED.items(), ids=LAUNCHED)
def test_launchers_are_taken_off(line: str, program: tuple[str, bool]) -> None:
    [command] = commands(line, "run.sh")

    assert command.words == (program[0], "--lr", "1")
    assert command.module == bool(program[1])


@pytest.mark.parametrize(
    "line",
    ["pip install x", "git clone a/train.py", "python -c 'import x'", "python", "torchrun", "echo"],
)
def test_what_starts_no_program_is_no_command(line: str) -> None:
    assert commands(line, "run.sh") == []


def test_environment_is_what_is_exported_or_stands_before() -> None:
    [command] = commands("export A=1\nB=2\nC=3 python train.py", "run.sh")

    assert command.environment == {"A": "1", "C": "3"}


PAGE = """# Training

    $ export RATE=3e-5

Run `python quick.py --lr 1` for a look, or

```shell
$ python train.py \\
    --lr $RATE
>>> not a command
```

```python
python = "python other.py"
```

~~~
(env) user@host:~/x$ python eval.py
!python cell.py
~~~
"""


def test_a_page_is_read_block_by_block() -> None:
    found = commands(PAGE, "README.md")

    assert [(str(one.place), one.words) for one in found] == [
        ("README.md:5", ("quick.py", "--lr", "1")),
        ("README.md:8", ("train.py", "--lr", "3e-5")),
        ("README.md:18", ("eval.py",)),
        ("README.md:19", ("cell.py",)),
    ]


TEMPLATE = """```bash
python run.py \\
  --task={a | b} --data_dir {path to the data} \\
  --do_train [--fp16] [--seed SEED] \\
  --lr 2e-5 ...
```
"""


def test_a_template_is_read_to_its_end() -> None:
    [command] = commands(TEMPLATE, "README.md")

    task, data = "--task={a | b}", "{path to the data}"
    assert command.words == ("run.py", task, "--data_dir", data, "--do_train", "--lr", "2e-5")
    assert set(command.unresolved) == {1, 3}
    assert command.notes == ("line 5: further arguments are passed on: ...",)


def test_braces_of_a_shell_are_no_template() -> None:
    text = "{ python a.py --gpus {0,1}; }\nf() { python b.py; }\nf\n[ -d x ] || python c.py\n"

    assert [one.words[0] for one in commands(text, "run.sh")] == ["a.py", "b.py", "c.py"]
    assert all(not one.unresolved for one in commands(text, "run.sh"))


@pytest.mark.parametrize(
    "block", ["$ python run.py --lr 1", "# train\n!CUDA=1 python run.py --lr 1"]
)
def test_a_command_is_one_whatever_its_block_is_called(block: str) -> None:
    [command] = commands(f"```python\n{block}\n```\n", "README.md")

    assert command.words == ("run.py", "--lr", "1")


def test_a_given_command_has_no_lines() -> None:
    [command] = commands("python train.py --lr 1", "the command line")

    assert str(command.place) == "the command line"


@pytest.mark.parametrize(
    ("entry", "seed"),
    [
        ("a/train.py", "1"),
        ("b/train.py", "2"),
        ("pack/tool.py", "3"),
        ("pack/run/__main__.py", "4"),
    ],
)
def test_the_command_of_an_entry_is_the_one_whose_path_agrees_most(entry: str, seed: str) -> None:
    text = (
        "python a/train.py --seed 1\ncd b\npython ./train.py --seed 2\n"
        "python -m pack.tool --seed 3\npython -m pack.run --seed 4\n"
    )
    found = choose(commands(text, "run.sh"), entry)

    assert found is not None
    assert found.flags()["--seed"].value == seed


def test_no_command_of_another_program_is_chosen() -> None:
    assert choose(commands("python eval.py", "run.sh"), "train.py") is None


@pytest.mark.parametrize(
    "other", ["--do_eval", "--do_predict true", "--eval", "--mode test", "--do_train False --x"]
)
def test_of_several_the_one_that_trains_is_chosen(other: str) -> None:
    text = f"python run.py --lr 1 {other}\npython run.py --do_train --do_eval --lr 2"
    found = choose(commands(text, "run.sh"), "run.py")

    assert found is not None
    assert found.flags()["--lr"].value == "2"
    assert found.notes == ("of 2 commands the one at run.sh:2; others: run.sh:1",)


def test_overrides_tell_which_of_several() -> None:
    text = "python run.py --lr 1e-4 --task a\npython run.py --lr 0.0003 --task b"
    found = choose(commands(text, "run.sh"), "run.py", {"lr": 3e-4})

    assert found is not None
    assert found.flags()["--task"].value == "b"
