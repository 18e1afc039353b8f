"""A training recipe out of its files: scripts, configurations, commands. None of it is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dualtrain.files import read_bytes
from dualtrain.reading import (
    Command,
    Function,
    Known,
    Node,
    Origin,
    Place,
    Program,
    choose,
    commands,
    read_program,
    working_folder,
)
from dualtrain.reading._config_scripts import is_configuration
from dualtrain.reading._data_files import read_data
from dualtrain.reading._source import decoded
from dualtrain.recipes._configured import settings
from dualtrain.recipes._outside import outside
from dualtrain.recipes._paths import (
    RecipeError,
    commands_of,
    reader_of,
    repository_of,
    runner_of,
    script_of,
    sources_of,
)
from dualtrain.recipes._record import ABSENT, FIELDS, Found, Hazard, Recipe
from dualtrain.recipes._seen import Part, Seen, see
from dualtrain.recipes._signatures import is_copied
from dualtrain.recipes.loops._amp import amp_part
from dualtrain.recipes.loops._averages import averages_part
from dualtrain.recipes.loops._batches import batches_part
from dualtrain.recipes.loops._clip import clip_part
from dualtrain.recipes.loops._decoys import decoys_part
from dualtrain.recipes.loops._flag_hazards import flags_part
from dualtrain.recipes.loops._hapi import hapi_part
from dualtrain.recipes.loops._loop import loop_part
from dualtrain.recipes.loops._loss import loss_part
from dualtrain.recipes.loops._order_hazards import order_part
from dualtrain.recipes.parameters._decay import decay_part
from dualtrain.recipes.parameters._freeze import freeze_part
from dualtrain.recipes.parameters._optimizer import optimizer_part
from dualtrain.recipes.schedules._part import schedule_part
from dualtrain.recipes.trainers._models import trainer_models
from dualtrain.recipes.trainers._part import trainer_of, trainer_part
from dualtrain.recipes.trainers._tree import trainer_tree
from dualtrain.recipes.vision import framework_of, vision_recipe

__all__ = ["RecipeError", "read_recipe"]

PARTS: tuple[Callable[[Seen], Part], ...] = (
    schedule_part,
    optimizer_part,
    decay_part,
    clip_part,
    freeze_part,
    hapi_part,
    loop_part,
    batches_part,
    amp_part,
    loss_part,
    averages_part,
    order_part,
    flags_part,
    decoys_part,
)

CONFIG = re.compile(r"(^|[-_])(cfg|conf|config|yaml|opt)([-_]?(file|path|name))?$")
"""Flags by which a script is given its configuration."""

STARTS = re.compile(r"^_?(main|run|train|fit|do_train|finetune)", re.IGNORECASE)
"""Functions that are read although nothing calls them, if nothing else trains."""


LOOP = ("epochs", "accumulate", "amp", "batch_size", "scheduler_step", "length")
"""Fields that a loop has, whatever it is."""


def read_recipe(
    paths: str | Path | Sequence[str | Path],
    *,
    run: str | None = None,
    config: str | Path | None = None,
    root: str | Path | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Recipe:
    """What a training recipe says, with where it says it.

    paths: the script or notebook that trains; a configuration in YAML or JSON; beside a script also
    the shell files and pages that have its command. A page alone, or a folder, stands for the one
    script that it starts, or that trains in it.
    run: the command, such as `"python train.py --lr 1e-4"`.
    config: the configuration that the script is given.
    root: the repository's folder; found from the first path if absent.
    overrides: values of flags, by which one of several commands is chosen; without a command they
    are given themselves.

    Raises RecipeError: nothing there trains; SourceError: a file cannot be read.
    """
    given = [Path(one) for one in ([paths] if isinstance(paths, (str, Path)) else paths)]
    top = Path(root) if root is not None else repository_of(given[0])
    sources = sources_of(given)
    if not sources.scripts:
        if sources.trees:
            return _of_tree(sources.trees[0], top, run, overrides or {})
        sources.scripts.append(script_of(sources.pages, top))
    script = sources.scripts[0]
    if (text := _code(script)) is not None and is_configuration(text, script.name):
        return _of_tree(script, top, run, overrides or {})
    trees = [Path(config)] if config is not None else sources.trees
    command = _command(script, sources.pages, top, run, overrides or {})
    argv = _argv(command, overrides or {})
    folder = _run_from(command, script, top)
    models = trainer_models(top.resolve(), _within(script.parent, top))
    program = read_program(script, top, argv=argv, folder=folder, models=models)
    if trees and command is None:
        more = _config_words(program, trees[0], top)
        if more:
            argv = [*more, *argv]
            program = read_program(script, top, argv=argv, config=trees[0], models=models)
    seen = see(program)
    hazards: list[Hazard] = []
    asked: list[str] = []
    for words in _that_trains(seen):
        given_too = read_program(script, top, argv=[*argv, *words], folder=folder, models=models)
        with_them = see(given_too)
        if any(one.context.real for one in with_them.updates):
            program, seen = given_too, with_them
            asked = [f"it trains only with {words[0].value}: read as if that were given"]
            break
    if not _trains(seen) and command is None:
        other = _runner(script, trees, top, overrides or {})
        if other is not None:
            return other
    if not _trains(seen):
        uncalled = [
            name
            for name, value in program.entry.cells.items()
            if isinstance(value, Function) and STARTS.match(name)
        ]
        if uncalled:
            program = read_program(
                script, top, argv=argv, uncalled=uncalled, folder=folder, models=models
            )
            seen = see(program)
            called = [one for one in program.called if not _installed(top, one)]
            if seen.optimizer is not None and called:
                text = f"nothing calls {', '.join(called)}: the script trains nothing"
                hazards.append(Hazard("train_not_called", Place(program.entry.file, 1), text))
    return _recipe(seen, top, command, hazards, asked)


def _that_trains(seen: Seen) -> Iterator[list[Known]]:
    """Words to try where a training stands behind a switch of the script that is off, such as
    `--do_train`."""
    if not seen.updates or any(one.context.real for one in seen.updates):
        return
    tests = [c.test for c in seen.updates[0].context.conditions if c.taken is False and c.holds]
    off = {one.origin.name: one for test in tests for one in settings(test) if one.value is False}
    origin = Origin("command line", Place("the command line", 0))
    for name, one in off.items():
        if one.origin.how == "flag default" and name.startswith("--"):
            yield [Known(name, origin)]
            yield [Known(name, origin), Known("True", origin)]


def _trains(seen: Seen) -> bool:
    return seen.optimizer is not None or trainer_of(seen) is not None


def _runner(
    script: Path, trees: Sequence[Path], root: Path, overrides: Mapping[str, object]
) -> Recipe | None:
    """The recipe of the program that loads a script which trains nothing by itself, as a command
    says that stands beside it, or in it if it is a notebook; None where there is none."""
    found = runner_of(script, root, trees)
    if found is None:
        return None
    entry, command = found
    models = trainer_models(root.resolve(), _within(entry.parent, root))
    program = read_program(
        entry,
        root,
        argv=_argv(command, overrides),
        folder=_run_from(command, entry, root),
        models=models,
    )
    seen = see(program)
    loads = script.suffix.lower() == ".ipynb" or str(script.resolve()) in program.modules
    return _recipe(seen, root, command, []) if loads and _trains(seen) else None


def _installed(root: Path, name: str) -> bool:
    """Whether a command that the package installs calls a function, as its setup says."""
    for one in ("setup.py", "setup.cfg", "pyproject.toml"):
        try:
            text = decoded(read_bytes(root / one))
        except OSError:
            continue
        if re.search(rf"=\s*['\"]?[\w.]+:{re.escape(name)}\b", text):
            return True
    return False


def _of_tree(path: Path, root: Path, run: str | None, overrides: Mapping[str, object]) -> Recipe:
    """A configuration alone, and what a command changes of it."""
    tree = read_data(path, root)
    given = commands(run, "the command line") if run is not None else []
    words = [
        Node(word, place)
        for command in given[:1]
        for word, place in zip(command.words[1:], command.places[1:], strict=True)
    ]
    for name, value in overrides.items():
        told = ("-o", f"{name}={value}") if "." in name else (f"--{name}", str(value))
        words += [Node(word, Place("the command line", 0)) for word in told]
    found = vision_recipe(tree, lambda name: _code(root / name), words)
    trained = trainer_tree(tree, root, _within(path.parent, root)) if found is None else None
    if trained is not None:
        return trained
    if found is None and run is None and (reader := reader_of(path, root)) is not None:
        script, command = reader
        said = shlex.join(["python", *["-m"][: command.module], *command.words])
        return read_recipe(script, run=said, root=root, overrides=overrides)
    if found is None:
        raise RecipeError(
            f"{path}: a configuration of no repository that is known; give the script that reads "
            "it too"
        )
    fields, hazards = found
    return Recipe(fields, tuple(hazards), (), framework_of(tree), root)


def _code(path: Path) -> str | None:
    """The text of a file of the repository; None where there is none that can be read."""
    try:
        return decoded(read_bytes(path))
    except OSError:
        return None


def _within(path: Path, root: Path) -> str:
    """A file as it is named from the repository's folder."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.name


