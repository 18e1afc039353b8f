"""`paddle.Model`: a training whose loop is the library's."""

from __future__ import annotations

from typing import Any

from dualtrain.reading import DictValue, Event, Known, ListValue, Made, Value
from dualtrain.recipes._configured import configured
from dualtrain.recipes._found import found, implied, number, stated
from dualtrain.recipes._record import ABSENT, Found, Hazard
from dualtrain.recipes._seen import Part, Seen, inside
from dualtrain.recipes.loops._batches import batch_size_of, sizes_of
from dualtrain.recipes.loops._operators import operators_of
from dualtrain.recipes.loops._scaler import moves
from dualtrain.recipes.schedules._driving import driving, is_schedule, rate
from dualtrain.recipes.schedules._stepping import callback_clock

__all__ = ["hapi_part"]

FIT = (
    "train_data",
    "eval_data",
    "batch_size",
    "epochs",
    "eval_freq",
    "log_freq",
    "save_dir",
    "save_freq",
    "verbose",
    "drop_last",
    "shuffle",
    "num_workers",
    "callbacks",
    "accumulate_grad_batches",
    "num_iters",
)
PREPARE = ("optimizer", "loss", "metrics", "amp_configs")
LIBRARY = "paddle.Model"


def hapi_part(seen: Seen) -> Part:
    """Length, batches, accumulation, precision and the schedule's clock of `fit`; empty where the
    program calls none.

    `fit` steps the schedule after each batch unless a callback says otherwise, updates at the last
    batch of an epoch too, and does not divide an accumulated loss.
    """
    part, fit = Part(), _method(seen, "fit")
    if fit is None:
        return part
    words = {**dict(zip(FIT, fit.args, strict=False)), **fit.kwargs}
    fields = part.fields
    for name, word in (("epochs", "epochs"), ("accumulate", "accumulate_grad_batches")):
        said = words.get(word)
        fields[name] = implied(1, LIBRARY, fit.place) if said is None else found(configured(said))
    fields["batch_size"] = _batch_size(words, fit)
    limit = words.get("num_iters", Known(None))
    none = isinstance(limit, Known) and limit.value is None
    fields["max_steps"] = ABSENT if none else found(configured(limit))
    fields["scheduler_step"] = _scheduler_step(seen, words, fit) or ABSENT
    fields["amp"] = _amp(seen, fit)
    if isinstance(fields["amp"].value, dict):
        cells = _amp_cells(seen)
        fields["loss_scale"] = moves(cells) or ABSENT
        fields["float32_operators"] = operators_of(fit, cells) or ABSENT
        if fields["scheduler_step"].value == "per_batch":
            fields["on_skip"] = stated("advance", fit.place, "computed")
    steps = number(configured(words["accumulate_grad_batches"])) if _accumulates(words) else None
    if steps is not None and steps > 1:
        text = f"fit() sums the losses of {steps} batches, it does not divide them"
        fields["normalise"] = stated("sum", fit.place, "computed")
        hazard = Hazard("accum_loss_not_divided", fit.place, text, "batch.normalise")
        part.hazards.append(hazard)
    return part


def _accumulates(words: dict[str, Value]) -> bool:
    return "accumulate_grad_batches" in words


def _method(seen: Seen, name: str) -> Event | None:
    """The call of a model's method that is entered, before one that is not."""
    calls = [one for one in seen.calls(name) if one.path.endswith(f"Model.{name}")]
    mine = [one for one in calls if one.path.startswith(("paddle.", "hapi."))]
    return next((one for one in mine if one.context.real), mine[0] if mine else None)


def _batch_size(words: dict[str, Value], fit: Event) -> Found:
    data = words.get("train_data")
    if isinstance(data, Made):
        size = next(sizes_of(data), None)
        if size is not None:
            return size if isinstance(size, Found) else batch_size_of(size)
    given = words.get("batch_size")
    return implied(1, LIBRARY, fit.place) if given is None else batch_size_of(given)


def _scheduler_step(seen: Seen, words: dict[str, Value], fit: Event) -> Found | None:
    given = rate(seen)
    decays = isinstance(given, Made) and "decay" in given.path.lower()
    if driving(seen) is None and not is_schedule(given) and not decays:
        return None
    told = callback_clock(seen)
    if told is not None and any(one is told[1] for one in inside(words.get("callbacks", Known(0)))):
        when, made = told
        if when is None:
            return Found(None, "unknown", made.place, why="the callback's clock is not told")
        return stated(when, made.place)
    return stated("per_batch", fit.place, "computed", "fit() steps the schedule by itself")


def _precision(seen: Seen) -> Value | None:
    """What `prepare` is given as `amp_configs`."""
    prepare = _method(seen, "prepare")
    if prepare is None:
        return None
    return {**dict(zip(PREPARE, prepare.args, strict=False)), **prepare.kwargs}.get("amp_configs")


def _amp_cells(seen: Seen) -> dict[str, Value]:
    given = _precision(seen)
    cells = given.cells if isinstance(given, DictValue) else {}
    return {key: one for key, one in cells.items() if isinstance(key, str)}


def _amp(seen: Seen, fit: Event) -> Found:
    prepare, given = _method(seen, "prepare"), _precision(seen)
    inputs = isinstance(given, ListValue)  # of an old release, which has no precision
    if given is None or inputs or (isinstance(given, Known) and given.value in (None, "O0")):
        return Found(
            "off", "stated", fit.place, "computed", None, "prepare() is given no precision"
        )
    cells = given.cells if isinstance(given, DictValue) else {"level": given}
    level = configured(cells.get("level", Known("O1")))
    if not isinstance(level, Known):
        return found(level)
    scale = cells.get("init_loss_scaling")
    first = number(configured(scale)) if scale is not None else None
    setting: dict[str, Any] = {
        "dtype": "float16",
        "level": level.value,
        "init_loss_scaling": None if first is None else float(first),
    }
    return stated(
        setting if level.value != "O0" else "off", prepare.place if prepare else fit.place
    )
