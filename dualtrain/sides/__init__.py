"""Both sides of a parity run at once: `_sides.py` is the run, `_process.py` one side's process as
its parent sees it, `_progress.py` what a person sees of them.

The process itself is `dualtrain.worker`.
"""

from dualtrain.sides._progress import ProgressBars as ProgressBars
from dualtrain.sides._sides import run_parity as run_parity
from dualtrain.sides._sides import without_randomness as without_randomness
