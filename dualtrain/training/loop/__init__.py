"""The one loop over micro-batches, for both frameworks.

`_loop.py` is the loop, whose updates `_update.py` makes. `_batch.py` and `_epochs.py` take the data
as users have them, `_drawn.py` draws them from where the run stands, and `_objective.py` makes a
loss of them.
"""
