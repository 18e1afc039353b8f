"""What a first line says twice, it says alike: spec and sizes, ledger and parameters, and so on.

A trace is evidence only if it is what a run wrote. Where the facts depart from the plan a
comparison finds it; where the plan departs from its own spec, no run wrote it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields

from dualtrain.errors import PlanError
from dualtrain.ledger import LedgerRow, Parameter, disputed
from dualtrain.listing import listed
from dualtrain.spec import Amp
from dualtrain.trace._header import Computation, Decision, Header, ParameterFacts, PlanFacts

__all__ = ["contradictions"]

Contradiction = tuple[str, str]
"""(rule, received)"""


def contradictions(header: Header) -> Iterator[Contradiction]:
    """All that a header says in two ways; nothing of one that a run wrote."""
    yield from _once("header parameters", [p.name for p in header.parameters])
    if header.parameters and (header.initial_digest or header.plan):
        names = {parameter.name for parameter in header.parameters}
        lacking = sorted(names - header.initial_digest.keys())
        if lacking:  # the digests of running statistics are more
            yield "header initial_digest has each parameter", f"none of {_named(lacking)}"
    if header.probe is not None and len({len(row) for row in header.probe}) > 1:
        yield "header probe has as many logits of each sample", "rows of several lengths"
    yield from _of_computation(header)
    if header.plan is not None:
        if header.device != header.plan.spec.device:
            yield f"header device is that of the spec, {header.plan.spec.device}", header.device
        yield from _of_sizes(header.plan)
        yield from _of_decisions(header.plan, header.parameters)


def _once(what: str, names: Iterable[str]) -> Iterator[Contradiction]:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        yield f"{what} have each name once", f"{_named(twice)} more than once"


def _named(names: Iterable[str]) -> str:
    return listed([repr(name) for name in names])


def _of_computation(header: Header) -> Iterator[Contradiction]:
    computation = header.computation
    trained = {p.dtype for p in header.parameters if p.trainable and p.dtype is not None}
    if header.spec is not None:
        widths = ["float32"] if header.spec.amp else ["float32", "float64"]
        if trained - {*widths}:
            rule = f"header parameters that train are {' or '.join(widths)}, whatever computes"
            yield rule, _named(sorted(trained - {*widths}))
        allowed = _types(header.spec.amp, trained)
        if computation not in allowed:
            told = " or ".join(map(str, allowed))
            amp = "amp" if header.spec.amp else "without amp"
            yield f"header computation is that of the spec, {amp}: {told}", str(computation)
    elif computation.level is None and trained and computation.dtype not in trained:
        told = " or ".join(sorted(trained))
        rule = f"without autocast, header computation is the type of what trains: {told}"
        yield rule, str(computation)


def _types(amp: Amp | None, trained: set[str]) -> list[Computation]:
    """In what a run may have computed; trained: the types of what trains, where they are known."""
    if amp is not None:
        return [Computation(dtype=amp.dtype, level=amp.level, masters=amp.level == "O2")]
    wide, plain = Computation(dtype="float64"), Computation(dtype="float32")
    if not trained:
        return [plain, wide]
    return [wide if trained == {"float64"} else plain]


def _of_sizes(plan: PlanFacts) -> Iterator[Contradiction]:
    try:
        resolved = PlanFacts.of(plan.resolved())
    except PlanError as error:
        yield "header plan is one that its spec allows", str(error)
        return
    for field in fields(PlanFacts):
        recorded, right = getattr(plan, field.name), getattr(resolved, field.name)
        if field.name not in ("spec", "decisions") and recorded != right:
            yield f"header plan.{field.name} of its spec is {right}", str(recorded)


def _of_decisions(
    plan: PlanFacts, parameters: tuple[ParameterFacts, ...]
) -> Iterator[Contradiction]:
    by_name = {parameter.name: parameter for parameter in parameters}
    yield from _once("header plan.decisions", [decision.name for decision in plan.decisions])
    apart = by_name.keys() ^ {decision.name for decision in plan.decisions}
    if apart:
        rule = "header plan.decisions and parameters have the same names"
        yield rule, f"{_named(sorted(apart))} in one of them"
        return
    for decision in plan.decisions:
        dispute = disputed(_row(decision, by_name[decision.name]), plan.spec)
        if dispute is not None:
            rule, received = dispute
            yield f"header plan.decisions, {decision.name!r}: {rule}", received


def _row(decision: Decision, facts: ParameterFacts) -> LedgerRow:
    parameter = Parameter(
        name=facts.name,
        structured=facts.structured,
        native=facts.native,
        shape=facts.shape,
        kind="other",
        trainable=facts.trainable,
    )
    given = {f.name: getattr(decision, f.name) for f in fields(Decision) if f.name != "name"}
    return LedgerRow(parameter=parameter, **given)
