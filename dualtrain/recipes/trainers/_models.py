"""The attributes of a Trainer's arguments that a program reads and nothing sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dualtrain.reading import Event, Instance, Known, Made, Origin, Value
from dualtrain.reading._machine import Machine, Model
from dualtrain.recipes.trainers._defaults import DEFAULTS, default
from dualtrain.recipes.trainers._releases import release_of

__all__ = ["trainer_models"]

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
        model = _model(_defaults(family, release))
        models |= {path + end: model for path in classes for end in ("", ".__init__")}
    return models


def _defaults(family: str, release: str | None) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for name in DEFAULTS[family]:
        one = default(family, release, name)
        if name not in _RULES and not one.missing and not one.why:
            origin = Origin(f"library default of {one.of}", None, f"--{name}")
            found[name] = Known(one.value, origin)
    return found


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
