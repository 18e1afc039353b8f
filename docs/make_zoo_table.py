"""Write docs/zoo.md: every model of the zoo trained in both frameworks, 1,000 updates each.

python -m docs.make_zoo_table    # some ten minutes
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import zoo
from dualtrain import fit
from dualtrain.parity import Comparison, compare_files
from dualtrain.trace import Trace, read_trace

PAGE = Path(__file__).with_name("zoo.md")

UPDATES, BATCHES = 1000, 250
RATES = (1e-3, 3e-3, 1e-2)
"""Learning rates whose chaos floor is told; the first is the zoo's own."""
NUDGES = (0, 1, 2)
"""The matrices that are moved by 1 ULP, one at a time, where one chaos floor tells too little."""

Table = list[tuple[str, ...]]

PROSE = """\
# The zoo: 1,000 updates in both frameworks

Written by `make zoo`, from runs that it makes; do not edit. The models are small: two layers (three
in T5's decoder), hidden size 32, those of paddlenlp and of transformers; the convolutional network
with batch normalisation is plain Paddle and plain torch. Same initial weights, same batches. AdamW,
learning rate 1e-3, weight decay 0.1 on all but biases and norms, warmup over a tenth, linear decay,
clipping at a global norm of 1, no dropout; float32 on the CPU, one thread;
{versions}.

All numbers are distances of two runs. *Loss*: the largest difference of an update's loss.
*Weights*: the largest |paddle - torch| / |movement| of a tensor, as in [parity.md](parity.md).
Beside each stands the chaos floor: torch against itself, one weight matrix moved by 1 ULP. The
verdict is that of `dualtrain diff`.

{models}
GPT and LLaMA learn to predict the next token, T5 to say the beginning of a sentence backwards, the
others to classify.

## Why this learning rate

At 1e-3 every model learns, and none magnifies rounding. The higher the rate, the more a run does,
in one framework as in two. The chaos floor of BERT:

{rates}
## Kinks

The derivative of ReLU jumps at 0. In a long run there comes an input so near to 0 that rounding
decides its sign, and from then on the run has parted from every other that rounds otherwise, in
the same framework too. That is a rare event, and one nudge is one sample: this run meets a kink,
that one does not. So T5 has a gated GELU above, as T5 1.1 has, and the convolutional network a
GELU. With ReLU the same training ends apart in torch alone, too:

{kinks}
There `dualtrain diff` objects unless the floor that it was given has met a kink, too. Train such a
model for some fifty updates: that proves its rules as well.
"""

HEADS = {
    "models": ("model", "loss, first and last", "loss", "floor", "weights", "floor", "verdict"),
    "rates": ("learning rate", "loss", "weights"),
    "kinks": ("model", "weights: Paddle against torch", "torch against itself, three times"),
}


def page(versions: str, **tables: Table) -> str:
    """The text with its tables."""
    return PROSE.format(versions=versions, **{name: drawn(name, t) for name, t in tables.items()})


def drawn(name: str, table: Table) -> str:
    """A table."""
    rows = [HEADS[name], ("---",) * len(HEADS[name]), *table]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def stated() -> dict[str, Table]:
    """The tables that the page holds."""
    blocks = PAGE.read_text(encoding="utf-8").split("\n\n")
    tables = [block for block in blocks if block.startswith("| ")]
    return {
        name: [
            tuple(line.strip("| \n").split(" | ")) for line in table.splitlines()[2:] if "|" in line
        ]
        for name, table in zip(HEADS, tables, strict=True)
    }


def measure(folder: Path) -> str:
    """The page, from runs that are made now."""
    models = [compared(name, folder / name) for name in zoo.NAMES]
    versions: dict[str, str] = {}
    for file in (zoo.TORCH, zoo.PADDLE):
        versions |= read_trace(folder / zoo.NAMES[0] / file).header.versions
    rates: Table = []
    for rate in RATES:
        ((loss, weights),) = alone("bert", folder / str(rate), (0,), lr=rate)
        rates.append((f"{rate:g}", f"{loss:.1e}", f"{weights:.1e}"))
    kinks: Table = []
    for name in zoo.KINKED:
        floors = alone(name, folder / f"{name} alone", NUDGES)
        itself = ", ".join(f"{weights:.1e}" for _, weights in floors)
        kinks.append((name, compared(name, folder / name)[4], itself))
    told = ", ".join(f"{name} {text.partition('+')[0]}" for name, text in sorted(versions.items()))
    return page(told, models=models, rates=rates, kinks=kinks)


def compared(name: str, folder: Path) -> tuple[str, ...]:
    """A model's row: trained on both sides, and in torch once more."""
    comparison = zoo.train(name, folder, updates=UPDATES, batches=BATCHES)
    assert comparison.weights is not None
    torch, first = comparison.a, comparison.first
    last = sum(update.loss for update in torch.updates[-20:]) / 20
    numbers = (
        losses_apart(torch, comparison.b),
        losses_apart(torch, read_trace(folder / zoo.AGAIN)),
        weights_apart(comparison),
        comparison.weights.floor,
    )
    return (
        name,
        f"{torch.updates[0].loss:.2f}, {last:.2f}",
        *(f"{number:.1e}" for number in numbers),
        "agrees" if first is None else f"{first.verdict}: {first.stage}",
    )


def alone(
    name: str, folder: Path, nudges: Sequence[int], lr: float = RATES[0]
) -> list[tuple[float, float]]:
    """How far torch is apart from itself by losses and by weights, for each nudged matrix."""
    traces = []
    for matrix in (None, *nudges):
        optimizer = {"name": "adamw", "lr": lr}
        made = zoo.pair(name, updates=UPDATES, batches=BATCHES, optimizer=optimizer)
        model: Any = made.models[0]
        if matrix is not None:
            zoo.nudge(model, matrix)
        output = folder / str(matrix)
        traces.append(output.with_suffix(".jsonl"))
        fit(made.spec, model, made.batches, trace=traces[-1], output=output)
    first, *others = traces
    # Each is its own floor, too.
    comparisons = [compare_files(first, other, floors=[other]) for other in others]
    return [(losses_apart(c.a, c.b), weights_apart(c)) for c in comparisons]


def losses_apart(a: Trace, b: Trace) -> float:
    """The largest difference of an update's loss."""
    return max(abs(x.loss - y.loss) for x, y in zip(a.updates, b.updates, strict=True))


def weights_apart(comparison: Comparison) -> float:
    """The largest update-relative difference of a tensor."""
    assert comparison.weights is not None
    return max(tensor.difference for tensor in comparison.weights.judged)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        PAGE.write_text(measure(Path(temporary)), encoding="utf-8")