def _command(
    script: Path,
    pages: Sequence[Path],
    root: Path,
    run: str | None,
    overrides: Mapping[str, object],
) -> Command | None:
    """The command that is the recipe."""
    entry = _within(script, root)
    if run is not None:
        found = commands(run, "the command line")
        return choose(found, entry, overrides) or (found[0] if found else None)
    every = [one for page in pages for one in commands_of(page, _within(page, root), root)]
    return choose(every, entry, overrides)


def _run_from(command: Command | None, script: Path, root: Path) -> str | None:
    """The folder below the root that a script is run from; None where nothing tells."""
    if command is None:
        return None
    folder = working_folder(command, _within(script, root))
    page = (root / command.place.file).parent
    for base in (page / command.folder, page) if folder is None else ():
        if (base / command.words[0]).resolve() == script.resolve():
            return _within(base, root)
    return folder


def _argv(command: Command | None, overrides: Mapping[str, object]) -> list[Known]:
    """The words behind the script's name."""
    if command is not None:
        return [
            Known(word, Origin("command line", place))
            for word, place in zip(command.words[1:], command.places[1:], strict=True)
        ]
    words: list[Known] = []
    origin = Origin("command line", Place("the command line", 0))
    for name, value in overrides.items():
        if value is False:
            continue
        words.append(Known(f"--{name}", origin))
        if value is not True:
            words.append(Known(str(value), origin))
    return words


