"""Write docs/optimizers.md: every optimizer's rule, its native classes, and how far they part.

python -m docs.make_optimizer_table

The rules are the spec's own words, classes and defaults are read from the installed frameworks,
and the distances are measured now, in 1,000 updates each, in about half a minute. A short form is
tests/parity/test_optimizers.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import paddle
import torch

import dualtrain_paddle
import dualtrain_torch
from dualtrain import Spec, build_optimizer
from dualtrain.optimizers import RULES
from tests.parity.recorded_gradients import BARS, CASES, WIDER, Distance, distance, spec_of

PAGE = Path(__file__).with_name("optimizers.md")
UPDATES = 1000

HEAD = f"""\
# The optimizers

Written by `python -m docs.make_optimizer_table` with torch {torch.__version__.partition("+")[0]}
and paddlepaddle {paddle.__version__}; do not edit.

In every rule w is a weight, g its gradient after unscaling and clipping, lr the rate of update t
(`lr_at(t)` times the parameter's multiplier), wd its weight decay, and k = t + 1. Coupled decay is
added to the gradient after clipping: g + wd w stands wherever a rule says g.

Both sides get the same {UPDATES:,} recorded gradients, each element's of its own size between 1e-8
and 1, a tenth of them 0, and a rate that falls along a cosine. A distance is
max |paddle - torch| / max |torch - initial| after the last update. In float64 every hyperparameter
is rounded to float32 first: Paddle's kernels do so anyway, and what is left is the formula.

- **exact**: all elements equal to the last bit, in both types.
- **rounding**: the same formula, at most {BARS["float32"]:.0e} apart in float32,
  {BARS["float64"]:.0e} in float64.
- **different**: another formula, which dualtrain does not use.

asgd is refused: torch averages weights (Polyak), Paddle averages gradients over batches. Paddle
2.6 lacks nadam, radam, rprop and amsgrad; there they are refused.

"""

# optimizer -> torch's class, Paddle's class, field -> its name in each
Names = tuple[str, str]
BETAS = {"betas": ("betas", "beta1, beta2")}
EPS = {"eps": ("eps", "epsilon")}
AMSGRAD = {"amsgrad": ("amsgrad", "amsgrad")}
NATIVE: dict[str, tuple[str | None, str, dict[str, Names]]] = {
    "sgd": ("SGD", "SGD", {}),
    "momentum": (
        "SGD",
        "Momentum",
        {"momentum": ("momentum", "momentum"), "nesterov": ("nesterov", "use_nesterov")},
    ),
    "adam": ("Adam", "Adam", BETAS | EPS | AMSGRAD),
    "adamw": ("AdamW", "AdamW", BETAS | EPS | AMSGRAD),
    "lamb": (None, "Lamb", BETAS | EPS),
    "adagrad": (
        "Adagrad",
        "Adagrad",
        EPS | {"initial_accumulator": ("initial_accumulator_value", "initial_accumulator_value")},
    ),
    "adadelta": ("Adadelta", "Adadelta", {"rho": ("rho", "rho")} | EPS),
    "adamax": ("Adamax", "Adamax", BETAS | EPS),
    "nadam": ("NAdam", "NAdam", BETAS | EPS | {"momentum_decay": ("momentum_decay",) * 2}),
    "radam": ("RAdam", "RAdam", BETAS | EPS),
    "rmsprop": (
        "RMSprop",
        "RMSProp",
        {"rho": ("alpha", "rho")}
        | EPS
        | {"momentum": ("momentum", "momentum"), "centered": ("centered", "centered")},
    ),
    "rprop": (
        "Rprop",
        "Rprop",
        {"etas": ("etas", "etas"), "step_sizes": ("step_sizes", "learning_rate_range")},
    ),
}
LR = {"lr": ("lr", "learning_rate")}


def _rmsprop(spec: Spec, model: Any) -> Any:
    made: Any = spec.optimizer
    return torch.optim.RMSprop(model.parameters(), lr=made.lr, alpha=made.rho, eps=made.eps)


def _adamax(spec: Spec, model: Any) -> Any:
    made: Any = spec.optimizer
    return torch.optim.Adamax(model.parameters(), lr=made.lr, betas=made.betas, eps=made.eps)


NOT_USED: dict[str, tuple[str, Callable[[Spec, Any], Any]]] = {
    "rmsprop": ("torch.optim.RMSprop against Paddle", _rmsprop),
    "adamax": ("torch.optim.Adamax against Paddle", _adamax),
}
"""The case whose numbers it gets -> what torch's own class would come to, and how it is made."""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(section(part) for part in members()) + "".join(vanishing())


def members() -> tuple[type[Any], ...]:
    """The spec's optimizers, in its order."""
    return RULES


def section(part: type[Any]) -> str:
    """One optimizer: rule, classes, defaults, distances."""
    (name,) = get_args(part.model_fields["name"].annotation)
    cases = [case for case in CASES if case.split(", ")[0] == name]
    used = " and ".join(f"`{label}`" for label in classes(cases[0]))
    lines = [f"## {name}\n\n{inspect.cleandoc(part.__doc__ or '')}\n\nUsed: {used}.\n\n"]
    lines += defaults(name)
    lines.append("| measured | float32 | float64 | class |\n|---|---|---|---|\n")
    for case in cases:
        lines.append(measured(case, case, None))
        if case in NOT_USED:
            lines.append(measured(case, *NOT_USED[case]))
    reasons = {reason for (case, _), (_, reason) in WIDER.items() if case in cases}
    lines += [
        f"\nIn float64 further apart than rounding: {reason}.\n" for reason in sorted(reasons)
    ]
    return "".join(lines) + "\n"


def classes(case: str) -> Iterator[str]:
    """What the live optimizers of both sides are."""
    spec = spec_of(case, 1)
    made = type(build_optimizer(spec, dualtrain_torch.build_linear(2, 2)))
    own = made.__module__.startswith("dualtrain_torch")
    yield f"{made.__module__ if own else 'torch.optim'}.{made.__name__}"
    made = type(build_optimizer(spec, dualtrain_paddle.build_linear(2, 2)))
    yield f"paddle.optimizer.{made.__name__}"


def defaults(name: str) -> Iterator[str]:
    """The native defaults side by side, bold where they differ."""
    of_torch, of_paddle, fields = NATIVE[name]
    sides = (of_torch and getattr(torch.optim, of_torch), getattr(paddle.optimizer, of_paddle))
    heads = (f"torch, `{of_torch}`" if of_torch else "torch has none", f"Paddle, `{of_paddle}`")
    yield f"| default | {heads[0]} | {heads[1]} |\n|---|---|---|\n"
    for field, names in (LR | fields).items():
        shown = [default(cls, own) for cls, own in zip(sides, names, strict=True)]
        differ = None not in sides and shown[0] != shown[1]
        cells = [f"**{text}**" if differ else text for text in shown]
        yield f"| {field} | {cells[0]} | {cells[1]} |\n"
    yield "\n"


def default(cls: Any, names: str) -> str:
    """The default of one argument, or of several that are one field here."""
    if cls is None:
        return ""
    known = inspect.signature(cls).parameters
    values = [known[name].default for name in names.split(", ")]
    if values == [inspect.Parameter.empty]:
        return "required"
    flat = values[0] if isinstance(values[0], (tuple, list)) else values
    return ", ".join(str(v).lower() if isinstance(v, bool) else f"{float(v):g}" for v in flat)


def measured(case: str, label: str, instead: Callable[[Spec, Any], Any] | None) -> str:
    """A row: the distance in both types, and the class."""
    single = distance(case, "float32", UPDATES, instead=instead)
    double = distance(case, "float64", UPDATES, instead=instead)
    kind = "different" if instead is not None else class_of(single, double)
    return f"| {label} | {single.relative:.1e} | {double.relative:.1e} | {kind} |\n"


def class_of(single: Distance, double: Distance) -> str:
    """exact, or rounding; what is neither does not pass the tests."""
    return "exact" if single.equal == double.equal == 1.0 else "rounding"


PRODUCTS = (1e-5, 1e-6, 5e-7, 1e-7, 5e-8, 3.1e-8, 2.9e-8, 1e-8)


def vanishing() -> Iterator[str]:
    """What float32 leaves of a small decoupled decay: AdamW, gradients of 0."""
    updates = 2000
    yield f"""\
## Weight decay that float32 cannot hold

AdamW multiplies a weight by 1 - lr wd. torch rounds that factor to float32, Paddle each weight less
lr wd of it. How much 10,000 weights shrink (their median) in {updates:,} updates with gradients of
0; up to lr wd = 2^-25 = 3.0e-8 nothing does. `dualtrain plan` notes a spec below 1e-6.

| lr wd | exactly | torch | Paddle |
|---|---|---|---|
"""
    for product in PRODUCTS:
        exact = -np.expm1(updates * np.log1p(-product))
        cells = []
        for backend in (dualtrain_torch, dualtrain_paddle):
            shrunk = shrinking(backend, product, updates)
            cells.append(f"{shrunk:.3g} ({shrunk / exact - 1:+.1%})")
        yield f"| {product:.1e} | {exact:.3g} | {cells[0]} | {cells[1]} |\n"


def shrinking(backend: Any, product: float, updates: int) -> float:
    """By what share the median weight shrinks, at lr wd = product."""
    changes: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": product * 100},
        "schedule": {"name": "constant"},
        "duration": {"updates": updates},
        "weight_decay": {"value": 0.01},
    }
    weights = np.random.RandomState(0).randn(100, 100).astype(np.float32)
    model = backend.build_linear(100, 100)
    backend.load_weights(model, {"weight": weights, "bias": np.ones(100, np.float32)})
    optimizer = build_optimizer(Spec(**changes), model)
    for parameter in model.parameters():
        parameter.grad = (0 * parameter).detach()
    for _ in range(updates):
        optimizer.step()
    return float(1 - np.median(backend.dump_weights(model)["weight"] / weights))


def stated() -> dict[str, tuple[float, float, str]]:
    """What the page says of each case: float32, float64, class."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    classes = ("exact", "rounding", "different")
    return {
        row[0].strip(): (float(row[1]), float(row[2]), row[3])
        for row in rows
        if len(row) == 4 and row[3] in classes
    }


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
