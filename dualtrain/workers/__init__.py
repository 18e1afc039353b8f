"""Sides of a parity run at once, each in a process of its own, which may be another interpreter.

`_side.py` is what a side is, `_talk.py` all that a parent and a worker say to each other.
`_work.py` is the worker, `_process.py` its parent's view, `_signals.py` what ends both;
`_parity.py` is the run of two sides, `_judging.py` judges them in lockstep, `_following.py` a run
that was led elsewhere; `_folder.py` is the report folder, `_progress.py` what a person sees.
"""

from dualtrain.workers._folder import check_report as check_report
from dualtrain.workers._following import leave_shown as leave_shown
from dualtrain.workers._following import run_lockstep as run_lockstep
from dualtrain.workers._parity import run_parity as run_parity
from dualtrain.workers._process import Workers as Workers
from dualtrain.workers._progress import ProgressBars as ProgressBars
from dualtrain.workers._side import DEFAULT_SIDES as DEFAULT_SIDES
from dualtrain.workers._side import MOST_NUDGES as MOST_NUDGES
from dualtrain.workers._side import Side as Side
from dualtrain.workers._side import parse_side as parse_side
from dualtrain.workers._signals import Signals as Signals
