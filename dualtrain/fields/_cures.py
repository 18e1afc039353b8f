"""What to write instead: the way out of a first mistake, from what was written.

`_cure_table.py` has the words of other libraries; here are values of the wrong kind.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping

from pydantic import BaseModel

from dualtrain.fields._cure_table import KEYS, NAMES
from dualtrain.fields._positions import Steps
from dualtrain.fields._trainer_words import NO_WORD

__all__ = ["of_key", "of_list", "of_mapping", "of_name", "of_number", "of_size", "off", "written"]

Parts = dict[str, type[BaseModel]]

ONE_FIELD = {"clip": "global_norm", "ema": "decay", "weight_decay": "value", "batch": "size"}
"""Parts whose bare number means one field."""

OPTIONAL = (
    "amp",
    "clip",
    "ema",
    "freeze",
    "layer_decay",
    "lr_multipliers",
    "own_betas",
    "warmup",
    "weight_decay",
)
"""Parts that a spec need not have."""

OFF = ("0", "disabled", "f32", "false", "float32", "fp32", "no", "none", "null", "o0", "off")
"""What people write for off, in small letters and digits; to YAML 1.2 `no` and `off` are text."""

SEQUENCE = (
    "write a whole number from 1; cycles that do not grow so are phases of "
    "{name: sequential, phases: [{schedule: {name: cosine_annealing, min_lr: ...}, updates: ...}, "
    "...]}"
)
"""Of T_mult, in which both frameworks take whole numbers only."""


def of_key(steps: Steps, value: object, own: Mapping[str, str]) -> str | None:
    """Where an unknown key belongs: `epochs: 3` at the top is `duration: {epochs: 3}`.

    own: the cures that the part itself has.
    """
    *parents, key = [step for step in steps if isinstance(step, str)]
    part = ".".join(parents)
    if part.endswith("schedule"):  # that of a phase, too
        part = "schedule"
    cure = own.get(str(key)) or KEYS.get(part, {}).get(str(key))
    if cure is None and parents:
        cure = KEYS[""].get(str(key))
        if cure is not None and f" {parents[0]}: {{..., {key}: " in cure:
            return None  # it stands there
        if cure is not None and cure.startswith("write") and f" {parents[0]}: " not in cure:
            cure = f"{cure} beside {parents[0]}"
    if cure is None:
        return None
    if off(value) and ("amp:" in cure or "device:" in cure or cure == NO_WORD):
        return "leave it out: that is off without it"
    if "updates: VALUE" in cure and isinstance(value, int) and value < 0:
        return "leave it out"  # max_steps -1 of the trainers means none
    if "epochs: VALUE" in cure and isinstance(value, float):
        value = _whole(value)
    if "amp:" in cure and isinstance(value, str):
        cure = cure.replace("float16", _meant(value, ("float16", "bfloat16")) or "float16")
    if "name: VALUE" in cure and isinstance(value, str):
        value = _name_anywhere(value)
    return cure.replace("VALUE", written(value))


def of_mapping(steps: Steps, value: object, options: Parts) -> str | None:
    """What stands for a part that was written as one value: `warmup: 0.1`."""
    part = next((step for step in reversed(steps) if isinstance(step, str)), "")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value is None and steps:
        return "write its fields on the lines below, indented"
    if part in OPTIONAL and off(value) and not number:
        return f"leave it out: without {part} it is off"
    if part == "warmup" and isinstance(value, str):
        percent = value.strip().endswith("%")
        said = _number(value.strip().removesuffix("%"))
        if said is not None:
            value, number = (said / 100 if percent else said), True
    match part:
        case "warmup" if number:
            assert isinstance(value, (int, float))
            field = "proportion" if 0 < value < 1 else "steps"
            return f"write warmup: {{{field}: {written(_whole(value))}}}"
        case "duration" if number:
            told = written(value)
            return f"write duration: {{epochs: {told}}} or duration: {{updates: {told}}}"
        case "amp" if isinstance(value, (str, bool)):
            dtype = _meant(str(value), ("float16", "bfloat16")) or "float16"
            level = _meant(str(value), ("O1", "O2")) or "O1"
            return f"write amp: {{dtype: {dtype}, level: {level}}}"
        case "loss" if isinstance(value, str):
            return KEYS["loss"]["name"]
        case "freeze" if isinstance(value, (str, list)):
            patterns = value if isinstance(value, list) else [value]
            return f"write freeze: {{patterns: {written(patterns)}}}"
        case _ if part in ONE_FIELD and number:
            return f"write {part}: {{{ONE_FIELD[part]}: {written(value)}}}"
        case _ if isinstance(value, str) and len(options) > 1:
            name = _meant(value, options)
            if name is None:
                return f"write {part}: {{name: ...}}"
            needed = [k for k, f in options[name].model_fields.items() if f.is_required()]
            rest = "".join(f", {key}: ..." for key in needed if key != "name")
            return f"write {part}: {{name: {name}{rest}}}"
    return None


def of_name(value: object, choices: Iterable[str]) -> str | None:
    """The choice that was probably meant: `AdamW` is `adamw`, `fp16` float16."""
    meant = _meant(value, choices) if isinstance(value, str) else None
    return None if meant is None else f"did you mean {meant!r}?"


def of_number(steps: Steps, value: object) -> str | None:
    """What to write for text, a percentage, or a fraction where a number counts."""
    field = _field(steps)
    if field.endswith("schedule.multiplier"):
        return SEQUENCE
    match value:
        case str() if _PLAIN.fullmatch(value.strip()):
            return f"write {value.strip()} without quotes"
        case str() if (number := _number(value)) is not None:  # 1_000 to Python, text to YAML
            return f"write {written(_whole(number))}"
        case str() if value.strip().endswith("%") and _number(value.strip()[:-1]) is not None:
            return f"write {float(value.strip()[:-1]) / 100:g}"
        case float() if not math.isfinite(value):
            return None
        case float() if field == "warmup.steps" and 0 < value < 1:
            return f"write warmup: {{proportion: {written(value)}}}"
        case float() if value.is_integer():
            return f"write {int(value)}"
    return None


def of_size(steps: Steps, value: object) -> str | None:
    """What to write for a number outside its bounds that means something else."""
    field = _field(steps)
    if field.endswith("schedule.multiplier"):
        return SEQUENCE
    if field == "warmup.proportion" and isinstance(value, (int, float)) and value >= 1:
        return f"write steps: {value:g} for so many updates"
    if field == "duration.updates" and value == -1:
        return "write duration: {epochs: ...}"
    return None


def of_list(steps: Steps, value: object) -> str | None:
    """What to write for one thing, or several in one text, where a list is meant."""
    match value:
        case str() if steps[-1] in ("betas", "etas", "step_sizes"):
            return f"write [{', '.join(re.findall(r'[-+.0-9eE]+', value)) or '..., ...'}]"
        case str() if "," in value:
            return f"write {written([part.strip() for part in value.split(',')])}"
        case str() | int():
            return f"write {written([value])}" if steps[-1] != "betas" else None
        case dict() if steps[-1] == "lr_multipliers" and "pattern" in value:
            return "write a list of one, [{pattern: ..., multiplier: ...}]"
        case dict() if steps[-1] == "lr_multipliers":
            pairs = (
                f"{{pattern: {written(k)}, multiplier: {written(v)}}}" for k, v in value.items()
            )
            return f"write [{', '.join(pairs)}]"
    return None


def written(value: object) -> str:
    """A value as YAML has it; `...` for what is no single value."""
    match value:
        case bool():
            return str(value).lower()
        case list() | tuple():
            return f"[{', '.join(map(written, value))}]"
        case str():
            return value if re.fullmatch(r"[\w./*?-]+(?:\.[\w*?-]+)*", value) else repr(value)
        case int() | float():
            return repr(value)
        case _:
            return "..."


def off(value: object) -> bool:
    """Whether a value says that something is not wanted."""
    return value is False or (isinstance(value, str) and _letters(value) in OFF)


def _field(steps: Steps) -> str:
    return ".".join(step for step in steps if isinstance(step, str))


def _meant(value: str, choices: Iterable[str]) -> str | None:
    """Of these choices the one that a name stands for, if it does."""
    by_letters = {_letters(choice): choice for choice in choices}
    letters = _letters(value)
    if letters not in by_letters:  # torch.optim.AdamW
        letters = _letters(value.rpartition(".")[2])
    if letters in by_letters:
        return by_letters[letters]
    known = NAMES.get(letters)
    if known in by_letters.values():
        return known
    near = difflib.get_close_matches(letters, by_letters, n=1, cutoff=0.75)
    return by_letters[near[0]] if near else None


def _name_anywhere(value: str) -> str:
    return NAMES.get(_letters(value), value.lower())


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_PLAIN = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _whole(value: float) -> float:
    return int(value) if value >= 1 and float(value).is_integer() else value
