"""The states of a run, and what another side makes of each: the lockstep's half of training.

`_leader.py` leaves them as a run goes on. `_passes.py` makes the passes of an update again in the
run's own types, `_wide.py` in float64, and `_rounding.py` from weights moved by an ULP.
"""
