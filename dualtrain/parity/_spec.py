"""The specs themselves: what differs between them and shows in no other stage."""

from __future__ import annotations

from collections.abc import Mapping

from dualtrain.listing import listed
from dualtrain.parity._finding import Measure
from dualtrain.parity._stages import differing_fields
from dualtrain.trace import Trace

__all__ = ["IRRELEVANT", "spec"]

IRRELEVANT: Mapping[str, str] = {
    "batch.micro_batches_per_epoch": "only foretells the run's own, which the stage plan compares",
    "checkpoint.every.epochs": "when a run is kept, not how it trains",
    "checkpoint.every.updates": "when a run is kept, not how it trains",
    "checkpoint.keep": "what is kept of a run, not how it trains",
    "device": "where a side runs is what is compared, not how it trains",
    "duration.time_limit": "how far a side came is compared by its updates",
    "task.module": "what the code computes is compared, and told where it is another",
    "task.train": "the data themselves are compared, by their digest",
    "task.eval": "the data themselves are compared, by their digest",
    "task.text": "the data themselves are compared, by their digest",
    "task.label": "the data themselves are compared, by their digest",
    "task.model.path": "the weights that a side begins with are compared, by their digests",
}
"""Fields that two sides of one training run may have otherwise, each with the reason."""


def spec(a: Trace, b: Trace) -> list[Measure]:
    """How many fields differ between the two specs; those of `IRRELEVANT` do not count.

    An eps of 1e-6 for 1e-8 may hide in the rounding of a short run: the specs say it.
    """
    left, right = a.header.spec, b.header.spec
    if left is None or right is None:
        return []
    differing = differing_fields(left, right)
    told = [f"{n} {x!r} against {y!r}" for n, (x, y) in differing.items() if n not in IRRELEVANT]
    return [Measure(len(told), "names", detail=listed(told))]
