"""The attributes of a Trainer's arguments that a program reads and nothing sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dualtrain.reading import Event, Instance, Known, Made, Origin, Value
from dualtrain.reading._machine import Machine, Model
from dualtrain.recipes.trainers._defaults import DEFAULTS, default
from dualtrain.recipes.trainers._releases import release_of

__all__ = ["OWN", "trainer_models"]

CLASSES: Mapping[str, tuple[str, ...]] = {
    "transformers": (
        "transformers.TrainingArguments",
        "transformers.training_args.TrainingArguments",
        "transformers.Seq2SeqTrainingArguments",
        "transformers.training_args_seq2seq.Seq2SeqTrainingArguments",
    ),
    "paddlenlp": (
        "paddlenlp.trainer.TrainingArguments",
        "paddlenlp.trainer.training_args.TrainingArguments",
        "paddlenlp.trainer.Seq2SeqTrainingArguments",
        "paddlenlp.trainer.CompressionArguments",
        "paddlenlp.trainer.AutoTrainingArguments",
    ),
    "paddleformers": (
        "paddleformers.trainer.TrainingArguments",
        "paddleformers.trainer.training_args.TrainingArguments",
    ),
}
"""Family -> its classes of arguments that share the defaults."""

OWN: Mapping[str, Mapping[str, Any]] = {
    "paddlenlp.trainer.CompressionArguments": {"warmup_ratio": 0.1},
}
"""What a class of arguments has otherwise, in all releases."""

_RULES = (
    "decay_exclude",
    "decay_match",
    "optimizer_class",
    "length",
    "warmup_rounding",
    "normalise",
)


def trainer_models(root: Path, near: str) -> dict[str, Model]:
    """What making a Trainer's arguments gives: an object with the release's defaults.

    `root` is the repository, `near` the folder of the entry within it.
    """
    models: dict[str, Model] = {}
    for family, classes in CLASSES.items():
        release = release_of(root, family, near).value
        shared = _defaults(family, release)
        for path in classes:
            own = {name: Known(value, _of(path, name)) for name, value in OWN.get(path, {}).items()}
            models |= dict.fromkeys((path, f"{path}.__init__"), _model({**shared, **own}))
    return models


def _defaults(family: str, release: str | None) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for name in DEFAULTS[family]:
        one = default(family, release, name)
        if name not in _RULES and not one.missing and not one.why:
            found[name] = Known(one.value, _of(one.of, name))
    return found


def _of(library: str, name: str) -> Origin:
    return Origin(f"library default of {library}", None, f"--{name}")


def _model(defaults: Mapping[str, Known]) -> Model:
    def model(machine: Machine, event: Event) -> Value | None:
        made = event.receiver if event.name == "__init__" else event.result
        if isinstance(made, Made | Instance):
            for name, value in defaults.items():
                if name not in made.cells:
                    given = event.kwargs.get(name, value)
                    machine.write(made.cells, name, given)
        return Known(None) if event.name == "__init__" else made

    return model
