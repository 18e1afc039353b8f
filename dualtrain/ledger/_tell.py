"""What a caller is told of a ledger: where the model decides, and what of it nobody heeds."""

from __future__ import annotations

import warnings

from dualtrain.ledger._decide import Ledger, LedgerRow
from dualtrain.ledger._facts import THE_MODEL
from dualtrain.listing import listed

__all__ = ["tell"]


def tell(ledger: Ledger) -> None:
    """Warn of what the model decides beside the spec, and of marks that the spec passes over.

    A mark is timm's or Mamba's of "no weight decay", or Paddle's `L2Decay(0.0)` under decoupled
    decay, which native optimizers pass over as well.
    """
    rows = [row for row in ledger.rows if row.trains]
    texts = [f"{row.parameter.name} ({text})" for row in rows if (text := _decided(row))]
    if texts:
        warnings.warn(
            "the model itself decides how some parameters train, by ParamAttr or by what the "
            f"groups of an earlier optimizer left on them: {listed(texts)}. It stays so, beside "
            "the spec. To let the spec alone decide, set "
            "parameter.optimize_attr['learning_rate'] = 1.0 and parameter.regularizer = None",
            stacklevel=3,
        )
    names = [row.parameter.name for row in rows if row.decay and _is_marked(row)]
    if names:
        warnings.warn(
            "the model marks parameters as ones without weight decay, but the spec's rules decide, "
            f"and by them these decay: {listed(names)}. To exclude them, name them in "
            "weight_decay.exclude_patterns",
            stacklevel=3,
        )


def _decided(row: LedgerRow) -> str:
    multiplier = row.parameter.facts.lr_multiplier
    rate = f"rate x {multiplier:g}" if multiplier != 1.0 else ""
    decay = f"weight decay {row.decay:g}" if row.rule == THE_MODEL else ""
    return ", ".join(filter(None, (rate, decay)))


def _is_marked(row: LedgerRow) -> bool:
    facts = row.parameter.facts
    return facts.undecayed or (facts.decay == 0.0 and row.rule != THE_MODEL)
