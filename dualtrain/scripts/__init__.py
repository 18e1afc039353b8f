"""A spec as the stand-alone training script that a person would have written, for one framework.

`_write.py` gathers what a script says, `_schedule.py` and `_optimizer.py` choose the native objects
for it, `_refusals.py` has the words that no script says yet. The text is in `templates/`: the two
frameworks side by side, one file for each concern; formulas that both share in
`templates/schedules`.
"""

from __future__ import annotations

from dualtrain.scripts._write import SCRIPT_BACKENDS as SCRIPT_BACKENDS
from dualtrain.scripts._write import write_script as write_script

__all__ = ["SCRIPT_BACKENDS", "write_script"]
