"""One run: its native objects and its clock, its state, and what is told of it.

`_run.py` is the run, `_native.py` its native objects, `_loss.py` what it takes for a loss.
`_state.py` takes its state and gives it back, `_random.py` all that random numbers come from,
`_generators.py` the ones that a loader has of its own; `_checkpoint.py` puts them together.
`_header.py` describes it, and `_journal.py` reads the numbers of its updates, for whoever observes
it (`_observer.py`).
"""
