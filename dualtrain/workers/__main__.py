"""`python -m dualtrain.workers JOB.json` does a job, as `_talk.py` says."""

import sys

from dualtrain.workers._work import main

sys.exit(main(sys.argv[1]))
