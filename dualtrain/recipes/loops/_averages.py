"""Moving averages of the weights, beside the weights that train."""

from __future__ import annotations

from typing import Any

from dualtrain.reading import Event, Instance, Known, Made, Value, plain
from dualtrain.recipes._found import described
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes._signatures import given_by

__all__ = ["averages_part"]

AVERAGED = "torch.optim.swa_utils.AveragedModel"
AVERAGED_PARAMETERS = ("model", "device", "avg_fn", "multi_avg_fn", "use_buffers")
BY_DECAY = (
    "torch.optim.swa_utils.get_ema_multi_avg_fn",
    "torch.optim.swa_utils.get_ema_avg_fn",
)

OTHERS = ("modelema", "modelemav2", "modelemav3", "exponentialmovingaverage", "ema")
"""Classes by their names, in whatever library or program: the rule differs from one to the next."""


def averages_part(seen: Seen) -> Part:
    """ema: known for torch's own averages, else that there are some."""
    part = Part()
    for event in seen.program.events:
        if event.kind != "call" or not event.context.real:
            continue
        found = _of_torch(event) if event.path == AVERAGED else _other(event)
        if found is not None:
            part.fields["ema"] = found
            return part
    return part


def _of_torch(event: Event) -> Found | None:
    made = event.result
    if not isinstance(made, Made):
        return None
    given = given_by(AVERAGED_PARAMETERS, made)
    rule = given.get("multi_avg_fn") or given.get("avg_fn")
    words: dict[str, Any] = {"start": "first"}
    if isinstance(rule, Made) and rule.path in BY_DECAY:
        decay = given_by(("decay",), rule).get("decay", Known(0.999))
        try:
            words["decay"] = plain(decay)
        except ValueError:
            return _unknown(event, f"averages that decay by {described(decay)}")
    else:
        return _unknown(event, "averages by a rule of their own, or equal ones of all updates")
    buffers = given.get("use_buffers", Known(False))
    if not isinstance(buffers, Known):
        return _unknown(event, f"averages, of buffers too if {described(buffers)}")
    if buffers.value:
        words["statistics"] = True
    return Found(words, "stated", event.place)


def _other(event: Event) -> Found | None:
    name = event.receiver.of.name if isinstance(event.receiver, Instance) else event.name
    own = isinstance(event.receiver, Instance) and event.name == "__init__"
    if name.lower() not in OTHERS or not (own or isinstance(event.result, Made)):
        return None
    if not own and event.receiver is not None:
        return None
    decay: Value | None = event.kwargs.get("decay") or event.kwargs.get("ema_decay")
    told = "" if decay is None else f", decay {described(decay)}"
    return _unknown(
        event, f"averages of the weights by {name}{told}: see how it begins and warms up"
    )


def _unknown(event: Event, why: str) -> Found:
    return Found(None, "unknown", event.place, why=why)
