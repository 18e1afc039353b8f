"""Whether the frameworks' kernels are right: each against its formula in numpy.

A case (`_case.py`) is a formula and inputs; the families are in `families/`. What a framework calls
for it stands in `in_torch.py` and `in_paddle.py`. `oracle.py` differentiates the formula, `run.py`
compares, `remedies.py` says what is done about what is off, `table.py` writes it down.
"""
