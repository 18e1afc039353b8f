"""What is decided for every parameter: whether it decays, how fast it learns, whether it trains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dualtrain.errors import LedgerError
from dualtrain.ledger._facts import THE_MODEL, Facts, check_facts, own_decay
from dualtrain.ledger._layers import Place, check_placed, places
from dualtrain.ledger._parameter import Parameter, roles_of
from dualtrain.ledger._rules import ParameterRule, first, nothing_matched
from dualtrain.spec import BatchStats, DecayValue, LayerDecay, Role, Spec, WeightDecay

__all__ = ["DEFAULT", "Ledger", "LedgerRow", "decay_rules", "decide"]

DEFAULT = "default"
"""What is given as the rule where none fired."""


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """A parameter and what was decided for it, each decision with the rule that fired."""

    parameter: Parameter
    roles: tuple[Role, ...]
    rule: str
    """Of the decay, e.g. `role norm` or `the model`; `default` if none fired."""
    decay: float
    """The weight decay it gets."""
    lr_rule: str = DEFAULT
    """Of the multiplier, e.g. `pattern classifier.*, layer 3 of encoder.layer, the model`."""
    lr_multiplier: float = 1.0
    """What its learning rate is multiplied by."""
    betas_rule: str = DEFAULT
    """Of betas of its own."""
    betas: tuple[float, float] | None = None
    """Its own; None: the optimizer's."""
    freeze_rule: str = DEFAULT
    """Of the freezing: a pattern, or `the model` where that holds it still already."""
    frozen: bool = False
    """Whether the spec freezes it."""

    @property
    def trains(self) -> bool:
        """Whether it gets gradients and updates."""
        return self.parameter.trainable and not self.frozen


@dataclass(frozen=True)
class Ledger:
    """All rows, in canonical order."""

    rows: tuple[LedgerRow, ...]
    batch_stats: BatchStats = "train"
    """Of layers whose parameters all stand still."""

    def decay(self) -> dict[str, float]:
        """Canonical name -> weight decay, for the parameters that train."""
        return {r.parameter.name: r.decay for r in self.rows if r.trains}

    def lr_multiplier(self) -> dict[str, float]:
        """Canonical name -> multiplier of the learning rate, for the parameters that train."""
        return {r.parameter.name: r.lr_multiplier for r in self.rows if r.trains}


def decide(parameters: Iterable[Parameter], spec: Spec) -> Ledger:
    """Apply the spec's parameter rules to a model's parameters.

    decay: the model's own where it has one and decay is coupled (`Facts`); else 0 by the first
    exclusion that holds, in the order of the spec's fields and of each list; else by the first of
    the values that holds; else the spec's value.
    lr multiplier: that of the first pattern that fits, times layer_decay^(layers above, see
    `places`), times the model's own, in float64. betas, if it has its own, and
    frozen: by the first pattern that fits.

    A tied parameter has one row, under the first of its names; a rule that fits any of them fits
    it. parameters: in the order in which a backend lists them, which layer_decay reads.

    Raises `LedgerError` for each rule that names no parameter at all, for layer_decay in a model
    without numbered layers or with parameters whose place cannot be told, for a model in which
    nothing trains, and for what a model says that no run can do.

    embeddings.weight of a 2-layer encoder with layer_decay 0.5: multiplier 0.5^3 = 0.125.
    """
    in_model_order = list(parameters)
    in_name_order = sorted(in_model_order, key=lambda p: p.name)
    decays = decay_rules(spec.weight_decay)
    multipliers = {
        ParameterRule(f"lr_multipliers[{index}].pattern", "pattern", part.pattern): part.over(
            spec.optimizer.lr
        )
        for index, part in enumerate(spec.lr_multipliers)
    }
    betas = {
        ParameterRule(f"own_betas[{index}].pattern", "pattern", part.pattern): part.betas
        for index, part in enumerate(spec.own_betas)
    }
    patterns = spec.freeze.patterns if spec.freeze is not None else ()
    freezing = [ParameterRule("freeze.patterns", "pattern", pattern) for pattern in patterns]
    below, above = _sides(spec.layer_decay)
    rules = [*decays, *multipliers, *betas, *freezing, *below, *above]
    silent = nothing_matched(rules, in_name_order, spec)
    if silent:
        raise LedgerError("\n".join(silent))
    rate = spec.layer_decay.rate if spec.layer_decay is not None else None
    place = {} if rate is None else places(in_model_order, below=below, above=above)
    decay = spec.weight_decay.value if spec.weight_decay is not None else 0.0
    rows = []
    for parameter in in_name_order:
        named, frozen = first(decays, parameter), first(freezing, parameter)
        owner = first(betas, parameter)
        own = own_decay(parameter.facts, spec)
        lr_rule, lr_multiplier = _rate(
            first(multipliers, parameter),
            multipliers,
            place.get(parameter.name),
            rate,
            parameter.facts,
        )
        rows.append(
            LedgerRow(
                parameter=parameter,
                roles=roles_of(parameter),
                rule=THE_MODEL
                if own is not None
                else named.text_for(parameter)
                if named
                else DEFAULT,
                decay=own if own is not None else decays[named] if named else decay,
                lr_rule=lr_rule,
                lr_multiplier=lr_multiplier,
                betas_rule=str(owner or DEFAULT),
                betas=None if owner is None else betas[owner],
                freeze_rule=str(frozen or (DEFAULT if parameter.trainable else THE_MODEL)),
                frozen=frozen is not None,
            )
        )
    _check_something_trains(rows, spec)
    if rate is not None:
        needed = {row.parameter.name for row in rows if row.trains} - place.keys()
        check_placed(in_model_order, [p for p in in_model_order if p.name in needed], rate)
    check_facts({r.parameter.name: r.parameter.facts for r in rows if r.trains}, spec)
    return Ledger(tuple(rows), spec.freeze.batch_stats if spec.freeze is not None else "train")


