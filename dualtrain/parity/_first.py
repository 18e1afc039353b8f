"""Which finding decides, and what several stages tell together about where to look.

A difference shows before training, in it or after it. The final weights show nothing before the
end, so a wrong update is first seen in the loss that follows it: `explained` turns that back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dualtrain.parity import _during as during
from dualtrain.parity._finding import Finding, Measure, Verdict
from dualtrain.parity._stages import (
    ACCUMULATION,
    AFTER,
    INITIAL_OUTPUT,
    LOSS,
    STAGES,
    UPDATE,
    Stage,
)
from dualtrain.trace import Trace

__all__ = ["Findings", "deciding", "explained", "starts_alike"]

Findings = Mapping[Stage, Finding]

_BEFORE, _DURING, _AFTER = 0, 1, 2


def deciding(findings: Findings) -> Finding | None:
    """The difference at the earliest moment; at the same moment that of the earliest stage.

    Without a difference, the first that is no proof, in the same order; None if all agree.
    """
    first = _first(findings) or _first(findings, "no proof")
    return None if first is None else findings[first]


def starts_alike(findings: Findings) -> bool:
    """Whether nothing differs that is known before the first update."""
    first = _first(findings)
    return first is None or _moment(first, findings[first])[0] != _BEFORE


def _first(findings: Findings, verdict: Verdict = "differs") -> Stage | None:
    found = {_moment(s, f): s for s, f in findings.items() if f.verdict == verdict}
    return found[min(found)] if found else None


def _moment(stage: Stage, finding: Finding) -> tuple[int, int, int]:
    """When a difference shows: before, during or after training; then update; then stage."""
    if finding.first_update is not None:
        return _DURING, finding.first_update, STAGES.index(stage)
    return _AFTER if stage in AFTER else _BEFORE, 0, STAGES.index(stage)


def explained(findings: Findings, a: Trace, accumulated: Sequence[Measure]) -> Findings:
    """The findings, with what only several of them together can tell.

    - What adds up differs in groups of another size only: that is `batch.tail`.
    - The losses of update 0 part although the initial output agrees: the loss is computed
      otherwise.
    - The losses part at update t > 0, nothing else did before, and the weights end apart: update
      t - 1 moved the weights otherwise. The stage `update` then differs from that update on. Not
      so for a loss that is no number on one side.
    """
    result = dict(findings)
    if during.tail_only(a, accumulated):
        tail = "only in groups of another size than batch.accumulate"
        result[ACCUMULATION] = _adding(result[ACCUMULATION], tail, knob="batch.tail")
    if _first(result) == LOSS:
        t = result[LOSS].first_update
        if t == 0 and INITIAL_OUTPUT in result:
            why = "the initial output agrees, so the loss is computed otherwise"
            result[LOSS] = _adding(result[LOSS], why)
        finite = math.isfinite(result[LOSS].largest)
        if t and finite and UPDATE in result and result[UPDATE].verdict == "differs":
            why = f"by update {t - 1}: its gradient agrees, the next loss does not"
            result[UPDATE] = replace(_adding(result[UPDATE], why), first_update=t - 1)
    return result


def _adding(finding: Finding, detail: str, *, knob: str | None = None) -> Finding:
    return replace(finding, detail=f"{finding.detail}; {detail}", knob=knob or finding.knob)
