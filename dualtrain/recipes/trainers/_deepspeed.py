"""What a DeepSpeed configuration takes out of a Trainer's hands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dualtrain.reading import Node
from dualtrain.recipes._record import Found

__all__ = ["under_deepspeed"]

_ADAMS = ("adamw", "adam")
_OF_A_SCHEDULE = ("schedule", "warmup", "warmup_unit", "num_cycles", "power", "end_lr")
_OF_AN_OPTIMIZER = ("optimizer", "betas", "eps", "weight_decay")


def under_deepspeed(
    fields: Mapping[str, Found], named: Found, tree: Node | None
) -> dict[str, Found]:
    """The fields where the Trainer is given a DeepSpeed file: `named`, with what it says if known.

    Without its sections `optimizer` and `scheduler` the Trainer's own apply. Numbers in them are
    `auto` or the Trainer's, or it refuses to start.
    """
    if tree is None:
        why = f"the DeepSpeed file {named.value} may have an optimizer and a scheduler; look there"
        doubted = _unknown(fields, (*_OF_A_SCHEDULE, *_OF_AN_OPTIMIZER), named, why)
        return {**fields, **doubted}
    found = dict(fields) | _scaled(fields, tree)
    scheduler = tree.get("scheduler.type")
    if scheduler is not None:
        why = f"DeepSpeed's {scheduler.value} applies; its rise is logarithmic by default"
        place = replace(named, place=scheduler.place)
        found |= _unknown(fields, _OF_A_SCHEDULE, place, why)
    optimizer = tree.get("optimizer.type")
    if optimizer is not None:
        place = replace(named, place=optimizer.place, flag="optimizer.type")
        if str(optimizer.value).lower() not in _ADAMS or tree.get("optimizer.params.adam_w_mode"):
            why = f"DeepSpeed's {optimizer.value} applies; look at its own rule"
            found |= _unknown(fields, _OF_AN_OPTIMIZER, place, why)
        elif "optimizer" in found:
            how = "configuration"
            found["optimizer"] = replace(place, value="adamw", certainty="stated", how=how)
    return found


def _scaled(fields: Mapping[str, Found], tree: Node) -> dict[str, Found]:
    """The first loss scale of float16: `loss_scale`, or where that is 0, which moves it, 2 to the
    `initial_scale_power`. What is no number leaves the field as it is."""
    amp = fields.get("amp")
    if amp is None or not isinstance(amp.value, dict) or amp.value["dtype"] != "float16":
        return {}
    fixed, power = tree.get("fp16.loss_scale"), tree.get("fp16.initial_scale_power")
    scale = fixed.value if fixed is not None else 0
    taken, first = fixed, scale
    if scale == 0 and power is not None and power.value in range(128):
        taken, first = power, 2.0 ** int(power.value)
    if taken is None or not isinstance(first, int | float) or first <= 0:
        return {}
    why = f"the first scale is of {taken.place}, which DeepSpeed applies"
    return {"amp": replace(amp, value={**amp.value, "init_loss_scaling": first}, why=why)}


def _unknown(
    fields: Mapping[str, Found], names: tuple[str, ...], at: Found, why: str
) -> dict[str, Found]:
    doubt = Found(None, "unknown", at.place, "", at.flag, why)
    return {name: doubt for name in names if name in fields}
