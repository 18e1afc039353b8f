"""What the Trainers' arguments are where nothing is said, by release: data.

Read from the releases of `RELEASES`. Between two of them a default is known where both agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dualtrain.recipes.trainers._releases import numbers

__all__ = ["DEFAULTS", "KINDS", "RELEASES", "Default", "default"]

RELEASES: Mapping[str, tuple[str, ...]] = {
    "transformers": (
        "3.5.1", "4.2.1", "4.4.2", "4.18.0", "4.28.1", "4.40.2", "4.48.3", "4.57.6", "5.0.0",
    ),
    "paddlenlp": ("2.3.4", "2.5.2", "2.6.1", "2.7.2", "2.8.1", "3.0.0"),
    "paddleformers": ("1.2.0",),
}  # fmt: skip

MISSING = object()
"""The release has no such argument."""

_EVERYWHERE: Mapping[str, Any] = {
    "learning_rate": 5e-5,
    "weight_decay": 0.0,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-8,
    "max_grad_norm": 1.0,
    "num_train_epochs": 3.0,
    "max_steps": -1,
    "lr_scheduler_type": "linear",
    "warmup_ratio": 0.0,
    "warmup_steps": 0,
    "seed": 42,
    "bf16": False,
    "fp16": False,
    "fp16_opt_level": "O1",
    "gradient_accumulation_steps": 1,
    "per_device_train_batch_size": 8,
}

_SINCE: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "transformers": {
        "lr_scheduler_type": {"3.5.1": MISSING, "4.2.1": "linear"},
        "warmup_ratio": {"3.5.1": MISSING, "4.4.2": 0.0, "5.0.0": None},
        "warmup_steps": {"3.5.1": 0, "5.0.0": 0.0},
        "bf16": {"3.5.1": MISSING, "4.18.0": False},
        "optim": {"3.5.1": MISSING, "4.18.0": "adamw_hf", "4.40.2": "adamw_torch"},
        "adafactor": {"3.5.1": MISSING, "4.2.1": False, "5.0.0": MISSING},
        "lr_scheduler_kwargs": {"3.5.1": MISSING, "4.40.2": None},
        "label_smoothing_factor": {"3.5.1": MISSING, "4.2.1": 0.0},
        "per_gpu_train_batch_size": {"3.5.1": None, "5.0.0": MISSING},
        # What a release does, in the words of a recipe.
        "decay_exclude": {
            "3.5.1": ("bias", "LayerNorm.weight"),
            "4.4.2": None,
            "4.57.6": ("bias", "layernorm", "rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"),
        },
        "decay_match": {
            "3.5.1": "substring",
            "4.4.2": "norm_class_or_bias",
            "4.57.6": "norm_class_or_regex",
        },
        "optimizer_class": {"3.5.1": "transformers.AdamW", "4.40.2": "torch.optim.AdamW"},
        "length": {
            "3.5.1": "ceil(epochs * max(len(loader) // accumulate, 1))",
            "4.57.6": "ceil(epochs * max(ceil(len(loader) / accumulate), 1))",
        },
        "warmup_rounding": {"3.5.1": "up"},
        "normalise": {"3.5.1": "micro_mean", "4.48.3": "token_mean of causal models"},
    },
    "paddlenlp": {
        "num_train_epochs": {"2.3.4": 3.0, "2.8.1": 1.0},
        "bf16": {"2.3.4": MISSING, "2.5.2": False},
        "optim": {"2.3.4": "adamw"},
        "scale_loss": {"2.3.4": 32768.0},
        "num_cycles": {"2.3.4": MISSING, "2.6.1": 0.5},
        "lr_end": {"2.3.4": MISSING, "2.6.1": 1e-7},
        "power": {"2.3.4": MISSING, "2.6.1": 1.0},
        "decay_exclude": {"2.3.4": ("bias", "norm")},
        "decay_match": {"2.3.4": "substring"},
        "optimizer_class": {"2.3.4": "paddle.optimizer.AdamW"},
        "length": {"2.3.4": "int(epochs * max(len(loader) // accumulate, 1))"},
        "warmup_rounding": {"2.3.4": "down"},
    },
    "paddleformers": {
        "num_train_epochs": {"1.2.0": 1.0},
        "optim": {"1.2.0": "adamw"},
        "scale_loss": {"1.2.0": 32768.0},
        "num_cycles": {"1.2.0": 0.5},
        "lr_end": {"1.2.0": 1e-7},
        "power": {"1.2.0": 1.0},
        "min_lr": {"1.2.0": 0.0},
        "decay_steps": {"1.2.0": None},
        "decay_exclude": {"1.2.0": ("bias", "norm")},
        "decay_match": {"1.2.0": "substring"},
        "optimizer_class": {"1.2.0": "paddle.optimizer.AdamW"},
        "length": {"1.2.0": "int(epochs * max(len(loader) // accumulate, 1))"},
        "warmup_rounding": {"1.2.0": "down"},
    },
}

DEFAULTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    family: {
        **{name: {RELEASES[family][0]: value} for name, value in _EVERYWHERE.items()},
        **changes,
    }
    for family, changes in _SINCE.items()
}
"""Family -> argument -> the release it is read from first -> the default from there on."""

_WHOLE = "max_steps warmup_steps seed gradient_accumulation_steps per_device_train_batch_size"
_WORDS = "lr_scheduler_type fp16_opt_level optim"

KINDS: Mapping[str, type] = {
    **dict.fromkeys(("bf16", "fp16", "adafactor"), bool),
    **dict.fromkeys([*_WHOLE.split(), "per_gpu_train_batch_size", "decay_steps"], int),
    **dict.fromkeys(_WORDS.split(), str),
    "lr_scheduler_kwargs": dict,
}
"""What an argument takes, of those that take no fraction."""


@dataclass(frozen=True, slots=True)
class Default:
    """A default, and of which release; unknown where `why` says why."""

    value: Any
    of: str
    why: str = ""

    @property
    def missing(self) -> bool:
        """The release has no such argument."""
        return self.value is MISSING


def default(family: str, release: str | None, name: str) -> Default:
    """What an argument is that nothing sets, in a release; None: in a release that is not named.

    >>> default("paddlenlp", "2.5.1", "num_train_epochs")
    Default(value=3.0, of='paddlenlp 2.5.1', why='')
    >>> default("paddlenlp", None, "num_train_epochs").why
    'paddlenlp has 3.0 up to 2.7.2 and 1.0 from 2.8.1; which release is meant is not said'
    """
    history = DEFAULTS[family].get(name, {RELEASES[family][0]: MISSING})
    read = RELEASES[family]
    if release is None:
        of = f"{family} {read[0]}" + (f" to {read[-1]}" if len(read) > 1 else "")
        agreed = _agreed(history.values())
        if len(agreed) == 1:
            return Default(agreed[0], of)
        return Default(None, of, f"{_told(family, history)}; which release is meant is not said")
    below = [one for one in read if numbers(one) <= numbers(release)]
    above = [one for one in read if numbers(one) >= numbers(release)]
    of = f"{family} {release}"
    if not below:
        return Default(None, of, f"{_told(family, history)}; {release} is older than what was read")
    agreed = _agreed(_from(history, one) for one in (below[-1], *above[:1]))
    if len(agreed) > 1:
        return Default(None, of, f"{_told(family, history)}; {release} lies between")
    return Default(agreed[0], of)


def _agreed(values: Iterable[Any]) -> list[Any]:
    """The values that differ; an argument that is not there yet does what its default does."""
    found = list[Any]()
    for value in values:
        if value not in found:
            found.append(value)
    return [value for value in found if value is not MISSING] or [MISSING]


def _from(history: Mapping[str, Any], release: str) -> Any:
    return [value for since, value in history.items() if numbers(since) <= numbers(release)][-1]


def _told(family: str, history: Mapping[str, Any]) -> str:
    read, parts = RELEASES[family], list[str]()
    starts = list(history)
    for number, since in enumerate(starts):
        value = "no such argument" if history[since] is MISSING else history[since]
        last = number + 1 == len(starts)
        ends = f"from {since}" if last else f"up to {read[read.index(starts[number + 1]) - 1]}"
        parts.append(f"{value} {ends}")
    return f"{family} has {' and '.join(parts)}"
