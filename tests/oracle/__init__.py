"""An oracle: what a spec means, once more, in plain numpy and float64.

The rules (`schedules.py`, `optimizers.py`, `update.py`, `parameters.py`, `loss.py`, `model.py`)
read a spec as data, a dict, and know nothing of dualtrain: a test holds them to that. `specs.py`
draws random cases, `drive.py` trains one by the product and keeps what happened, `judge.py` holds
that against the rules, update by update, so that a fault is found at the first update that has it.

Every update is judged from the state in which it really began: gradients from the product's
weights, the next weights from the product's gradients and the oracle's own moments. So an error of
rounding does not grow, and nothing but rounding is borne.
"""
