"""What an optimizer of Paddle says of its rate before anything moves it."""

from __future__ import annotations

from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._values import Known, Made, Unknown, Value

__all__ = ["MODELS"]

MOVED = ("set_lr", "set_lr_scheduler", "set_state_dict", "set_dict")
OPTIMIZERS = (
    *("SGD", "Momentum", "Adam", "AdamW", "Adamax", "Adagrad", "Adadelta", "RMSProp", "Lamb"),
    *("NAdam", "RAdam", "Rprop", "ASGD"),
)


def _rate(machine: Machine, event: Event) -> Value | None:
    of = event.receiver
    if not isinstance(of, Made) or machine.context.loops:
        return None
    for one in machine.events:
        if one.receiver is of and one.name in MOVED:
            return None
    rate = of.kwargs.get("learning_rate", of.args[0] if of.args else None)
    return rate if isinstance(rate, (Known, Unknown)) else None


MODELS: dict[str, Model] = {f"paddle.optimizer.{name}.get_lr": _rate for name in OPTIMIZERS}
