"""The score as a table and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.port_score._score import FIELDS, Result

__all__ = ["shown", "summary"]


def _counts(results: Sequence[Result]) -> Counter[str]:
    return Counter(one for result in results for one in result.outcomes.values())


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """All numbers of a scoring."""
    near = [one for one in results if not one.spread]
    wanted = Counter(code for one in results for code in one.hazards)
    met = Counter(code for one in results for code in one.hazards & one.found)
    false = Counter(code for one in results for code in one.found - one.hazards)
    return {
        "recipes": len(results),
        "whole": sum(one.whole for one in results),
        "fields": dict(_counts(results)),
        "entry file alone": {
            "recipes": len(near),
            "whole": sum(one.whole for one in near),
            "fields": dict(_counts(near)),
        },
        "by field": {name: dict(Counter(one.outcomes[name] for one in results)) for name in FIELDS},
        "hazards": {
            "wanted": sum(wanted.values()),
            "found": sum(met.values()),
            "false": sum(false.values()),
            "by code": {
                code: [met[code], wanted[code], false[code]] for code in sorted(wanted | false)
            },
        },
        "seconds": {
            "all": sum(one.seconds for one in results),
            "longest": max((one.seconds for one in results), default=0.0),
        },
        "rows": [
            {
                "id": one.id,
                "outcomes": one.outcomes,
                "details": one.details,
                "missed": sorted(one.hazards - one.found),
                "false": sorted(one.found - one.hazards),
                "seconds": one.seconds,
                "fault": one.fault,
            }
            for one in results
        ],
    }


def shown(results: Sequence[Result], *, details: bool = False) -> str:
    """A page of text."""
    told = summary(results)
    lines: list[str] = []
    if details:
        for one in results:
            lines.append(f"{one.id}  {one.fault}")
            lines += [f"   {one.outcomes[k]:8}{k}: {v}" for k, v in one.details.items()]
            missed, false = sorted(one.hazards - one.found), sorted(one.found - one.hazards)
            lines += [f"   missed: {', '.join(missed)}"] if missed else []
            lines += [f"   false: {', '.join(false)}"] if false else []
    lines.append(f"{'field':18}{'right':>7}{'wrong':>7}{'unknown':>9}")
    for name in FIELDS:
        count = told["by field"][name]
        lines.append(
            f"{name:18}{count.get('right', 0):7}{count.get('wrong', 0):7}"
            f"{count.get('unknown', 0):9}"
        )
    for title, part in (("all", told), ("entry file alone", told["entry file alone"])):
        count = part["fields"]
        total = sum(count.values()) or 1
        shares = ", ".join(
            f"{count.get(name, 0) / total:.1%} {name}" for name in ("right", "wrong", "unknown")
        )
        lines.append(f"{title}: {part['recipes']} recipes, {part['whole']} whole; {shares}")
    hazards = told["hazards"]
    lines.append(
        f"hazards: {hazards['found']} of {hazards['wanted']} found, {hazards['false']} more"
    )
    lines.append(
        f"seconds: {told['seconds']['all']:.1f} in all, "
        f"{told['seconds']['longest']:.1f} the longest"
    )
    return "\n".join(lines)
