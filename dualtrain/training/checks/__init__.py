"""What is refused before anything is built or trained, for every side alike.

`_before.py` refuses a spec that no side could train, `_memory.py` a model that is too large,
`_outputs.py` a place where a run must not write.
"""
