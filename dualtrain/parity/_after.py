"""What training arrived at: the final weights and the evaluation."""

from __future__ import annotations

from dualtrain.parity._finding import Measure
from dualtrain.parity._numbers import distance
from dualtrain.parity._tolerances import Tolerance, bars
from dualtrain.parity._weights import Tensor, Weights
from dualtrain.trace import Trace

__all__ = ["averages", "evaluation", "update"]


def update(weights: Weights) -> list[Measure]:
    """The names that one side lacks, and each tensor that is judged; the gravest first."""
    measures = [_tensor(tensor) for tensor in weights.judged]
    for what, names in (("not finite", weights.not_finite), ("on one side only", weights.alone)):
        if names:
            text = f"{what}: {', '.join(names[:3])}"
            measures.append(Measure(len(names), "names", detail=text))
    measures = measures or [Measure(0, "names")]
    return sorted(measures, key=lambda measure: measure.severity, reverse=True)


def averages(weights: Weights | None, *, one_sided: bool) -> list[Measure]:
    """The same of the weights' moving averages, which one side may lack altogether."""
    if one_sided:
        return [Measure(1, "names", detail="averages of the weights on one side only")]
    return update(weights) if weights is not None else []


def _tensor(tensor: Tensor) -> Measure:
    bound = Tolerance(tensor.bound, "x movement")
    detail = f"{tensor.name} (moved {tensor.movement:.1e})"
    return Measure(tensor.difference, "relative", bound, detail)


def evaluation(a: Trace, b: Trace) -> list[Measure]:
    """The examples in the evaluation split, how many were classified right, and their loss."""
    x, y = a.end, b.end
    if x.total is None and y.total is None:
        return []
    allowed = bars(a.header.spec, b.header.spec)
    examples = Tolerance(max(1.0, allowed.examples * min(x.total or 0, y.total or 0)), "examples")
    classified = x.correct is not None or y.correct is not None
    right = f"{x.correct} of {x.total} correct against {y.correct} of {y.total}"
    loss = f"evaluation loss {x.eval_loss} against {y.eval_loss}"
    sizes = right if classified else f"{x.total} examples against {y.total}"
    unequal = Measure(distance(x.total, y.total), "examples", detail=sizes)
    return [
        *([unequal] if unequal.value else []),
        *(
            [Measure(distance(x.correct, y.correct), "examples", examples, right)]
            if classified
            else []
        ),
        Measure(distance(x.eval_loss, y.eval_loss), "absolute", Tolerance(allowed.loss), loss),
    ]
