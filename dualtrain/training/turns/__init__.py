"""What is done between two updates, in turns (`_turn.py`); a turn may end the run.

`_evaluations.py` scores the model, `_plateau.py` takes a metric for the schedule, `_time_limit.py`
looks at the clock, and `_checkpoints.py` writes the state, the last of them. `_kept.py` is the
folder of the checkpoints: whether and where a run goes on.
"""
