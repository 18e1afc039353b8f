"""What a run of dualtrain records whatever comes of it: a stage that lacks it is no proof.

What one side alone lacks is a difference, in the stage that compares it. Of what both lack no
stage would say a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dualtrain.parity import _stages as stages
from dualtrain.parity._finding import Measure
from dualtrain.parity._stages import Stage
from dualtrain.parity._weights import WeightSet
from dualtrain.spec import Spec
from dualtrain.trace import DONE, Trace

__all__ = ["missing"]


@dataclass(frozen=True)
class _Owed:
    """A thing that a trace has if its run was made as its header says."""

    what: str
    owed: Callable[[Trace, Spec], bool]
    there: Callable[[Trace], bool]


def _of_a_task(trace: Trace) -> bool:
    """Whether dualtrain prepared the data: a loop of one's own has no digest of them."""
    return trace.header.data_digest is not None


_OWED = {
    stages.BATCHES: _Owed(
        "digests of batches",
        lambda trace, spec: _of_a_task(trace) and bool(trace.updates),
        lambda trace: any(u.batches for u in trace.updates),
    ),
    stages.INITIAL_WEIGHTS: _Owed(
        "digests of the initial weights",
        lambda trace, spec: True,
        lambda trace: bool(trace.header.initial_digest),
    ),
    stages.INITIAL_OUTPUT: _Owed(
        "logits of the first batch",
        lambda trace, spec: _of_a_task(trace),
        lambda trace: trace.header.probe is not None,
    ),
    stages.LOSS: _Owed(
        "losses of micro-batches",
        lambda trace, spec: _of_a_task(trace) and bool(trace.updates),
        lambda trace: any(u.micro_losses for u in trace.updates),
    ),
    stages.CLIP: _Owed(
        "a norm after clipping, and the spec clips",
        lambda trace, spec: spec.clip is not None and not all(u.skipped for u in trace.updates),
        lambda trace: any(u.clipped_norm is not None for u in trace.updates),
    ),
    stages.EVALUATION: _Owed(
        "an evaluation, and the spec has task.eval",
        lambda trace, spec: (
            _of_a_task(trace)
            and trace.outcome == DONE
            and spec.task is not None
            and spec.task.eval is not None
        ),
        lambda trace: bool(trace.evaluations),
    ),
}


def missing(
    a: Trace, b: Trace, weights: Sequence[WeightSet | None]
) -> Iterator[tuple[Stage, Measure]]:
    """The stages of two runs with plans in which evidence is missing, each with what is."""
    specs = a.header.spec, b.header.spec
    if specs[0] is None or specs[1] is None:
        return
    for stage, one in _OWED.items():
        owed = any(one.owed(*pair) for pair in zip((a, b), specs, strict=True))
        if owed and not (one.there(a) or one.there(b)):
            yield stage, _measure(f"neither trace has {one.what}")
    if bool(a.header.decisions) != bool(b.header.decisions):
        yield stages.DECAY, _measure("what was decided for each parameter, of one side only")
    found = [one for one in weights if one is not None]
    if len(found) == 1:
        yield stages.UPDATE, _measure("the weights of one side only")
    elif found and any(s.ema for s in specs) and all(one.averages is None for one in found):
        yield stages.AVERAGES, _measure("neither trace has averages, and the spec has ema")


def _measure(text: str) -> Measure:
    return Measure(1, "names", detail=text, proves=False)