def decay_rules(spec: WeightDecay | None) -> dict[ParameterRule, float]:
    """What gives parameters another decay than the usual one, in the order in which it holds."""
    if spec is None:
        return {}
    below = spec.exclude_below_ndim
    excluding = [
        *(ParameterRule("weight_decay.exclude", "role", role) for role in spec.exclude),
        *(
            ParameterRule("weight_decay.exclude_patterns", "pattern", p)
            for p in spec.exclude_patterns
        ),
        *(
            ParameterRule("weight_decay.exclude_substrings", "substring", s)
            for s in spec.exclude_substrings
        ),
        *(ParameterRule("weight_decay.exclude_regex", "regex", r) for r in spec.exclude_regex),
        *([] if below is None else [ParameterRule(_BELOW, "ndim below", str(below))]),
    ]
    return {
        **dict.fromkeys(excluding, 0.0),
        **{_rule_of(index, part): part.value for index, part in enumerate(spec.values)},
    }


def _rule_of(index: int, part: DecayValue) -> ParameterRule:
    field = f"weight_decay.values[{index}]"
    if part.role is not None:
        return ParameterRule(f"{field}.role", "role", part.role)
    assert part.pattern is not None, "a value has a role or a pattern"
    return ParameterRule(f"{field}.pattern", "pattern", part.pattern)


def _sides(spec: LayerDecay | None) -> tuple[list[ParameterRule], list[ParameterRule]]:
    if spec is None:
        return [], []
    return (
        [ParameterRule("layer_decay.below", "pattern", pattern) for pattern in spec.below],
        [ParameterRule("layer_decay.above", "pattern", pattern) for pattern in spec.above],
    )


_BELOW = "weight_decay.exclude_below_ndim"


def _rate(
    rule: ParameterRule | None,
    multipliers: dict[ParameterRule, float],
    place: Place | None,
    rate: float | None,
    facts: Facts,
) -> tuple[str, float]:
    """The rules behind a multiplier, and their product."""
    texts, product = [], 1.0
    if rule is not None:
        texts.append(str(rule))
        product *= multipliers[rule]
    if place is not None and rate is not None:
        texts.append(place.text)
        product *= rate**place.above
    if facts.lr_multiplier != 1.0:
        texts.append(THE_MODEL)
        product *= facts.lr_multiplier
    return ", ".join(texts) or DEFAULT, product


def _check_something_trains(rows: Sequence[LedgerRow], spec: Spec) -> None:
    if any(row.trains for row in rows):
        return
    frozen = sum(row.frozen for row in rows)
    by = f", {frozen} of them frozen by freeze.patterns" if frozen else ""
    file, line = spec.source.place(("freeze", "patterns")) if frozen else (None, None)
    place = "" if file is None else f"{file}:{line}: "
    cure = "; leave a pattern out" if frozen else ""
    raise LedgerError(
        f"{place}the model must have a parameter that trains{cure}. "
        f"Received: none of {len(rows)}{by}"
    )
