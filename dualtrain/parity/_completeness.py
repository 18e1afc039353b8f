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
from dualtrain.parity._weight_set import WeightSet
from dualtrain.spec import Spec
from dualtrain.trace import Trace

__all__ = ["missing"]


@dataclass(frozen=True)
class _Owed:
    """A thing that a trace has if its run was made as its header says."""

    what: str
    owed: Callable[[Trace], bool]
    there: Callable[[Trace], bool]


def _spec(trace: Trace) -> Spec:
    assert trace.header.spec is not None, "only runs with plans owe anything"
    return trace.header.spec


def _of_a_task(trace: Trace) -> bool:
    """Whether dualtrain prepared the data: a loop of one's own has no digest of them."""
    return trace.header.data_digest is not None


_OWED = {
    stages.BATCHES: _Owed(
        "digests of the batches of each update",
        _of_a_task,
        lambda trace: all(u.batches for u in trace.updates),
    ),
    stages.INITIAL_WEIGHTS: _Owed(
        "digests of the initial weights",
        lambda trace: True,
        lambda trace: bool(trace.header.initial_digest),
    ),
    stages.INITIAL_OUTPUT: _Owed(
        "logits of the first batch",
        _of_a_task,
        lambda trace: any(trace.header.probe or ()),
    ),
    stages.LOSS: _Owed(
        "losses of the micro-batches of each update",
        _of_a_task,
        lambda trace: all(u.micro_losses for u in trace.updates),
    ),
    stages.ACCUMULATION: _Owed(
        "the gradient norm of each update",
        lambda trace: True,
        lambda trace: all(u.skipped or u.grad_norm is not None for u in trace.updates),
    ),
    stages.CLIP: _Owed(
        "the norm after clipping of each update, and the spec clips",
        lambda trace: _spec(trace).clip is not None,
        lambda trace: all(u.skipped or u.clipped_norm is not None for u in trace.updates),
    ),
    stages.EVALUATION: _Owed(
        "an evaluation, and the spec has task.eval",
        lambda trace: (
            _of_a_task(trace) and trace.is_whole and bool((task := _spec(trace).task) and task.eval)
        ),
        lambda trace: bool(trace.evaluations),
    ),
}


def missing(
    a: Trace, b: Trace, weights: Sequence[WeightSet | None]
) -> Iterator[tuple[Stage, Measure]]:
    """The stages of two runs with plans in which evidence is missing, each with what is."""
    if a.header.plan is None or b.header.plan is None:
        return
    for stage, one in _OWED.items():
        if any(map(one.owed, (a, b))) and not any(map(one.there, (a, b))):
            yield stage, _measure(f"not recorded: {one.what}")
    if bool(a.header.decisions) != bool(b.header.decisions):
        yield stages.DECAY, _measure("what was decided for each parameter, of one side only")
    found = [one for one in weights if one is not None]
    if len(found) == 1:
        yield stages.UPDATE, _measure("the weights of one side only")
    elif (
        found
        and any(_spec(trace).ema for trace in (a, b))
        and all(one.averages is None for one in found)
    ):
        yield stages.AVERAGES, _measure("not recorded: averages, and the spec has ema")


def _measure(text: str) -> Measure:
    return Measure(1, "names", detail=text, proves=False)
