"""What is written and told while a run goes on, which it does not know of.

`_recorder.py` writes the trace, with what the model gave before training (`_probe.py`), and the
weights (`_save.py`); `_callbacks.py` tells a user's callbacks; `_watch.py` warns of a run that
trains nothing.
"""
