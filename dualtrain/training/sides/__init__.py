"""One side from start to end: a task, a model of the user's, or a loop of the user's own.

`_task.py` trains a task, which `_task_side.py` begins; `_fit.py` trains a model of the user's;
`_start.py` begins a loop of the user's own. `_follow.py` goes on from the states of another side,
update by update. `_saved.py` leaves the task beside the weights, and `_predict.py` predicts by
both. `_nudge.py` moves a model's weights for the chaos floor.
"""
