"""What a recipe says, field by field, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from dualtrain.reading import Place

__all__ = ["ABSENT", "FIELDS", "Certainty", "Found", "Hazard", "Recipe"]

Certainty = Literal["stated", "implied", "absent", "unknown"]
"""`stated`: in the recipe's own files or command. `implied`: a library's default applies.
`absent`: the recipe has no such thing, such as the power of a linear schedule. `unknown`: the
recipe decides it, and what it decides cannot be told from its text."""

FIELDS = (
    "optimizer",  # adamw adam sgd momentum lars lamb rmsprop adagrad ...
    "lr",  # the base rate as configured, before any scaling at run time
    "betas",
    "eps",
    "momentum",
    "nesterov",
    "weight_decay",
    "decay_kind",  # decoupled: the class, which adds it to the gradient, is told not to
    "decay_exclude",  # strings of the filter, as they are written
    "decay_match",  # substring regex regex_inverted exact ndim1 substring_or_ndim1 ...
    "schedule",  # linear cosine polynomial constant step piecewise noam ... custom none
    "warmup",
    "warmup_unit",  # steps fraction epochs
    "warmup_start",  # the rate at the first update
    "warmup_peak",  # the rate at its end, where the schedule goes on from another
    "warmup_counted",  # before: the curve begins behind it; inside the length where absent
    "num_cycles",
    "power",
    "end_lr",
    "gamma",
    "step_size",
    "milestones",
    "values",
    "length",  # of the schedule: epochs epochs_over_accumulate max_steps_or_epochs fixed_steps ...
    "horizon",  # that length as a number: updates of fixed_steps, epochs of the others
    "epochs",
    "max_steps",  # -1: no limit
    "overrun",  # updates between max_steps and where the loop ends
    "accumulate",
    "tail",  # flush drop leak: of the micro-batches too few for an update at an epoch's end
    "normalise",  # micro_mean sum token_mean: how their losses are weighed
    "clip",  # {"kind": global_norm | norm | value, "value": c} or "none"
    "clip_rule",  # torch: c / (norm + 1e-6); c / max(norm, c) where absent
    "float32_operators",  # that autocast is told to keep in float32, by neutral names
    "loss_scale",  # how that of float16 moves, where not by default, in the words of a spec
    "on_skip",  # hold advance: what the schedule does where an update is skipped
    "amp",  # {"dtype", "level", "init_loss_scaling"} or "off"
    "amp_if_enabled",  # the same, where a flag that is off turns it on
    "label_smoothing",  # of the cross-entropy that is trained on
    "shift_labels",  # whether the loss takes each position against the label of the next one
    "ema",  # {"decay", "warmup", "start", "statistics"} of moving averages of the weights
    "freeze",  # a list of what stands still
    "seed",
    "batch_size",  # as configured, per process
    "scheduler_step",  # per_batch per_update per_epoch on_eval never
    "param_groups",  # groups with numbers of their own
    "lr_multipliers",  # their rates, as patterns of names
    "own_betas",  # their betas, as patterns of names
)


@dataclass(frozen=True, slots=True)
class Found:
    """A field's value and where it comes from."""

    value: Any = None
    """None where it is absent or unknown; of an unknown that has some known part, that part."""
    certainty: Certainty = "stated"
    place: Place | None = None
    """The line that decides; None of what is absent."""
    how: str = ""
    """`literal`, `flag default`, `command line`, `configuration`, `computed`,
    `library default of paddlenlp 2.8`."""
    flag: str | None = None
    """The flag or key it comes through, such as `--learning_rate`."""
    why: str = ""
    """Of what is unknown: why, and what to look at. Of others a remark, such as the rule of a
    length."""
    scaled: float | None = None
    """Of a rate that is multiplied by a batch size: what it is in the end."""


ABSENT = Found(certainty="absent")


@dataclass(frozen=True, slots=True)
class Hazard:
    """What the recipe does that its author may not have meant."""

    code: str
    """Such as `sched_never_stepped`: a key of `dualtrain.recipes.HAZARDS`."""
    place: Place | None
    text: str
    """What it is, and its effect, in numbers where they are known."""
    mends: str = ""
    """The field of the spec that mends it; empty where none does."""
    ahead: int = 0
    """Of a clock that is shifted: by how many counts, where that is the same at every update."""
    epochs: float | None = None
    """Of a schedule longer than the run: the epochs over which it is laid out."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training recipe says: `dualtrain.read_recipe`."""

    fields: Mapping[str, Found] = field(default_factory=dict)
    """By name, of `FIELDS`; one that is not there is absent."""
    hazards: tuple[Hazard, ...] = ()
    notes: tuple[str, ...] = ()
    """What was read and how: the command taken, files that could not be read."""
    framework: str = ""
    """`torch` or `paddle`; empty where neither is seen."""
    root: Path | None = field(default=None, repr=False, compare=False)
    """The folder from which the places count."""
    training: Any = field(default=None, repr=False, compare=False)
    """The program's training, a `Seen`, where the recipe is of a program with a loop of its own."""

    def __getitem__(self, name: str) -> Found:
        if name not in FIELDS:
            raise KeyError(name)
        return self.fields.get(name, ABSENT)

    def as_run(self) -> Recipe:
        """The recipe with its rates as a batch size scales them."""
        scaled = {name: one for name, one in self.fields.items() if one.scaled is not None}
        run = {name: replace(one, value=one.scaled, scaled=None) for name, one in scaled.items()}
        return replace(self, fields={**self.fields, **run}) if run else self
