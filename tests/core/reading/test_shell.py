"""A shell script is read as bash would run it: bash itself says which words the program gets."""

from __future__ import annotations

import subprocess

import pytest

from dualtrain.reading import commands

SCRIPTS = {
    "a variable set above": "lr=5e-5\npython run.py --lr $lr --seed ${seed:-42}",
    "quotes": """name="a b"
        python run.py --name "$name" '$name' "it's" a\\ b --x=$name --y="$name" """,
    "flags in a variable": 'more="--fp16 --epochs 3"\npython run.py $more x$more',
    "an array": 'args=(--lr 1e-4\n  # a remark\n  --name "a b")\nargs+=(--fp16)\n'
    'python run.py "${args[@]}"',
    "items of an array": "a=(x 'y z' w)\nfor i in ${a[@]} \"${a[1]}\"; do python run.py $i; done\n"
    'python run.py ${a[2]} ${a[7]:-no} "${a[0]}"',
    "arithmetic": "b=8 n=4\npython run.py --batch $((b * n)) --half $((b/3)) --rest $((-7 % 3))",
    "lines that go on": "python run.py \\\n  --lr 1e-4 \\\n  --seed 1  # the seed\n",
    "a comment between": "python run.py --lr 1e-4 \\\n  # --seed 1 \\\n\npython run.py --seed 2",
    "a later value": "lr=1\nlr=2\npython run.py $lr\nlr=3",
    "one that adds": 'more="--a 1"\nmore+=" --b 2"\npython run.py $more',
    "a loop": "for lr in 1e-5 2e-5; do\n  for s in 1 2\n  do python run.py $lr $s; done\ndone",
    "a loop over a list": 'rates="1e-5 3e-5"\nfor r in $rates; do python run.py $r; done',
    "a function": 'go() {\n  local lr=$1; shift\n  python run.py --lr $lr "$@"\n}\n'
    "go 1e-4 --x 1\ngo 2",
    "a pipe, a file, a background": "python run.py --a 1 2>&1 | tee log\n"
    "python run.py b >> log 2>&1 &",
    "several on a line": "cd . && python run.py a; python run.py b || true",
    "a group": "( lr=3; python run.py $lr )\n{ python run.py x; }",
    "a here-document": "cat <<'END' > /dev/null\npython run.py no\nEND\npython run.py yes",
    "a default that is set": "python run.py ${lr:=1e-3}\npython run.py $lr ${lr:+set} ${no:+set}",
    "an empty word": "python run.py --suffix \"\" --x ''",
    "the end": "python run.py a\nexit 0\npython run.py b",
    "a hash inside": "python run.py a#b '#c' # d",
    "a rate exported": "export lr=2e-5\nlr2=$lr\npython run.py $lr2",
    "a condition that is known": (
        "t=b; n=2\n"
        "if [ $t = a ]; then lr=1; elif [ $n -gt 1 ]; then lr=2; python run.py x; else lr=3; fi\n"
        'if [ -z "$no" ]; then python run.py $lr; fi; if [ ! $t = b ]; then python run.py y; fi'
    ),
    "a case that is known": "for t in a b cc d; do\ncase $t in\n a|b) lr=1;;\n c*) lr=2 ;;\n"
    " *) python run.py other; lr=3;;\nesac\npython run.py $t $lr\ndone",
    "a wrapper": "CUDA_VISIBLE_DEVICES=0 python run.py a\nenv X=1 python run.py b",
}


def of_bash(script: str) -> list[list[str]]:
    """What a `python` gets that says its words, and what `env` hands on."""
    say = 'python() { printf "%s\\0" "$@"; printf "\\1\\0"; }\nenv() { shift 2; python "$@"; }\n'
    ran = subprocess.run(
        ["bash", "-c", say + script.replace(" | tee log", "").replace(">> log 2>&1 &", "")],
        capture_output=True,
        check=True,
        env={},
    )
    runs = ran.stdout.decode().split("\1\0")[:-1]
    return [run.removesuffix("\0").split("\0") for run in runs]


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_the_words_are_those_of_bash(script: str) -> None:
    found = commands(script, "run.sh")

    assert [list(command.words) for command in found] == of_bash(script)
    assert [dict(command.unresolved) for command in found] == [{}] * len(found)


