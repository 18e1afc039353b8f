"""Rows that a trace recorded, held against the spec that they are said to follow.

Not all can be decided anew: a trace does not say what further names a tied parameter has, what the
model asked of a parameter, nor in what order the layers are. What can be told is.
"""

from __future__ import annotations

from collections.abc import Sequence

from dualtrain.ledger._decide import DEFAULT, LedgerRow, decay_rules
from dualtrain.ledger._facts import THE_MODEL
from dualtrain.ledger._rules import ParameterRule
from dualtrain.spec import Spec

__all__ = ["disputed"]

Dispute = tuple[str, str]


def disputed(row: LedgerRow, spec: Spec) -> Dispute | None:
    """What a spec says of a row and what the row says; None where it may be the spec's.

    Of the parameter the names and the shape count.

    >>> from dualtrain.ledger import Parameter
    >>> names = {"name": "w", "structured": "w", "native": "w"}
    >>> w = Parameter(**names, shape=(2, 2), kind="other", trainable=True)
    >>> disputed(LedgerRow(parameter=w, roles=(), rule="default", decay=0.5), spec)
    ('by the rule default the decay is 0', '0.5')
    """
    is_vector = len(row.parameter.shape) == 1
    if is_vector != ("one_dimensional" in row.roles):
        roles, shape = ", ".join(row.roles) or "none", list(row.parameter.shape)
        return "the role one_dimensional is that of one dimension", f"{roles} with shape {shape}"
    return (
        _of_decay(row, spec)
        or _of_rate(row, spec)
        or _of_betas(row, spec)
        or _of_freezing(row, spec)
    )


def _of_decay(row: LedgerRow, spec: Spec) -> Dispute | None:
    if row.rule == THE_MODEL:
        if spec.rule.decoupled:
            return "of decoupled weight decay the model decides nothing", f"the rule {row.rule!r}"
        return None
    rule = row.rule.removesuffix(" (assumed)")
    rules = decay_rules(spec.weight_decay)
    value = 0.0 if spec.weight_decay is None else spec.weight_decay.value
    value = {str(one): own for one, own in rules.items()}.get(rule, value)
    return _of_rule([*rules], rule, row) or (
        None
        if row.decay == value
        else (f"by the rule {rule} the decay is {value:g}", f"{row.decay:g}")
    )


def _of_rate(row: LedgerRow, spec: Spec) -> Dispute | None:
    rules = [ParameterRule("lr_multipliers", "pattern", m.pattern) for m in spec.lr_multipliers]
    named = [rule for rule in rules if f"{row.lr_rule}, ".startswith(f"{rule}, ")]
    rule = max(named, key=lambda one: len(one.value), default=None)
    base = 1.0 if rule is None else spec.lr_multipliers[rules.index(rule)].over(spec.optimizer.lr)
    others = row.lr_rule if rule is None else row.lr_rule.removeprefix(str(rule))
    disputed = _of_rule(rules, DEFAULT if rule is None else str(rule), row)
    if disputed is not None or others.endswith(THE_MODEL):
        return disputed
    allowed, told = [base], f"{base:g}"
    if others not in ("", DEFAULT):
        if spec.layer_decay is None:
            return "its rule is one of the spec's", f"the rule {row.lr_rule!r}"
        rate = spec.layer_decay.rate
        allowed = [base * rate**above for above in range(_MOST_LAYERS)]
        told = f"{base:g} x {rate:g}^n"
    if row.lr_multiplier in allowed:
        return None
    return f"by the rule {row.lr_rule} the multiplier is {told}", f"{row.lr_multiplier:g}"


_MOST_LAYERS = 1000
"""Above a parameter."""


def _of_betas(row: LedgerRow, spec: Spec) -> Dispute | None:
    rules = [ParameterRule("own_betas", "pattern", part.pattern) for part in spec.own_betas]
    decided = {str(r): part.betas for r, part in zip(rules, spec.own_betas, strict=True)}
    betas = decided.get(row.betas_rule)
    return _of_rule(rules, row.betas_rule, row) or (
        None
        if row.betas == betas
        else (f"by the rule {row.betas_rule} the betas are {_told(betas)}", _told(row.betas))
    )


def _told(betas: tuple[float, float] | None) -> str:
    return "the optimizer's" if betas is None else "{:g} and {:g}".format(*betas)


def _of_freezing(row: LedgerRow, spec: Spec) -> Dispute | None:
    patterns = () if spec.freeze is None else spec.freeze.patterns
    rules = [ParameterRule("freeze.patterns", "pattern", pattern) for pattern in patterns]
    by_model = row.freeze_rule == THE_MODEL
    rule = DEFAULT if by_model else row.freeze_rule
    if row.frozen != (rule != DEFAULT):
        told = "is" if rule != DEFAULT else "is not"
        return f"by the rule {row.freeze_rule} it {told} frozen", f"frozen {row.frozen}"
    return _of_rule(rules, rule, row)


def _of_rule(rules: Sequence[ParameterRule], recorded: str, row: LedgerRow) -> Dispute | None:
    """Whether the recorded rule can be the first that fits.

    One by name that does not fit may fit a further name of a tied parameter.
    """
    received = f"the rule {recorded!r}"
    for rule in rules:
        fits = rule.value in row.roles if rule.kind == "role" else rule.holds(row.parameter)
        if recorded == str(rule) and (fits or rule.kind in ("pattern", "substring", "regex")):
            return None
        if fits:
            return f"the first rule that fits it is {str(rule)!r}", received
    return None if recorded == DEFAULT else ("its rule is one of the spec's that fit it", received)