def _config_words(program: Program, tree: Path, root: Path) -> list[Known]:
    """The words that give a script its configuration: the flag for it, else the first word."""
    try:
        text = tree.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        text = str(tree)
    origin = Origin("command line", Place("the command line", 0))
    flags = [name for name in program.flags.declared if CONFIG.search(name.lstrip("-"))]
    if flags:
        return [Known(flags[0], origin), Known(text, origin)]
    return [Known(text, origin)]


NUMBERS = (
    "lr",
    "eps",
    "momentum",
    "weight_decay",
    "warmup",
    "epochs",
    "max_steps",
    "accumulate",
    "seed",
    "batch_size",
)


def _text(number: Found) -> Found:
    """A number that stays text, as that of a flag without a type does, is none."""
    if not isinstance(number.value, str):
        return number
    why = f"{number.value!r} is text where a number is needed: its flag or key has no type"
    return replace(number, value=None, certainty="unknown", why=why)


OF_A_PHASE = ("optimizer", "lr", "weight_decay", "epochs", "schedule")


def _in_phases(seen: Seen, fields: Mapping[str, Found]) -> dict[str, Found]:
    """What another training says otherwise that the program goes through too, in loops of its own,
    such as one of the head before one of the whole model."""
    mine = {id(one) for update in seen.updates for one in update.context.loops}
    told: dict[str, Found] = {}
    for other in seen.phases:
        loops = {id(one) for update in other.updates for one in update.context.loops}
        if not seen.updates or not seen.updates[0].context.real or loops & mine:
            continue
        each: dict[str, Found] = {}
        for part in (schedule_part, optimizer_part, loop_part):
            each = part(other).fields | each
        for name in OF_A_PHASE:
            first, second = fields.get(name, ABSENT), each.get(name, ABSENT)
            if first.value != second.value:
                why = f"trained in phases: {first.value} in one, {second.value} in another"
                told[name] = Found(None, "unknown", second.place or first.place, why=why)
    return told


def _recipe(
    seen: Seen,
    root: Path,
    command: Command | None,
    hazards: list[Hazard],
    asked: Sequence[str] = (),
) -> Recipe:
    program = seen.program
    fields: dict[str, Found] = {}
    found = list(hazards)
    trainer = trainer_of(seen)
    made_by = (
        [flags_part(seen), decoys_part(seen), trainer_part(seen, trainer, root)]
        if trainer
        else [part(seen) for part in PARTS]
    )
    for made in made_by:
        fields |= {name: one for name, one in made.fields.items() if name not in fields}
        found += made.hazards
    fields |= {name: _text(fields[name]) for name in NUMBERS if name in fields}
    if seen.optimizer is None and trainer is None:
        why = f"no optimizer is seen in {program.entry.file}"
        fields = {name: Found(None, "unknown", why=why) for name in FIELDS} | fields
    elif seen.optimizer is not None and (is_copied(seen.optimizer) or not seen.class_name):
        why = "a class of the program's own, which may move its rate by itself"
        names = ["schedule", "warmup", "warmup_unit", "length"]
        if not seen.class_name:
            why = "a class that is not known, which may move its rate and clip by itself"
            names += ["clip"]
        for name in names:
            if fields.get(name, ABSENT).value in (None, "none"):
                fields[name] = Found(None, "unknown", seen.optimizer.place, why=why)
    elif trainer is None and not seen.updates and fields.get("epochs", ABSENT).value is None:
        why = "the loop that steps the optimizer is not seen"
        unseen = Found(None, "unknown", why=why)
        fields |= {name: unseen for name in LOOP if name not in fields}
        for name in ("clip", "schedule"):  # what such a loop may do
            if fields.get(name, ABSENT).value in (None, "none"):
                fields[name] = unseen
    if trainer is None:
        fields |= _in_phases(seen, fields)
    kind, steps = fields.get("schedule", ABSENT), fields.get("scheduler_step", ABSENT)
    several = kind.certainty == "unknown" and " both move the rate" in kind.why
    if several or (kind.certainty == "unknown" and steps.value is None):
        fields["scheduler_step"] = kind
    found += outside(fields, program.entry.file, root)
    notes = [*asked, *program.notes]
    if command is not None:
        notes = [f"the command is {command.place}", *command.notes, *notes]
    unique = {(one.code, one.place): one for one in found}
    return Recipe(fields, tuple(unique.values()), tuple(notes), seen.framework, root, seen)
