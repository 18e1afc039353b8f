"""What recipes do and no spec says, each with a name of its own and the reason: data."""

from __future__ import annotations

__all__ = ["BEYOND"]

BEYOND = {
    "several_optimizers": "a spec has one optimizer: each of several has a loop, and a spec, of "
    "its own",
    "several_backward_passes": "a micro-batch has one backward pass: what is added to its loss is "
    "one sum, and an update between two passes is another loop",
    "batches_in_tokens": "micro-batches are counted, not their tokens: an epoch has another number "
    "of them with each order of the data",
    "target_networks": "a spec trains one model: one that follows it is the loop's own affair",
    "rate_by_processes": "a rate is a number: write what it is for the processes that train",
}
"""Name -> why a recipe with it has no spec."""
