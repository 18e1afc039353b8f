"""Commands out of shell scripts and READMEs, and which of them is the recipe; none is run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from dualtrain.reading._launchers import started
from dualtrain.reading._markdown import blocks
from dualtrain.reading._node import Node
from dualtrain.reading._notebooks import shell_of
from dualtrain.reading._place import Place
from dualtrain.reading._shell import Opens, Shell, Simple, run

__all__ = ["Command", "choose", "commands", "other_work", "working_folder"]

_PAGES = (".md", ".markdown", ".rst", ".mdx", ".txt")
_OTHER_WORK = re.compile(
    r"--?(?:do_)?(?:eval(?:uate)?|predict|test|infer(?:ence)?|export|help|h|dry_run)(?:_only)?"
)
_OTHER_MODE = re.compile(r"(?:eval(?:uate)?|predict|test|infer(?:ence)?|export|valid(?:ate)?)")


@dataclass(frozen=True, slots=True)
class Command:
    """A program and the arguments it is given, launchers taken off.

    `words[0]` is the program; `places[i]` is the line that decides `words[i]`, for a variable the
    line that sets it.
    """

    words: tuple[str, ...]
    places: tuple[Place, ...]
    place: Place
    module: bool = False
    """`words[0]` is dotted, as after `python -m`."""
    unresolved: Mapping[int, str] = field(default_factory=dict)
    """Of words that only a run knows: their number, and why."""
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    """Where `cd` has led."""
    when: str = ""
    """The condition that it stands under; empty where it always runs."""
    launcher: tuple[str, ...] = ()
    """What stands before the program, such as `torchrun --nproc_per_node 4`."""
    notes: tuple[str, ...] = ()

    def flags(self) -> dict[str, Node]:
        """The last value given for each flag: text, a list of several, or True of a flag alone.

        >>> [one] = commands("python run.py --lr 1e-4 --fp16 --betas 0.9 0.99 --lr=2e-4", "run.sh")
        >>> {name: node.plain() for name, node in one.flags().items()}
        {'--lr': '2e-4', '--fp16': True, '--betas': ['0.9', '0.99']}
        """
        found = dict[str, Node]()
        name, values = "", list[Node]()
        for number, (word, place) in enumerate(zip(self.words, self.places, strict=True)):
            flag = re.match(r"--?[A-Za-z][\w.-]*", word)
            if number and flag:
                name, equals, value = word.partition("=")
                values = [Node(value, place)] if equals else []
                found[name] = Node(True, place)
            elif name:
                values = [*values, Node(word, place)]
            if name and values:
                found[name] = values[0] if len(values) == 1 else Node(values, values[0].place)
        return found


def commands(
    text: str, file: str, arguments: Sequence[str] | None = None, opens: Opens | None = None
) -> list[Command]:
    """The Python programs and shell scripts that a text starts, in order.

    `file` names the text in places; one that ends as a page does (`README.md`) is read block by
    block, of a notebook the lines for a shell, any other as a script of a shell. `arguments` are
    those that the script is called with, where that is known; `opens` gives the text and the name
    of a script that this one starts or sources, by its path, or None.

    >>> text = "lr=5e-5\\npython -m paddle.distributed.launch --gpus 0 run.py --lr $lr --out $OUT"
    >>> [one] = commands(text, "run.sh")
    >>> one.words, str(one.places[2]), one.unresolved
    (('run.py', '--lr', '5e-5', '--out', '$OUT'), 'run.sh:1', {4: 'the variable OUT is not set in the file'})
    """  # noqa: E501
    page = PurePosixPath(file.lower()).suffix in _PAGES
    shell = Shell(opens=opens, pasted=page, files=(file,))
    if file.lower().endswith(".ipynb"):
        run(shell_of(text, file), 1, arguments, shell)
    elif page:
        for block, line in blocks(text):
            run(block, line, arguments, shell)
    else:
        run(text, 1 if "\n" in text or file.endswith(".sh") else 0, arguments, shell)
    found = (_command(simple) for simple in shell.commands)
    return [command for command in found if command is not None]


def _command(simple: Simple) -> Command | None:
    found = started([word.text for word in simple.words])
    if found is None:
        return None
    at, module = found
    words = simple.words[at:]
    return Command(
        tuple(word.text for word in words),
        tuple(Place(word.file or simple.file, word.line) for word in words),
        Place(simple.file, simple.line),
        module,
        {number: word.unknown for number, word in enumerate(words) if word.unknown},
        {name: word.text for name, word in simple.environment.items()},
        simple.folder,
        simple.when,
        tuple(word.text for word in simple.words[:at]),
        tuple(simple.notes),
    )


def choose(
    found: Sequence[Command], entry: str, overrides: Mapping[str, object] | None = None
) -> Command | None:
    """The command that is the recipe of a program; None where none runs it.

    `entry` is the file of the program, such as "examples/run.py". Of several the first that trains
    is taken, or, where `overrides` says values of flags, the first of those that give most of them;
    its notes name the others. What a loop gives several values is unresolved.

    >>> text = "for lr in 1e-5 3e-5; do python run.py --lr $lr --seed 1; done"
    >>> one = choose(commands(text, "sweep.sh"), "examples/run.py")
    >>> one.words, one.unresolved
    (('run.py', '--lr', '1e-5', '--seed', '1'), {2: 'a loop: 1e-5, 3e-5'})
    """
    own = [(score, one) for one in found if (score := _runs(one, entry))]
    best = max((score for score, _ in own), default=0)
    those = [one for score, one in own if score == best]
    training = [one for one in those if not other_work(one)] or those
    if not training:
        return None
    most = max(_said(one, overrides or {}) for one in training)
    first = next(one for one in training if _said(one, overrides or {}) == most)
    looped = [one for one in training if one.place == first.place and len(one.words) > 1]
    others = [str(one.place) for one in those if one.place != first.place]
    notes = [f"of {1 + len(others)} commands the one at {first.place}; others: {', '.join(others)}"]
    return _with(_varying(first, looped), notes if others else [])


def working_folder(command: Command, entry: str) -> str | None:
    """Where a command of the program at `entry` is run; None where its path does not tell.

    >>> [one] = commands("python tools/train.py --config a.yml", "run.sh")
    >>> working_folder(one, "sub/tools/train.py")
    'sub'
    """
    program = command.words[0]
    ends = (".py", "/__main__.py") if command.module else ("",)
    path = program.replace(".", "/") if command.module else program.removeprefix("./")
    for end in ends:
        if entry == path + end:
            return ""
        if entry.endswith(f"/{path}{end}"):
            return entry.removesuffix(f"/{path}{end}")
    return None


def _with(command: Command, notes: Sequence[str]) -> Command:
    return replace(command, notes=(*command.notes, *notes))


def _varying(first: Command, looped: Sequence[Command]) -> Command:
    unresolved = dict(first.unresolved)
    same = [one for one in looped if len(one.words) == len(first.words)]
    for number in range(len(first.words)):
        values = list(dict.fromkeys(one.words[number] for one in same))
        if len(values) > 1:
            unresolved[number] = f"a loop: {', '.join(values)}"
    return replace(first, unresolved=unresolved)


def _runs(command: Command, entry: str) -> int:
    """How many parts of the path agree, from the end; 0 for another program."""
    program = command.words[0]
    if command.module:
        paths = [program.replace(".", "/") + end for end in (".py", "/__main__.py")]
    else:
        paths = [f"{command.folder}/{program}", program]
    return max(_agreement(path, entry) for path in paths)


def _agreement(path: str, entry: str) -> int:
    own = [part for part in re.split(r"[/\\]", path) if part not in ("", ".", "..")]
    theirs = [part for part in re.split(r"[/\\]", entry) if part not in ("", ".", "..")]
    count = 0
    for one, other in zip(reversed(own), reversed(theirs), strict=False):
        if one != other:
            break
        count += 1
    return count


def other_work(command: Command) -> bool:
    """Whether a command asks for something else than training, such as `--do_eval`."""
    flags = command.flags()
    if any(re.fullmatch(r"--?(?:do_)?train", name) for name in flags):
        train = next(
            node for name, node in flags.items() if re.fullmatch(r"--?(?:do_)?train", name)
        )
        return str(train.value).lower() in ("false", "0")
    modes = [str(node.value) for name, node in flags.items() if name in ("--mode", "--phase")]
    asked = [
        name
        for name, node in flags.items()
        if _OTHER_WORK.fullmatch(name) and str(node.value).lower() in ("true", "1")
    ]
    return bool(asked) or any(_OTHER_MODE.fullmatch(mode) for mode in modes)


def _said(command: Command, overrides: Mapping[str, object]) -> int:
    flags = {name.lstrip("-"): node.value for name, node in command.flags().items()}
    return sum(_same(flags[name], value) for name, value in overrides.items() if name in flags)


def _same(given: object, value: object) -> bool:
    if str(given).lower() == str(value).lower():
        return True
    try:
        return float(str(given)) == float(str(value))
    except ValueError:
        return False
