"""What a loop of one's own may do (`dualtrain.start`) and no loop of dualtrain's: leave epochs.

Its trace is known by its updates, which show no batches: the run never saw any.
"""

from __future__ import annotations

from dualtrain.plan import Plan
from dualtrain.trace._header import PlanFacts
from dualtrain.trace._records import Evaluation, Trace, Update

__all__ = ["begins_epoch", "leaves_epochs", "moves_clock_on", "sizes_of_groups"]


def moves_clock_on(record: Update | Evaluation, plan: Plan | PlanFacts) -> bool:
    """Whether its run may have left epochs and moved its clock on: see `Run.begin_epoch`.

    Only under a schedule per epoch; such a run may be done before the plan's last update.
    """
    shown = not isinstance(record, Update) or bool(record.batches)
    return plan.spec.schedule.per == "epoch" and not shown


def leaves_epochs(trace: Trace) -> bool:
    """The same of a run's own plan."""
    plan = trace.header.plan
    return plan is not None and any(moves_clock_on(update, plan) for update in trace.updates)


def begins_epoch(record: Update | Evaluation, clock: int, plan: Plan | PlanFacts) -> bool:
    """Whether it is the first after an epoch was left; clock: the t that is due without that."""
    begins = range(0, plan.total_updates, plan.updates_per_epoch)
    return moves_clock_on(record, plan) and record.t > clock and record.t in begins


def sizes_of_groups(plan: Plan) -> set[int]:
    """How many micro-batches an update may have; where an epoch was left, any group is the next."""
    count = plan.updates_per_epoch
    return {len(plan.group(index)) for index in (0, count - 1, count)}
