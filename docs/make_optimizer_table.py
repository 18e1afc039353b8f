"""Write docs/optimizers.md: every optimizer's rule, its native classes, and how far they part.

python -m docs.make_optimizer_table

The rules are the records' own words, classes and defaults those of the table `dualtrain.native`,
and the distances are measured now, in 1,000 updates each, in about half a minute. A distance that
stands there stays, unless the new one is of another order. A short form is
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
from benchmarks.recorded_gradients import BARS, CASES, WIDER, Distance, Dtype, distance, spec_of
from benchmarks.stated import kept
from dualtrain import Spec, build_optimizer
from dualtrain.native import REQUIRED, Row
from dualtrain.native.optimizers import NATIVE_OPTIMIZERS, arguments_for, driving_row, words_of
from dualtrain.optimizers import RULES

PAGE = Path(__file__).with_name("optimizers.md")
UPDATES = 1000

HEAD = f"""\
# The optimizers

Written by `python -m docs.make_optimizer_table` with torch {torch.__version__.partition("+")[0]}
and paddlepaddle {paddle.__version__}; do not edit.

In every rule w is a weight, g its gradient after unscaling and clipping, lr the rate of update t
(`lr_at(t)` times the parameter's multiplier), wd its weight decay, and k = t + 1. Coupled decay is
added to the gradient after clipping: g + wd w stands wherever a rule says g. Decoupled decay of a
rule that does not say it (measured as "decay apart") comes before the step, as AdamW's does:
w = w (1 - lr wd), then the rule. torch's NAdam and RAdam have it; elsewhere the rule itself is
computed, in both frameworks' tensors.

Both sides get the same {UPDATES:,} recorded gradients, each element's of its own size between 1e-8
and 1, a tenth of them 0, and a rate that falls along a cosine. A distance is
max |paddle - torch| / max |torch - initial| after the last update, on one machine; another rounds
otherwise. In float64 every hyperparameter is rounded to float32 first: Paddle's kernels do so
anyway, and what is left is the formula.

- **exact**: all elements equal to the last bit, in both types.
- **rounding**: the same formula, at most {BARS["float32"]:.0e} apart in float32,
  {BARS["float64"]:.0e} in float64.
- **different**: another formula, which dualtrain does not use.

asgd is refused: torch averages weights (Polyak), Paddle averages gradients over batches. Paddle
2.6 lacks nadam, radam, rprop and amsgrad; there the rule itself is computed.

"""


def rows_of(name: str, library: str) -> list[Row]:
    """The rows of one rule, of one framework."""
    return [
        row
        for row in NATIVE_OPTIMIZERS.rows
        if row.library == library and row.means.get("optimizer.name") == name
    ]


def _other(row: Row) -> tuple[str, Callable[[Spec, Any], Any]]:
    native = getattr(torch.optim, row.name.rpartition(".")[2])

    def build(spec: Spec, model: Any) -> Any:
        return native(model.parameters(), **arguments_for(native, row, words_of(spec.optimizer)))

    return f"{row.name} against Paddle", build


NOT_USED = {
    row.means["optimizer.name"]: _other(row)
    for row in NATIVE_OPTIMIZERS.rows
    if row.equal == "different"
}
"""The case whose numbers it gets -> what torch's own class would come to, and how it is made."""


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


STATED = stated()


def page() -> str:
    """The whole page."""
    parts = (*map(section, RULES), *refused(), *vanishing())
    return HEAD + "".join(parts)


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
    row = driving_row("paddle", spec.optimizer)  # each is a subclass of dualtrain's
    yield f"dualtrain_paddle.optimizers.{made.__name__}" if row is None else row.name


def defaults(name: str) -> Iterator[str]:
    """The native defaults side by side, bold where they differ, with names of their own."""
    sides = [next(iter(rows_of(name, library)), None) for library in ("torch", "paddle")]
    heads = [
        f"{title}, `{row.name.rpartition('.')[2]}`" if row else f"{title} has none"
        for title, row in zip(("torch", "Paddle"), sides, strict=True)
    ]
    yield f"| default | {heads[0]} | {heads[1]} |\n|---|---|---|\n"
    (rule,) = (rule for rule in RULES if name in get_args(rule.model_fields["name"].annotation))
    said = [f"optimizer.{field}" for field in rule.model_fields if field != "name"]
    for path in (*said, "weight_decay.value"):
        word = "weight decay" if path == "weight_decay.value" else path.rpartition(".")[2]
        shown = ["" if row is None else default(row, path) for row in sides]
        differ = None not in sides and shown[0] != shown[1]
        cells = [
            (f"**{text}**" if differ else text) + ("" if row is None else called(row, path))
            for row, text in zip(sides, shown, strict=True)
        ]
        if any(cells):
            yield f"| {word} | {cells[0]} | {cells[1]} |\n"
    yield "\n"


def default(row: Row, path: str) -> str:
    """The default of one argument, or of several that are one field here."""
    arguments = [argument for argument in row.arguments.values() if path in argument.words]
    values = [argument.default for argument in arguments]
    if values == [REQUIRED]:
        return "required"
    flat = values[0] if values and isinstance(values[0], tuple) else values
    return ", ".join(shown_value(value) for value in flat)


def shown_value(value: Any) -> str:
    """As a spec would write it; None is Paddle's for no decay."""
    return str(value).lower() if isinstance(value, bool) else f"{float(value or 0):g}"


def called(row: Row, path: str) -> str:
    """What the arguments are called, where the field is called otherwise."""
    names = [name for name, argument in row.arguments.items() if path in argument.words]
    known = path.rpartition(".")[2] if path.startswith("optimizer.") else "weight_decay"
    return "" if names in ([], [known]) else f" (`{', '.join(names)}`)"


def refused() -> Iterator[str]:
    """What a spec cannot say."""
    yield "## Not in a spec\n\n| class | why |\n|---|---|\n"
    for row in NATIVE_OPTIMIZERS.rows:
        if row.equal == "refused":
            yield f"| `{row.name}` | {row.because} |\n"
    yield "\n"


def measured(case: str, label: str, instead: Callable[[Spec, Any], Any] | None) -> str:
    """A row: the distance in both types, and the class."""
    single = distance(case, "float32", UPDATES, instead=instead)
    double = distance(case, "float64", UPDATES, instead=instead)
    kind = "different" if instead is not None else class_of(label, single, double)
    numbers = told(case, label, (single, double))
    return f"| {label} | {' | '.join(f'{number:.1e}' for number in numbers)} | {kind} |\n"


def class_of(label: str, single: Distance, double: Distance) -> str:
    """exact, or rounding; what is neither does not pass the tests.

    Without fused multiply-add, say, all elements may be equal; what the page has as rounding stays.
    """
    rounds = label in STATED and STATED[label][2] == "rounding"
    return "exact" if single.equal == double.equal == 1.0 and not rounds else "rounding"


def told(case: str, label: str, found: tuple[Distance, Distance]) -> Iterator[float]:
    """The distances as the page says them, in float32 and in float64."""
    before = STATED.get(label, (None, None))[:2]
    for dtype, new, old in zip(get_args(Dtype), found, before, strict=True):
        bar, _ = WIDER.get((case, dtype), (BARS[dtype], ""))
        yield kept(new.relative, old, rounding=bar)


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


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
