"""Several processes of one run: what each has of a micro-batch, and what it knows of the others.

`_processes.py` is a process's part in the run. The processes know of each other by `_presence.py`,
which has a process beside each that runs `_sentinel.py`, by itself.
"""

from dualtrain.training.processes._processes import Processes as Processes
from dualtrain.training.processes._processes import alone as alone
from dualtrain.training.processes._processes import check_same_run as check_same_run
from dualtrain.training.processes._processes import device_of as device_of
from dualtrain.training.processes._processes import joined as joined
