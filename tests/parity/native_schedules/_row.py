"""One row of the table, and the words that rows share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

UPDATES = 400
"""T of every row, and the horizon where a row gives none."""

PADDLE = "paddle.optimizer.lr"
PADDLENLP = "paddlenlp.transformers.optimization"
PADDLENLP_OPS = "paddlenlp.ops.optimizer.lr"
PADDLENLP_TRAINER = "paddlenlp.trainer.trainer_utils"
TORCH = "torch.optim.lr_scheduler"
TORCH_SWA = "torch.optim.swa_utils"
TRANSFORMERS = "transformers.optimization"


Expected = Literal["exact", "rounded", "different", "refused"]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A native class or function, and the arguments that a user gives beside the optimizer."""

    module: str
    name: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        given = ", ".join(f"{name}={_shown(value)}" for name, value in self.arguments.items())
        return f"{self.name}({given})"


def _shown(value: Any) -> str:
    match value:
        case list():
            return f"[{', '.join(map(_shown, value))}]"
        case float():
            return f"{value:g}"
        case str():
            return repr(value)
        case _:
            return str(value)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One native schedule; `spec` is empty where it is refused."""

    call: Call
    spec: Mapping[str, Any] = field(default_factory=dict)
    """The parts of a spec: schedule, warmup, horizon."""
    lr: float
    """The spec's `optimizer.lr`."""
    momentum: float | None = None
    """The optimizer is SGD with this momentum, not AdamW, and the momentum is compared too."""
    expected: Expected = "exact"
    """exact: equal at every t, 0 ULP; rounded: equal but for rounding; different: not the same
    rule; refused: the spec cannot say it."""
    because: str = ""
    """Why it is not exact; empty if it is."""
    past: str = ""
    """What the native object does past the horizon, where the spec does another thing."""


LAMBDA = "holds Python code; a spec holds none"
BASE = "the base class of the others; it has no rate of its own"
RECURSIVE = "each rate is computed from the last one, so its rounding adds up"
ANGLE = "rounds the cosine's angle in another order"
RATIO = "takes the ratio itself; in the spec it is min_lr / lr, rounded"
CLIMBS = "climbs again; the spec stays at the end"
RAISES = "goes on falling for an update, then raises; the spec stays at the end"
BETA = "with an Adam it cycles the first beta; Paddle's Adams keep products of theirs"

WHOLE_RATE: Mapping[str, Any] = {
    "expected": "rounded",
    "because": "computes the rate as a whole; the plan multiplies the base rate by a factor",
}


def parts(
    schedule: Mapping[str, Any] | None,
    warmup: Mapping[str, Any] | None = None,
    horizon: int | None = None,
) -> dict[str, Any]:
    given = {"schedule": schedule, "warmup": warmup, "horizon": horizon}
    return {name: part for name, part in given.items() if part is not None}


def plateau(patience: int = 10, cooldown: int = 0) -> dict[str, Any]:
    """The defaults of torch and Paddle, which agree here."""
    return {
        "name": "reduce_on_plateau",
        "mode": "min",
        "factor": 0.1,
        "patience": patience,
        "threshold": 1e-4,
        "threshold_mode": "rel",
        "cooldown": cooldown,
        "min_lr": 0.0,
        "eps": 1e-8,
    }