UNKNOWN = {
    "not set": ("python run.py --lr $lr", "the variable lr is not set in the file"),
    "of the call": ("python run.py --lr $1", "argument 1 of the shell script is not given"),
    "of a command": ("d=$(date)\npython run.py --lr $d", "a command decides it: $(date)"),
    "of a condition": (
        "if [ $n = 1 ]; then lr=1; else lr=2; fi\npython run.py --lr $lr",
        "the variable lr depends on [ $n = 1 ]",
    ),
    "of a case": (
        "case $t in\n  a) lr=1;;\n  b|c) lr=2;;\nesac\npython run.py --lr $lr",
        "the variable lr depends on $t",
    ),
    "counted": (
        "lr=1\nwhile true; do python run.py --lr $lr; lr=$((lr + 1)); done",
        "the variable lr changes in a loop",
    ),
    "of a user": ("python run.py --lr <your_rate>", "<your_rate> stands for what a user has"),
    "of a user's choice": ("python run.py --lr <a|b>", "<a|b> stands for what a user has"),
    "of a choice in braces": (
        "python run.py --lr {1 | 2} --seed 3",
        "{1 | 2} stands for what a user has",
    ),
    "described in braces": (
        "python run.py --lr {path of the rates} --seed 3",
        "{path of the rates} stands for what a user has",
    ),
    "read": ("read lr\npython run.py --lr $lr", "the variable lr is read while the script runs"),
    "files": ("for f in *.txt; do python run.py --lr $f; done", "a loop goes over *.txt"),
    "an expansion": ("f=a.b\npython run.py --lr ${f%.b}", "an expansion decides it: ${f%.b}"),
}


@pytest.mark.parametrize(("script", "why"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_only_a_run_knows_is_unresolved(script: str, why: str) -> None:
    [command] = commands(script, "run.sh")

    assert command.unresolved == {2: why}


def test_both_sides_of_a_condition_are_there_with_it() -> None:
    found = commands("if [ $n = 1 ]; then python a.py; else python b.py; fi\npython c.py", "r.sh")

    assert [(one.words[0], one.when) for one in found] == [
        ("a.py", "[ $n = 1 ]"),
        ("b.py", "not [ $n = 1 ]"),
        ("c.py", ""),
    ]


def test_the_place_of_a_word_is_the_line_that_decides_it() -> None:
    [command] = commands("lr=5e-5\n\npython run.py \\\n  --lr $lr \\\n  --seed 7", "a/run.sh")

    assert [str(place) for place in command.places] == [
        "a/run.sh:3", "a/run.sh:4", "a/run.sh:1", "a/run.sh:5", "a/run.sh:5",
    ]  # fmt: skip


def test_arguments_passed_on_are_noted_or_given() -> None:
    text = 'python run.py --lr 1 \\\n  "$@"'
    [unknown], [given] = commands(text, "r.sh"), commands(text, "r.sh", ["--seed", "3"])

    assert unknown.words == ("run.py", "--lr", "1")
    assert unknown.notes == ('line 2: further arguments are passed on: "$@"',)
    assert given.words == ("run.py", "--lr", "1", "--seed", "3")


def test_a_flag_that_the_shell_cuts_off_is_noted() -> None:
    [command] = commands("python run.py --lr 1 \\\n # a remark\n --seed 1", "r.sh")

    assert command.words == ("run.py", "--lr", "1")
    assert command.notes == ("line 3: --seed begins a line; the shell ends the command before it",)


def test_a_blank_after_the_backslash_is_read_on_and_noted() -> None:
    [command] = commands("python run.py --lr 1 \\ \n --seed 1", "r.sh")

    assert command.words == ("run.py", "--lr", "1", "--seed", "1")
    assert command.notes == ("line 1: a blank after the backslash; read on, as meant",)


@pytest.mark.parametrize(
    "text",
    [
        "f() { f; f; }\nf",
        "while a; do " * 60,
        "for x in 1 2 3; do " * 60 + "python run.py; " + "done; " * 60,
        "if a; then " * 500,
        "(" * 5000,
        "echo $($($(" * 2000,
        "python run.py 'never closed",
        'python run.py "${x:-"${y',
        "case x in",
        "for",
        "function",
        "done fi esac ) } ;;\npython run.py",
        "x=(((\n" * 300,
        "a@" + "b" * 100_000,
        "python run.py " + "<a " * 20_000,
        "python run.py a\n" * 20_000,
        "python\xa0run.py \ufeff",
    ],
    ids=lambda text: text[:20],
)
def test_any_text_comes_to_an_end(text: str) -> None:
    assert len(commands(text, "run.sh")) <= 2001
