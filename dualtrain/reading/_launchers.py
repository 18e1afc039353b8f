"""Which program a command starts, under launchers, and with which arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["started"]

_PYTHON = re.compile(r"(?:ipython|python|pypy|pythonw)[\d.]*(?:\.exe)?")
_SHELL = frozenset({"bash", "sh", "zsh", "source", "."})
_WRAPPERS = re.compile(
    "nohup|time|exec|sudo|env|srun|stdbuf|nice|taskset|numactl|mpirun|mpiexec|horovodrun|poetry|uv"
    "|pipenv|conda|xvfb-run|setsid|timeout|command|coverage|kernprof|unbuffer"
)
_LAUNCHERS = frozenset({"torchrun", "accelerate", "deepspeed", "fleetrun", "torchx", "composer"})
_LAUNCHING_MODULES = re.compile(
    r"paddle\.distributed(\.fleet)?\.launch|torch\.distributed\.(launch|run)|torch\.distributed"
    r"\.launcher.*|accelerate\.commands\.launch|deepspeed(\.launcher\.runner)?|cProfile|pdb|debugpy"
    r"|coverage|kernprof|trace|line_profiler|memory_profiler|torchx\.cli"
)
_TAKE_A_WORD = frozenset({"-W", "-X", "--check-hash-based-pycs"})


def started(words: Sequence[str]) -> tuple[int, bool] | None:
    """Where in a command the program is that runs, and whether it is named as a module.

    None where no Python program or shell script is started. What follows it are its arguments.

    >>> started("python -m paddle.distributed.launch --gpus 0,1 run.py --lr 1e-4".split())
    (5, False)
    >>> started("torchrun --nproc_per_node 4 -m glue.run --lr 1e-4".split())
    (4, True)
    >>> started(["pip", "install", "torch"])
    """
    first = _first(words)
    if first is None:
        return None
    name = _base(words[first])
    if name.endswith((".py", ".sh")):
        return first, False
    if name in _SHELL:
        return _after_options(words, first + 1)
    if name in _LAUNCHERS:
        return _launched(words, first + 1)
    found = _after_options(words, first + 1)
    if found and found[1] and _LAUNCHING_MODULES.fullmatch(words[found[0]]):
        return _launched(words, found[0] + 1)
    return found


def _base(word: str) -> str:
    return word.replace("\\", "/").rsplit("/", 1)[-1]


def _first(words: Sequence[str]) -> int | None:
    """The word that starts something; a wrapper's own options stand before it."""
    wrapped = bool(words) and _WRAPPERS.fullmatch(_base(words[0]))
    for at, word in enumerate(words):
        name = _base(word)
        if _PYTHON.fullmatch(name) or name in _LAUNCHERS or (name in _SHELL and not at):
            return at
        if name.endswith((".py", ".sh")) or (wrapped and name in ("bash", "sh")):
            return at
        if not wrapped:
            return None
    return None


def _after_options(words: Sequence[str], at: int) -> tuple[int, bool] | None:
    """Past the interpreter's options to its program."""
    while at < len(words):
        word = words[at]
        if word == "-m":
            return (at + 1, True) if at + 1 < len(words) else None
        if word in ("-c", "-"):
            return None
        if not word.startswith("-"):
            return at, False
        at += 2 if word in _TAKE_A_WORD else 1
    return None


def _launched(words: Sequence[str], at: int) -> tuple[int, bool] | None:
    """Past a launcher's options, of which some take a word, to the program that it starts."""
    for here in range(at, len(words)):
        if words[here] in ("-m", "--module") and here + 1 < len(words):
            return here + 1, True
        if words[here].endswith((".py", ".sh")) and not words[here].startswith("-"):
            return here, False
    return None
