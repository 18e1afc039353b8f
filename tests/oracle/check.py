"""One case on one backend: trained, and judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dualtrain import Spec
from dualtrain.errors import BackendError
from tests.oracle.drive import train
from tests.oracle.judge import Verdict, judge
from tests.oracle.specs import Case

__all__ = ["Outcome", "check", "words"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of it."""

    verdict: Verdict
    refused: str | None = None
    """What the backend said it cannot do. Nothing was trained then."""

    def trouble(self, case: Case, backend: str) -> str | None:
        """The first difference and the case that has it."""
        if self.verdict.first is None:
            return None
        return f"{backend}: {self.verdict.first}\n{case.text()}"


def check(case: Case, backend: str) -> Outcome:
    """Train the case and hold it against the rules."""
    spec = Spec(**case.spec).model_dump()
    try:
        record = train(case, backend)
    except BackendError as error:
        return Outcome(verdict=Verdict(), refused=str(error))
    return Outcome(verdict=judge(case, spec, record, backend))


def words(cases: Iterable[Case]) -> set[str]:
    """Every field and choice that occurs, as `optimizer.name=adamw` or `clip.value`.

    What a phase of a sequence has counts as the schedule's own, but for its name.
    """
    found: set[str] = set()
    for case in cases:
        _collect("", Spec(**case.spec).model_dump(exclude_none=True), found)
    phase = "schedule.phases.schedule."
    return found | {
        word.replace(phase, "schedule.") for word in found if not word.startswith(f"{phase}name")
    }


def _collect(path: str, value: object, found: set[str]) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            _collect(f"{path}.{key}".lstrip("."), part, found)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _collect(path, part, found)
    elif isinstance(value, (str, bool)):
        found.add(f"{path}={value}")
    else:
        found.add(path)
